//! To be written.

use super::Workload;
use crate::{catalog::arch::Speech, model::Model};

pub(super) fn lower(_arch: &Speech, _workload: &Workload, _model: &mut Model) {}
