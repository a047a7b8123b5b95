//! What the test of a rule means for one operation: shapes, types, ranks, parameters and who makes what.
//!
//! Invariants: total, and decided by structure alone, never by the name of a value or a file. Absent on purpose: tests of
//! whole functions (`gates`), and weights that a variant decides (those answer for the operation's side only).

use crate::{
    catalog::{Test, WeightTest},
    model::{DType, Dim, Flexibility, Literal, Op, OpKind, TensorType, ValueId},
};

use super::{
    facts::{Facts, data_inputs, sizes},
    work::{OpClass, class_of},
};

/// Largest number that fp16 holds.
const HALF_MAX: f32 = 65_504.0;
/// Longest batch or channel axis of any Neural Engine.
const AXIS_MAX: u64 = 65_536;

/// What many tests ask of one operation, gathered once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    full: bool,
    wide_integer: bool,
    short_index: bool,
    boolean: bool,
    rank: usize,
    flexible_in: bool,
    flexible_out: bool,
    /// Longest axis of any tensor; of one-dimensional ones apart.
    axis: u64,
    row: u64,
    /// Longest of the last two axes, for images and for what has fewer dimensions.
    side: u64,
    flat_side: u64,
    /// The shorter of the last two axes of an image, longest of all.
    area_side: u64,
}

/// Looks at every tensor of an operation.
pub(super) fn look(facts: &Facts<'_>, op: &Op) -> Seen {
    let mut seen = Seen::default();
    let inputs = data_inputs(facts.function, facts.model, op).map(|(_, value)| (value, false));
    for (value, is_output) in op.outputs.iter().map(|value| (*value, true)).chain(inputs) {
        let Some(tensor) = facts.function.tensor(value) else { continue };
        seen.add(tensor, is_output, is_imagelike(op.kind));
    }
    seen
}

impl Seen {
    fn add(&mut self, tensor: &TensorType, is_output: bool, is_imagelike: bool) {
        match tensor.dtype {
            DType::Fp32 | DType::Fp64 => self.full = true,
            DType::Int16 | DType::Int32 | DType::Int64 | DType::UInt32 | DType::UInt64 => self.wide_integer = true,
            DType::UInt16 => self.short_index = true,
            DType::Bool => self.boolean = true,
            _ => {}
        }
        let rank = tensor.shape.len();
        self.rank = self.rank.max(rank);
        if tensor.is_flexible() {
            *(if is_output { &mut self.flexible_out } else { &mut self.flexible_in }) = true;
        }
        let longest = sizes(tensor).max().unwrap_or(1);
        if rank < 2 {
            self.row = self.row.max(longest);
            return;
        }
        self.axis = self.axis.max(longest);
        let mut from_last = sizes(tensor).rev();
        let (last, before) = (from_last.next().unwrap_or(1), from_last.next().unwrap_or(1));
        if rank >= 4 {
            self.side = self.side.max(last).max(before);
            self.area_side = self.area_side.max(last.min(before));
        } else if is_imagelike {
            // Of a one-dimensional convolution the second axis is channels.
            self.side = self.side.max(last);
        } else {
            self.flat_side = self.flat_side.max(last).max(before);
        }
    }
}

/// Operations that see batch, channels and space, whatever the rank.
fn is_imagelike(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Conv
            | OpKind::ConvTranspose
            | OpKind::AvgPool
            | OpKind::MaxPool
            | OpKind::L2Pool
            | OpKind::BatchNorm
            | OpKind::InstanceNorm
    )
}

