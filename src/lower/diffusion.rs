//! To be written.

use super::Workload;
use crate::{catalog::arch::Diffusion, model::Model};

pub(super) fn lower(_arch: &Diffusion, _workload: &Workload, _model: &mut Model) {}
