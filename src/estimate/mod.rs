//! To be written.
pub use crate::units::{Basis, Figure};
