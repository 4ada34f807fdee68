//! Checks of the repository itself: layers, cycles, lengths of files, paths, links, the glossary. They read files and run nothing.

mod cycles;
mod files;
mod glossary;
mod layers;
mod names;
mod pages;
mod sources;
mod time;
mod tokens;
