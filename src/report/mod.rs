//! To be written.
pub mod variants;
