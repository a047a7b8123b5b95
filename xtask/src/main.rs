//! `cargo xtask`: sets up what is missing, then builds, serves or tests.
fn main() {}
