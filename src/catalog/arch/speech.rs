//! To be written.

use serde::{Deserialize, Serialize};

/// To be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speech {}
