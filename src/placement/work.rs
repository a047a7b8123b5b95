//! What one operation asks of a compute unit: arithmetic, weights, activations and cache reads.
//!
//! The counts come from shapes alone and do not depend on a device or a variant. Absent on purpose: time.

use crate::model::{Def, Function, Literal, Model, Names, Op, OpKind, ValueId, WeightId};

/// How an operation spends its time; decides which sustained rate applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpClass {
    /// Dense convolution, linear or matrix product.
    Dense,
    /// Depthwise and other convolutions that do few operations for each byte.
    Depthwise,
    /// Anything else that computes: element by element, norms, reductions, softmax.
    Elementwise,
    /// Only moves or renames data.
    Move,
    /// Looks rows up in a table.
    Gather,
    /// Control flow and other operations whose work the shapes do not tell.
    Opaque,
}

/// What one copy of an operation asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Which rate applies.
    pub class: OpClass,
    /// Arithmetic operations (a multiply-add is two).
    pub flops: f64,
    /// Of them, what a causal mask throws away: kernels that know the mask need not do it.
    pub masked: f64,
    /// Bytes of activations read, at the program's own precision.
    pub read: f64,
    /// Bytes of activations written.
    pub written: f64,
    /// Bytes read from a cache that lives between calls.
    pub cache: f64,
    /// The largest single operand or result in bytes: what does or does not stay on chip.
    pub largest: f64,
    /// The weight it streams, if any. Tables of a gather are not streamed.
    pub weight: Option<WeightId>,
    /// Weights beside the main one are small (biases, norms); their bytes.
    pub small_weights: f64,
}

/// Weights shared by the copies of a kernel: a convolution over an image reads each weight once.
pub(super) fn of(model: &Model, function: &Function, op: &Op, cached: &[Option<f64>]) -> Work {
    let names = &model.names;
    let class = class(names, function, op);
    let mut work = Work {
        class,
        flops: 0.0,
        masked: 0.0,
        read: 0.0,
        written: 0.0,
        cache: 0.0,
        largest: 0.0,
        weight: None,
        small_weights: 0.0,
    };
    let mut biggest_weight = 0.0;
    for (_, values) in &op.inputs {
        for value in values {
            let Some(known) = function.value(*value) else { continue };
            let bytes = known.ty.tensor().map_or(0, crate::model::TensorType::bytes) as f64;
            match &known.def {
                Def::Weight(weight) => {
                    let elements = model.weight(*weight).map_or(0, crate::model::Weight::elements) as f64;
                    if class == OpClass::Gather {
                        continue;
                    }
                    if elements > biggest_weight {
                        work.small_weights += biggest_weight * 2.0;
                        biggest_weight = elements;
                        work.weight = Some(*weight);
                    } else {
                        work.small_weights += elements * 2.0;
                    }
                }
                Def::Const(_) => {}
                Def::Input | Def::State | Def::Op => {
                    if let Some(held) = cached.get(value.0 as usize).copied().flatten() {
                        // A cache is charged where it is computed with, not where it is passed along.
                        if class == OpClass::Dense {
                            work.cache += held;
                        }
                    } else {
                        work.read += bytes;
                        work.largest = f64::max(work.largest, bytes);
                    }
                }
            }
        }
    }
    let mut n_out = 0.0;
    for output in &op.outputs {
        let Some(tensor) = function.tensor(*output) else { continue };
        n_out += tensor.elements().unwrap_or(0) as f64;
        if cached.get(output.0 as usize).copied().flatten().is_none() {
            let bytes = tensor.bytes() as f64;
            work.written += bytes;
            work.largest = f64::max(work.largest, bytes);
        }
    }
    work.flops = flops(names, function, op, class, n_out, work.read);
    if op.kind == OpKind::ScaledDotProductAttention && op.input(names, "attn_mask").is_some() {
        // Of n queries at the end of k keys, the mask takes (n − 1) / 2 keys from each on average.
        let rows = |name| dims(function, op, names, name).iter().rev().nth(1).copied().unwrap_or(1) as f64;
        let (queries, keys) = (rows("query"), rows("key"));
        work.masked = work.flops * ((queries - 1.0).max(0.0) / 2.0 / keys.max(1.0)).min(0.5);
    }
    if class == OpClass::Gather {
        // Only the rows that are looked up are read.
        work.read = work.written;
    }
    work
}

