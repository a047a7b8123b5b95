//! Mounts the browser app.
fn main() {}