/// Whether the test of a rule holds for an operation. Tests of whole functions never do.
pub(super) fn holds(test: &Test, facts: &Facts<'_>, op: &Op, seen: &Seen) -> bool {
    let data = |param: &str| facts.tensor(op, param);
    match test {
        Test::Always => true,
        Test::FullPrecision => seen.full,
        Test::FullPrecisionIsland => seen.full && facts.has_half && !is_at_front(facts, op) && !is_boundary(facts, op),
        Test::BoundaryCast => seen.full && is_boundary(facts, op),
        Test::InnerCast => seen.full && !is_boundary(facts, op),
        Test::ImageScale => seen.full && facts.has_half && is_at_front(facts, op),
        Test::WideIntegers => seen.wide_integer || seen.short_index && facts.machine.ios_level() < 17,
        Test::Booleans => {
            let moves = class_of(op.kind) == OpClass::Move;
            let combines =
                matches!(op.kind, OpKind::LogicalAnd | OpKind::LogicalOr | OpKind::LogicalXor | OpKind::LogicalNot);
            seen.boolean && (moves || combines)
        }
        Test::RankAbove(most) => seen.rank > *most,
        Test::ValueShape => is_value_shaped(facts, op, seen),
        Test::SizeOutside => {
            let row = if class_of(op.kind) == OpClass::Move { 0 } else { seen.row };
            seen.axis.max(row) > AXIS_MAX
        }
        Test::WidthBeyond => seen.side > facts.machine.ane_max_width && !is_product(op.kind),
        Test::RowBeyond => seen.flat_side > facts.machine.ane_max_width && !is_product(op.kind),
        Test::FeaturesBeyond => has_features_beyond(facts, op),
        Test::AreaFrom(least) => seen.area_side >= *least,
        Test::LengthFrom(least) => seen.side >= *least,
        Test::DynamicWeight => facts.is_dynamic(op, "weight"),
        Test::ThreeDimensional => data("x").is_some_and(|x| x.shape.len() == 5),
        Test::OddFactors(param) => facts.ints(op, param).iter().any(|factor| has_odd_factor(*factor)),
        Test::UnequalStrides(above) => {
            let strides = facts.ints(op, "strides");
            let most = strides.iter().max().copied().unwrap_or(1);
            strides.iter().any(|stride| *stride != most) && most > *above as i64
        }
        Test::ShortDepthwise(taps) => {
            let short = data("weight").is_some_and(|w| w.shape.len() == 3 && sizes(w).next_back() <= Some(*taps));
            short && is_depthwise(facts, op)
        }
        Test::WindowBeyond(limits) => window(facts, op) > limit_of(limits, facts.machine.ane_generation),
        Test::ScaleNotTwo => match (data("x"), first_output(facts, op)) {
            (Some(x), Some(y)) => sizes(x).rev().zip(sizes(y).rev()).take(2).any(|(before, after)| after != before * 2),
            _ => true,
        },
        Test::PadMirrors => matches!(text(facts, op, "mode"), Some("reflect" | "replicate")),
        Test::PadChannels => pads(facts, op).skip(2).any(|(before, after)| before != 0 || after != 0),
        Test::PadUneven => {
            let mirrors = matches!(text(facts, op, "mode"), Some("reflect" | "replicate"));
            !mirrors && pads(facts, op).take(2).any(|(before, after)| before != after)
        }
        Test::DynamicBounds => has_dynamic_bounds(facts, op),
        Test::NegativeStep => facts.ints(op, "stride").iter().any(|step| *step < 0),
        Test::RepeatsNot(known) => {
            let odd = |times: &i64| !u64::try_from(*times).is_ok_and(|times| known.contains(&times));
            facts.is_dynamic(op, "reps") || facts.ints(op, "reps").iter().any(odd)
        }
        Test::ReadsInput => facts.arg(op, "x").is_some_and(|x| facts.is_input(x)),
        Test::DepthAbove(most) => depth(facts, op) > *most,
        Test::DeepMatmul => ["x", "y"].into_iter().filter_map(data).any(|operand| {
            let mut sizes = sizes(operand).skip(1);
            operand.shape.len() == 5 && sizes.next().is_some_and(|size| size > 1)
        }),
        Test::StandaloneUpdate => {
            let reads = facts.arg(op, "x").is_some_and(|x| facts.is_from_state(x));
            !(reads && op.outputs.iter().any(|output| facts.is_remembered(*output)))
        }
        Test::StateRankOutside(least, most) => facts.arg(op, "x").is_some_and(|x| {
            let rank = facts.function.tensor(x).map_or(*least, |tensor| tensor.shape.len());
            facts.is_from_state(x) && (rank < *least || rank > *most)
        }),
        Test::StateScatter => facts.arg(op, "data").is_some_and(|x| facts.is_from_state(x)),
        Test::SmallAttention(least) => {
            let elements = |param| data(param).and_then(TensorType::elements).unwrap_or(0);
            facts.is_bare_attention && ["query", "key", "value"].into_iter().any(|param| elements(param) < *least)
        }
        Test::Weight(test) => takes_weight_test(facts, op, test),
        Test::BeyondHalfRange => seen.is_half_only() && has_huge_constant(facts, op),
        Test::BareRms => is_bare_rms(facts, op),
        Test::AfterSoftmax => made_by(facts, op, "x").is_some_and(|maker| maker.kind == OpKind::Softmax),
        Test::UnitsWithoutAne
        | Test::NoAne
        | Test::FullPrecisionProgram
        | Test::OpsFrom(_)
        | Test::StatesAbove(_)
        | Test::StateWidth(_)
        | Test::RangeShapes(_)
        | Test::NarrowRange(_)
        | Test::RangeByValues
        | Test::ListedShapes
        | Test::ListedShapesRank3
        | Test::FlexibleStateBlocks
        | Test::MobileWeights(_)
        | Test::LoaderWeights(_)
        | Test::Tiny(..)
        | Test::WideGpu(..)
        | Test::LeadingUnsupported => false,
    }
}