/// Which values are a cache or a view of one, and how many bytes of the cache each stands for: states, what is read
/// from them, and what only renames, cuts or repeats that. A repeated view stands for what it repeats.
pub(crate) fn cache_values(model: &Model, function: &Function) -> Vec<Option<f64>> {
    let mut cached: Vec<Option<f64>> = vec![None; function.values.len()];
    let bytes = |value: ValueId| function.tensor(value).map_or(0, crate::model::TensorType::bytes) as f64;
    for state in &function.states {
        mark(&mut cached, *state, bytes(*state));
    }
    if function.states.is_empty() {
        return cached;
    }
    let names = &model.names;
    function.visit(&mut |_, op| {
        let source = match op.kind {
            OpKind::ReadState => op.input(names, "input"),
            OpKind::SliceUpdate
            | OpKind::SliceByIndex
            | OpKind::SliceBySize
            | OpKind::Reshape
            | OpKind::Transpose
            | OpKind::ExpandDims
            | OpKind::Squeeze
            | OpKind::Tile
            | OpKind::Identity => op.input(names, "x"),
            _ => None,
        };
        let held = source.and_then(|value| cached.get(value.0 as usize).copied().flatten());
        if let Some(held) = held {
            for output in &op.outputs {
                mark(&mut cached, *output, held.min(bytes(*output)));
            }
        }
    });
    cached
}

fn mark(cached: &mut [Option<f64>], value: ValueId, bytes: f64) {
    if let Some(slot) = cached.get_mut(value.0 as usize) {
        *slot = Some(bytes);
    }
}

fn class(names: &Names, function: &Function, op: &Op) -> OpClass {
    match op.kind {
        OpKind::Conv | OpKind::ConvTranspose => {
            let groups = op.input(names, "groups").and_then(|id| function.literal(id)).map_or(1, first_int);
            if groups > 1 { OpClass::Depthwise } else { OpClass::Dense }
        }
        kind => class_of(kind),
    }
}

/// The class that a kind of operation has whatever its parameters; convolutions are taken as dense.
pub(super) fn class_of(kind: OpKind) -> OpClass {
    match kind {
        OpKind::Conv | OpKind::ConvTranspose => OpClass::Dense,
        OpKind::Linear | OpKind::Matmul | OpKind::Einsum | OpKind::ScaledDotProductAttention => OpClass::Dense,
        OpKind::Lstm | OpKind::Gru | OpKind::Rnn => OpClass::Dense,
        OpKind::Gather | OpKind::GatherAlongAxis | OpKind::GatherNd => OpClass::Gather,
        OpKind::Reshape
        | OpKind::Transpose
        | OpKind::Squeeze
        | OpKind::ExpandDims
        | OpKind::Concat
        | OpKind::Split
        | OpKind::Stack
        | OpKind::SliceByIndex
        | OpKind::SliceBySize
        | OpKind::SliceUpdate
        | OpKind::Tile
        | OpKind::Pad
        | OpKind::Identity
        | OpKind::ReadState
        | OpKind::WriteState
        | OpKind::Shape
        | OpKind::DepthToSpace
        | OpKind::SpaceToDepth
        | OpKind::PixelShuffle
        | OpKind::PixelUnshuffle
        | OpKind::Flatten2d => OpClass::Move,
        OpKind::Cond | OpKind::WhileLoop | OpKind::CustomLayer | OpKind::Other(_) => OpClass::Opaque,
        _ => OpClass::Elementwise,
    }
}

