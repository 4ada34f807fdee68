//! Checks of the repository itself: layers, cycles, lengths of files, paths, links, the glossary, what prints. They read files and run nothing.

mod cycles;
mod files;
mod glossary;
mod layers;
mod manifests;
mod names;
mod pages;
mod printing;
mod programs;
mod sources;
mod time;
mod tokens;