impl Seen {
    fn is_half_only(&self) -> bool {
        !self.full && !self.wide_integer
    }
}

fn is_product(kind: OpKind) -> bool {
    matches!(kind, OpKind::Linear | OpKind::Matmul | OpKind::Einsum)
}

fn first_output<'m>(facts: &Facts<'m>, op: &Op) -> Option<&'m TensorType> {
    op.outputs.first().and_then(|output| facts.function.tensor(*output))
}

fn made_by<'m>(facts: &Facts<'m>, op: &Op, param: &str) -> Option<&'m Op> {
    facts.arg(op, param).and_then(|value| facts.maker(value))
}

fn text<'m>(facts: &Facts<'m>, op: &Op, param: &str) -> Option<&'m str> {
    match facts.arg(op, param).and_then(|value| facts.function.literal(value)) {
        Some(Literal::Text(text)) => Some(text),
        _ => None,
    }
}

/// Whether all that an operation computes with is an fp32 input, or arithmetic on one.
fn is_at_front(facts: &Facts<'_>, op: &Op) -> bool {
    op.kind != OpKind::Cast && op.outputs.first().is_some_and(|output| facts.is_front(*output))
}

/// A cast between fp32 and fp16 where the function begins or ends.
fn is_boundary(facts: &Facts<'_>, op: &Op) -> bool {
    let enters = || facts.arg(op, "x").is_some_and(|x| facts.is_front(x));
    let leaves = || op.outputs.iter().any(|output| facts.is_output(*output));
    op.kind == OpKind::Cast && (enters() || leaves())
}

/// Whether a shape appears here that no input of the function brings along.
fn is_value_shaped(facts: &Facts<'_>, op: &Op, seen: &Seen) -> bool {
    match facts.flexibility {
        Flexibility::Fixed => seen.flexible_out || seen.flexible_in,
        Flexibility::Listed | Flexibility::Range { .. } => {
            facts.computes_shapes && seen.flexible_out && !seen.flexible_in && !op.inputs.is_empty()
        }
    }
}

fn has_features_beyond(facts: &Facts<'_>, op: &Op) -> bool {
    let Some(output) = first_output(facts, op) else { return false };
    let last = sizes(output).next_back().unwrap_or(1);
    match op.kind {
        OpKind::Conv => sizes(output).nth(1).unwrap_or(1) > AXIS_MAX,
        OpKind::Concat => output.shape.len() < 4 && last > facts.machine.ane_max_width,
        _ => last > facts.machine.ane_max_width,
    }
}

fn has_odd_factor(factor: i64) -> bool {
    let mut rest = factor;
    for prime in [2, 3] {
        while rest > 1 && rest % prime == 0 {
            rest /= prime;
        }
    }
    rest > 1
}

fn is_depthwise(facts: &Facts<'_>, op: &Op) -> bool {
    let groups = facts.ints(op, "groups").first().copied().unwrap_or(1);
    let channels = facts.tensor(op, "x").and_then(|x| sizes(x).nth(1)).unwrap_or(0);
    groups > 1 && u64::try_from(groups) == Ok(channels)
}

