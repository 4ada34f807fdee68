//! Checks of the repository itself: layers, cycles, sizes of files, paths, the glossary. They read sources and run nothing.

mod cycles;
mod files;
mod glossary;
mod layers;
mod names;
mod sources;
mod tokens;
