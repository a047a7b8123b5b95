//! To be written.

pub mod devices;
