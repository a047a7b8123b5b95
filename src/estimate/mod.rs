//! To be written.
pub mod figure;
pub use figure::{Basis, Figure};
