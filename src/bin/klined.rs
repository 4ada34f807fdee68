//! The program `klined`.

fn main() {}
