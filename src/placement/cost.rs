//! What Core ML's planner thinks an operation costs on each unit: what it compares when it chooses.
//!
//! The rates are data (`planner_cost` in `assets/data/rules.toml`), fitted to the estimates that Core ML printed for one
//! network on an M1; the GPU's follow the size of the GPU. Invariant: from shapes alone, so one figure serves every
//! variant. Absent on purpose: how long anything really takes (`time`), and what a change of unit costs (`segment`).

use crate::{
    catalog::{CostClass, CostRow, Rulebook},
    machine::Unit,
    model::{DType, Op, OpKind, TensorType},
};

use super::{
    facts::{Facts, data_inputs, sizes},
    work::Work,
};

/// Fewest input channels of the dense class.
const DENSE_CHANNELS: f64 = 32.0;
/// Most output channels of the narrow class.
const NARROW_CHANNELS: f64 = 16.0;

/// Seconds on each unit, by [`Unit::idx`].
pub type Cost = [f64; 3];

/// What an operation costs, by the planner's own account.
pub(super) fn of(facts: &Facts<'_>, op: &Op, work: &Work) -> Cost {
    let (class, billions) = amount(facts, op, work);
    let Some(row) = Rulebook::get().costs.iter().find(|row| row.class == class) else { return [0.0; 3] };
    // A larger GPU is trusted with less than its size: what `all` did on Max chips (FastViT, RoBERTa) says so.
    let gpu_size = facts.machine.gpu_size().sqrt();
    Unit::EVERY.map(|unit| match unit {
        Unit::Ane => billions / row.ane,
        Unit::Gpu => billions / (row.gpu * gpu_size),
        Unit::Cpu => billions / row.cpu,
    })
}

/// The same for the older of the CPU's two libraries, which the planner lists beside the newer.
#[must_use]
pub(super) fn classic(facts: &Facts<'_>, op: &Op, work: &Work) -> f64 {
    let (class, billions) = amount(facts, op, work);
    let of = |row: &CostRow| billions / row.cpu_classic;
    Rulebook::get().costs.iter().find(|row| row.class == class).map_or(0.0, of)
}

/// The class of an operation, and how many billions of its unit (operations or bytes) it has.
fn amount(facts: &Facts<'_>, op: &Op, work: &Work) -> (CostClass, f64) {
    let output = op.outputs.first().and_then(|output| facts.function.tensor(*output));
    let n_out = output.and_then(TensorType::elements).unwrap_or(0) as f64;
    let (class, amount) = match op.kind {
        OpKind::Conv => {
            let weight: Vec<f64> =
                facts.tensor(op, "weight").map(|w| sizes(w).map(|size| size as f64).collect()).unwrap_or_default();
            let taps: f64 = weight.iter().skip(2).product();
            let depth = taps * weight.get(1).copied().unwrap_or(0.0);
            let groups = facts.ints(op, "groups").first().copied().unwrap_or(1) as f64;
            let channels = weight.get(1).copied().unwrap_or(0.0) * groups;
            let pixels: u64 = output.map_or(1, |output| sizes(output).skip(2).product());
            let class = if groups > 1.0 && groups >= channels || pixels <= 1 {
                CostClass::ConvThin
            } else if taps <= 1.0 || channels < DENSE_CHANNELS {
                CostClass::ConvPlain
            } else if weight.first().is_some_and(|outputs| *outputs <= NARROW_CHANNELS) {
                CostClass::ConvNarrow
            } else {
                CostClass::ConvDense
            };
            (class, (2.0 * depth + 1.0) * n_out)
        }
        OpKind::Linear | OpKind::Matmul => {
            let features = output.and_then(|output| sizes(output).next_back()).unwrap_or(1) as f64;
            let class = if n_out <= features { CostClass::ConvThin } else { CostClass::ConvPlain };
            (class, work.flops + n_out)
        }
        OpKind::Einsum | OpKind::ScaledDotProductAttention | OpKind::ConvTranspose => {
            (CostClass::ConvPlain, work.flops)
        }
        OpKind::Lstm | OpKind::Gru | OpKind::Rnn => (CostClass::ConvThin, work.flops),
        OpKind::Relu | OpKind::Relu6 | OpKind::ClampedRelu | OpKind::LeakyRelu | OpKind::Prelu => {
            (CostClass::Rectify, bytes(facts, op))
        }
        OpKind::Add | OpKind::Sub | OpKind::Mul | OpKind::RealDiv | OpKind::Maximum | OpKind::Minimum => {
            let full = output.is_some_and(|output| output.dtype == DType::Fp32);
            let class = match (full, op.kind) {
                (true, OpKind::Mul | OpKind::RealDiv) => CostClass::Scale32,
                (true, _) => CostClass::Shift32,
                (false, _) => CostClass::Combine,
            };
            (class, bytes(facts, op))
        }
        OpKind::Transpose => (CostClass::Transpose, bytes(facts, op)),
        _ => (CostClass::Move, bytes(facts, op)),
    };
    (class, amount / 1e9)
}

/// Bytes read and written, constants aside.
fn bytes(facts: &Facts<'_>, op: &Op) -> f64 {
    let inputs = data_inputs(facts.function, facts.model, op).map(|(_, value)| value);
    let tensors = inputs.chain(op.outputs.iter().copied()).filter_map(|value| facts.function.tensor(value));
    tensors.map(|tensor| tensor.bytes() as f64).sum()
}
