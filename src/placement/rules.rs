//! Which compute units may run an operation, and why not.
//!
//! These are the rules that every source agrees on (confidence A and B of the fact base): element types, ranks,
//! dimensions and the list of operations without a Neural Engine path. Absent on purpose: cost. An operation that no
//! rule names is taken as eligible.

use serde::{Deserialize, Serialize};

use crate::{
    machine::Machine,
    model::{DType, Def, Dim, Encoding, Function, Granularity, Model, Op, OpKind, TensorType},
};

/// Why an operation may not run on the Neural Engine. The ids are those of the fact base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// D01: a tensor is fp32.
    Fp32,
    /// D03: a tensor is of an integer type that the engine has no format for.
    Integer,
    /// D05: a Boolean tensor is moved or combined.
    Boolean,
    /// G06: control flow or list operation.
    ControlFlow,
    /// G05: custom layer.
    Custom,
    /// G08: rank above 5.
    Rank,
    /// S01, S02, S07: a dimension is beyond the limit of the chip's engine.
    Dimension,
    /// F01, G09: a dimension is decided at run time.
    Flexible,
    /// O30: recurrent layer.
    Recurrent,
    /// O20–O29, O43: an operation without a Neural Engine path.
    NoPath,
    /// O07: the weights of a convolution are not constant.
    DynamicWeight,
    /// O08: three-dimensional convolution or pooling.
    ThreeDimensional,
    /// C06: the weight has a scale for each block.
    PerBlock,
    /// M02, M04: the weight file is larger than the engine's loader takes.
    WeightFile,
}

/// Why the Neural Engine cannot take an operation; `None` when it can.
pub(super) fn refusal(model: &Model, function: &Function, op: &Op, machine: &Machine) -> Option<Reason> {
    if let Some(reason) = by_kind(op.kind) {
        return Some(reason);
    }
    if matches!(op.kind, OpKind::Conv | OpKind::ConvTranspose)
        && let Some(weight) = op.input(&model.names, "weight")
        && function.weight(weight).is_none()
        && !matches!(function.value(weight).map(|value| &value.def), Some(Def::Const(_)))
    {
        return Some(Reason::DynamicWeight);
    }
    let outputs = op.outputs.iter().filter_map(|id| function.tensor(*id));
    // Where a cache is written is an index, not data: the state pattern takes it as it is.
    let is_index = |param: &str| op.kind == OpKind::SliceUpdate && matches!(param, "begin" | "end");
    let data = op.inputs.iter().filter(|(param, _)| !is_index(model.names.get(*param)));
    let inputs = data.flat_map(|(_, values)| values).filter_map(|id| {
        let value = function.value(*id)?;
        match value.def {
            Def::Input | Def::State | Def::Op => value.ty.tensor(),
            Def::Const(_) | Def::Weight(_) => None,
        }
    });
    for tensor in outputs.chain(inputs) {
        if let Some(reason) = by_type(op.kind, tensor, machine) {
            return Some(reason);
        }
    }
    for (_, values) in &op.inputs {
        for value in values {
            let Some(weight) = function.weight(*value).and_then(|id| model.weight(id)) else { continue };
            if let Encoding::Linear { granularity: Granularity::PerBlock(_), .. } = weight.encoding {
                return Some(Reason::PerBlock);
            }
        }
    }
    None
}

fn by_kind(kind: OpKind) -> Option<Reason> {
    match kind {
        OpKind::Cond
        | OpKind::WhileLoop
        | OpKind::ListGather
        | OpKind::ListLength
        | OpKind::ListRead
        | OpKind::ListScatter
        | OpKind::ListWrite
        | OpKind::MakeList => Some(Reason::ControlFlow),
        OpKind::CustomLayer => Some(Reason::Custom),
        OpKind::Lstm | OpKind::Gru | OpKind::Rnn => Some(Reason::Recurrent),
        OpKind::Gather
        | OpKind::GatherAlongAxis
        | OpKind::GatherNd
        | OpKind::Scatter
        | OpKind::ScatterAlongAxis
        | OpKind::ScatterNd
        | OpKind::Topk
        | OpKind::Argsort
        | OpKind::ReduceArgmax
        | OpKind::ReduceArgmin
        | OpKind::NonZero
        | OpKind::OneHot
        | OpKind::Range1d
        | OpKind::Shape
        | OpKind::BandPart
        | OpKind::ReverseSequence
        | OpKind::SlidingWindows
        | OpKind::RandomBernoulli
        | OpKind::RandomCategorical
        | OpKind::RandomNormal
        | OpKind::RandomUniform
        | OpKind::Cumsum
        | OpKind::Mod
        | OpKind::ReduceProd
        | OpKind::LogicalAnd
        | OpKind::LogicalOr
        | OpKind::LogicalXor
        | OpKind::Sin
        | OpKind::Cos
        | OpKind::Tan
        | OpKind::Asin
        | OpKind::Acos
        | OpKind::Atanh
        | OpKind::Sinh
        | OpKind::Cosh
        | OpKind::NonMaximumSuppression
        | OpKind::Classify => Some(Reason::NoPath),
        _ => None,
    }
}

fn by_type(kind: OpKind, tensor: &TensorType, machine: &Machine) -> Option<Reason> {
    match tensor.dtype {
        DType::Fp32 | DType::Fp64 => return Some(Reason::Fp32),
        DType::Int16 | DType::Int32 | DType::Int64 | DType::UInt32 | DType::UInt64 => return Some(Reason::Integer),
        DType::Bool => {
            if matches!(kind, OpKind::Tile | OpKind::Concat | OpKind::Reshape) {
                return Some(Reason::Boolean);
            }
        }
        _ => {}
    }
    if tensor.shape.len() > 5 {
        return Some(Reason::Rank);
    }
    if tensor.shape.len() == 5 && matches!(kind, OpKind::Conv | OpKind::AvgPool | OpKind::MaxPool) {
        return Some(Reason::ThreeDimensional);
    }
    if tensor.is_flexible() {
        return Some(Reason::Flexible);
    }
    // Width and height are the two innermost axes; the channel axis may be as long as 65536 everywhere.
    let inner = tensor.shape.iter().rev().take(2);
    let too_long = |limit: u64| move |dim: &Dim| matches!(dim, Dim::Fixed(size) if *size > limit);
    let beyond = if tensor.shape.len() >= 2 {
        inner.clone().any(too_long(machine.ane_max_width))
    } else {
        tensor.shape.iter().any(too_long(65_536))
    };
    (beyond || tensor.shape.iter().any(too_long(65_536))).then_some(Reason::Dimension)
}
