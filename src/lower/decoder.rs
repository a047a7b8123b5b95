//! To be written.

use super::Workload;
use crate::{catalog::arch::Decoder, model::Model};

pub(super) fn lower(_arch: &Decoder, _workload: &Workload, _model: &mut Model) {}
