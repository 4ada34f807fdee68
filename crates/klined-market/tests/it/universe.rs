//! Universes: invented A-shares, CSV files.

mod ashare;
mod files;
