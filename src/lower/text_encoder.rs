//! To be written.

use super::Workload;
use crate::{catalog::arch::TextEncoder, model::Model};

pub(super) fn lower(_arch: &TextEncoder, _workload: &Workload, _model: &mut Model) {}
