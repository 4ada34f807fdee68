//! The programs as processes: command lines, signals, crashes, faults, logs, health, and how they are deployed.

mod calendars;
mod check;
mod cli;
mod configuration;
mod daemons;
mod deploy;
mod faults;
mod health;
mod hours;
mod logs;
mod operations;
mod realism;
mod restarts;
mod sample;
mod supervision;
mod terminal;
mod up;
mod variables;
