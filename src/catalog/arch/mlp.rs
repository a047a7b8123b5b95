//! Fully connected layers.

use serde::{Deserialize, Serialize};

/// `Linear(inputs, outputs)` with ReLU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// Width of the input and of each layer's result.
    pub widths: Vec<u32>,
    /// Rows of one call.
    pub batch: u32,
}