fn first_int(literal: &Literal) -> i64 {
    match literal {
        Literal::Ints(all) => all.first().copied().unwrap_or(1),
        _ => 1,
    }
}

fn dims(function: &Function, op: &Op, names: &Names, param: &str) -> Vec<u64> {
    let Some(tensor) = op.input(names, param).and_then(|id| function.tensor(id)) else { return Vec::new() };
    tensor.shape.iter().map(|dim| if let crate::model::Dim::Fixed(size) = dim { *size } else { 1 }).collect()
}

fn product(dims: &[u64]) -> f64 {
    dims.iter().map(|size| *size as f64).product()
}

/// Multiply-adds counted as two operations, from the shapes of the arguments.
fn flops(names: &Names, function: &Function, op: &Op, class: OpClass, n_out: f64, read: f64) -> f64 {
    match op.kind {
        OpKind::Conv => {
            // Weights are [out, in / groups, k…]: each output element takes in/groups × k… multiply-adds.
            let weight = dims(function, op, names, "weight");
            2.0 * n_out * product(weight.get(1..).unwrap_or_default())
        }
        OpKind::ConvTranspose => {
            // Weights are [in, out / groups, k…]: each input element is spread over out/groups × k… products.
            let weight = dims(function, op, names, "weight");
            2.0 * product(&dims(function, op, names, "x")) * product(weight.get(1..).unwrap_or_default())
        }
        OpKind::Linear => {
            let weight = dims(function, op, names, "weight");
            2.0 * n_out * weight.last().copied().unwrap_or(0) as f64
        }
        OpKind::Matmul => {
            let x = dims(function, op, names, "x");
            let transposed = op.input(names, "transpose_x").and_then(|id| function.literal(id));
            let inner = match transposed {
                Some(Literal::Bools(all)) if all.first() == Some(&true) => x.iter().rev().nth(1),
                _ => x.last(),
            };
            2.0 * n_out * inner.copied().unwrap_or(0) as f64
        }
        OpKind::Einsum => {
            // Every letter of the equation is one loop: `bchq,bkhc->bkhq` multiplies b × c × h × q × k times.
            let operands = op.all(names, "values").unwrap_or_default();
            match op.input(names, "equation").and_then(|id| function.literal(id)) {
                Some(Literal::Text(equation)) => 2.0 * einsum_products(function, operands, equation),
                _ => 0.0,
            }
        }
        OpKind::ScaledDotProductAttention => {
            let query = dims(function, op, names, "query");
            let key = dims(function, op, names, "key");
            let keys = key.iter().rev().nth(1).copied().unwrap_or(0) as f64;
            4.0 * product(&query) * keys
        }
        OpKind::Lstm | OpKind::Gru | OpKind::Rnn => {
            let steps = dims(function, op, names, "x").first().copied().unwrap_or(1) as f64;
            let gates =
                product(&dims(function, op, names, "weight_ih")) + product(&dims(function, op, names, "weight_hh"));
            2.0 * steps * gates
        }
        _ => match class {
            OpClass::Elementwise => f64::max(n_out, read / 2.0),
            OpClass::Dense | OpClass::Depthwise | OpClass::Move | OpClass::Gather | OpClass::Opaque => 0.0,
        },
    }
}

/// How many products an einsum takes.
fn einsum_products(function: &Function, operands: &[ValueId], equation: &str) -> f64 {
    let (inputs, _) = equation.split_once("->").unwrap_or((equation, ""));
    let mut seen: Vec<char> = Vec::new();
    let mut products = 1.0;
    for (letters, operand) in inputs.split(',').zip(operands) {
        let Some(tensor) = function.tensor(*operand) else { continue };
        for (letter, dim) in letters.chars().filter(|letter| letter.is_alphabetic()).zip(&tensor.shape) {
            if !seen.contains(&letter) {
                seen.push(letter);
                products *= if let crate::model::Dim::Fixed(size) = dim { *size as f64 } else { 1.0 };
            }
        }
    }
    products
}