/// The longest side of a kernel or a window.
fn window(facts: &Facts<'_>, op: &Op) -> u64 {
    let given = facts.ints(op, "kernel_sizes").iter().max().copied().unwrap_or(0);
    let weight = facts.tensor(op, "weight").and_then(|weight| sizes(weight).skip(2).max()).unwrap_or(0);
    weight.max(u64::try_from(given).unwrap_or(0))
}

/// The limit of the last generation in a list that is not after this one; an unknown generation gets the first.
fn limit_of(limits: &[(u8, u64)], generation: u8) -> u64 {
    let known = limits.iter().rev().find(|(first, _)| *first <= generation);
    known.or(limits.first()).map_or(u64::MAX, |(_, limit)| *limit)
}

/// Padding before and after each axis, the last axis first.
fn pads<'m>(facts: &Facts<'m>, op: &Op) -> impl Iterator<Item = (i64, i64)> + 'm {
    let of_axis = |both: &[i64]| (both.first().copied().unwrap_or(0), both.get(1).copied().unwrap_or(0));
    facts.ints(op, "pad").chunks(2).rev().map(of_axis)
}

fn has_dynamic_bounds(facts: &Facts<'_>, op: &Op) -> bool {
    ["begin", "end", "size", "stride", "shape", "reps"].into_iter().any(|param| facts.is_dynamic(op, param))
}

/// How many products are summed for each element of a result.
fn depth(facts: &Facts<'_>, op: &Op) -> u64 {
    let (operand, transposed) = match op.kind {
        OpKind::Linear => (facts.tensor(op, "weight"), false),
        _ => {
            let flag = facts.arg(op, "transpose_x").and_then(|value| facts.function.literal(value));
            (facts.tensor(op, "x"), matches!(flag, Some(Literal::Bools(all)) if all.first() == Some(&true)))
        }
    };
    operand.and_then(|operand| sizes(operand).rev().nth(usize::from(transposed))).unwrap_or(0)
}

/// The operation's side of a weight rule: kernel, stride and groups. The weight's side is asked where it is known.
fn takes_weight_test(facts: &Facts<'_>, op: &Op, test: &WeightTest) -> bool {
    let large = !test.kernel.is_empty() && window(facts, op) > limit_of(&test.kernel, facts.machine.ane_generation);
    let stride = facts.ints(op, "strides").iter().max().copied().unwrap_or(1);
    let wide = test.stride.is_some_and(|most| u64::try_from(stride).is_ok_and(|stride| stride > most));
    let bounded = !test.kernel.is_empty() || test.stride.is_some();
    (!bounded || large || wide) && (!test.depthwise || is_depthwise(facts, op))
}

fn has_huge_constant(facts: &Facts<'_>, op: &Op) -> bool {
    let mut constants = op.inputs.iter().flat_map(|(_, values)| values);
    constants.any(|value: &ValueId| match facts.function.literal(*value) {
        Some(Literal::Floats(all)) => all.iter().any(|number| number.abs() > HALF_MAX),
        _ => false,
    })
}

/// `rsqrt(mean(x²) + ε)` where nothing has scaled `x` down.
fn is_bare_rms(facts: &Facts<'_>, op: &Op) -> bool {
    let mut mean = made_by(facts, op, "x");
    if let Some(add) = mean.filter(|maker| maker.kind == OpKind::Add) {
        mean = made_by(facts, add, "x").or_else(|| made_by(facts, add, "y"));
    }
    let Some(mean) = mean.filter(|maker| maker.kind == OpKind::ReduceMean) else { return false };
    let Some(square) = made_by(facts, mean, "x") else { return false };
    let squares = match square.kind {
        OpKind::Square | OpKind::Pow => true,
        OpKind::Mul => facts.arg(square, "x") == facts.arg(square, "y"),
        _ => false,
    };
    let scaled = made_by(facts, square, "x").is_some_and(|maker| maker.kind == OpKind::RealDiv);
    let half = facts.tensor(square, "x").is_some_and(|x| x.dtype == DType::Fp16 && !x.shape.contains(&Dim::Fixed(0)));
    squares && !scaled && half
}
