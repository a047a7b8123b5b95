//! To be written.

use super::Workload;
use crate::{catalog::arch::Vision, model::Model};

pub(super) fn lower(_arch: &Vision, _workload: &Workload, _model: &mut Model) {}
