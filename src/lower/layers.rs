//! The layers of transformers in the form in which coremltools writes them (checked against packages of coremltools 9.0).
//!
//! Left out on purpose: the bias of zeros that coremltools gives a linear layer without one (a vector, stored once for
//! each width), and the constants that only name a shape.

use crate::{
    catalog::arch::decoder::Activation,
    model::{DType, FunctionBuilder, Literal, Model, OpKind, Role, ValueId},
};

/// Writes one function.
pub(super) struct Layers<'m> {
    pub f: FunctionBuilder<'m>,
    times: u32,
}

/// Whether a linear layer or a convolution has a bias.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WithBias {
    Yes,
    No,
}

impl<'m> Layers<'m> {
    pub(super) fn new(model: &'m mut Model, name: &str, role: Role) -> Self {
        let mut f = FunctionBuilder::new(model, name, role);
        f.section(1);
        Self { f, times: 1 }
    }

    /// What follows stands `times` times in a row in the graph.
    pub(super) fn section(&mut self, times: u32) {
        self.times = times;
        self.f.section(times);
    }

    pub(super) fn finish(self, outputs: &[ValueId]) {
        self.f.finish(outputs);
    }

    // Weights and constants

    /// A weight of the checkpoint, shared by every function that asks for it by that name.
    pub(super) fn weight(&mut self, name: &str, shape: &[u64]) -> ValueId {
        self.f.weight_named(name, DType::Fp16, shape, self.times)
    }

    /// A weight of which each layer has as many copies as it has experts.
    fn expert_weight(&mut self, name: &str, shape: &[u64], experts: u32) -> ValueId {
        self.f.weight_named(name, DType::Fp16, shape, self.times.saturating_mul(experts))
    }

    pub(super) fn ints(&mut self, all: &[u64]) -> ValueId {
        self.f.literal(Literal::Ints(all.iter().map(|size| *size as i64).collect()))
    }

    fn number(&mut self) -> ValueId {
        // Which number does not matter to a size or a time.
        self.f.literal(Literal::Opaque)
    }

    // Shapes

    pub(super) fn dim(&self, x: ValueId, axis: usize) -> u64 {
        self.f.shape(x).get(axis).copied().unwrap_or(1)
    }

    pub(super) fn last_dim(&self, x: ValueId) -> u64 {
        self.f.shape(x).last().copied().unwrap_or(1)
    }

    fn with_last(&self, x: ValueId, size: u64) -> Vec<u64> {
        let mut shape = self.f.shape(x);
        if let Some(last) = shape.last_mut() {
            *last = size;
        }
        shape
    }

    pub(super) fn reshape(&mut self, x: ValueId, shape: &[u64]) -> ValueId {
        let to = self.ints(shape);
        self.f.op(OpKind::Reshape, &[("x", x), ("shape", to)], DType::Fp16, shape)
    }

    pub(super) fn transpose(&mut self, x: ValueId, perm: &[usize]) -> ValueId {
        let from = self.f.shape(x);
        let shape: Vec<u64> = perm.iter().map(|axis| from.get(*axis).copied().unwrap_or(1)).collect();
        let order: Vec<u64> = perm.iter().map(|axis| *axis as u64).collect();
        let order = self.ints(&order);
        self.f.op(OpKind::Transpose, &[("x", x), ("perm", order)], DType::Fp16, &shape)
    }

    /// Elements `from..to` along an axis.
    pub(super) fn slice(&mut self, x: ValueId, axis: usize, from: u64, to: u64) -> ValueId {
        let mut end = self.f.shape(x);
        let mut begin = vec![0; end.len()];
        if let (Some(first), Some(last)) = (begin.get_mut(axis), end.get_mut(axis)) {
            (*first, *last) = (from, to);
        }
        let shape: Vec<u64> = begin.iter().zip(&end).map(|(first, last)| last.saturating_sub(*first)).collect();
        let (begin, end) = (self.ints(&begin), self.ints(&end));
        self.f.op(OpKind::SliceByIndex, &[("x", x), ("begin", begin), ("end", end)], DType::Fp16, &shape)
    }

    /// The last element along an axis, or all of it when it has one.
    pub(super) fn last(&mut self, x: ValueId, axis: usize) -> ValueId {
        let n = self.dim(x, axis);
        if n > 1 { self.slice(x, axis, n - 1, n) } else { x }
    }

    pub(super) fn concat(&mut self, values: &[ValueId], axis: usize) -> ValueId {
        let mut shape = values.first().map(|first| self.f.shape(*first)).unwrap_or_default();
        let sum = values.iter().map(|value| self.dim(*value, axis)).sum();
        if let Some(size) = shape.get_mut(axis) {
            *size = sum;
        }
        let at = self.ints(&[axis as u64]);
        let inputs = [("values", values.to_vec()), ("axis", vec![at])];
        self.f.op_n(OpKind::Concat, &inputs, &[(DType::Fp16, &shape)]).first().copied().unwrap_or(at)
    }

    /// Equal parts along the last axis.
    pub(super) fn halves(&mut self, x: ValueId) -> (ValueId, ValueId) {
        let shape = self.with_last(x, self.last_dim(x) / 2);
        let n = self.ints(&[2]);
        let inputs = [("x", vec![x]), ("num_splits", vec![n])];
        let parts = self.f.op_n(OpKind::Split, &inputs, &[(DType::Fp16, &shape), (DType::Fp16, &shape)]);
        (parts.first().copied().unwrap_or(x), parts.get(1).copied().unwrap_or(x))
    }

    // Arithmetic

    pub(super) fn unary(&mut self, kind: OpKind, x: ValueId) -> ValueId {
        let shape = self.f.shape(x);
        self.f.op(kind, &[("x", x)], DType::Fp16, &shape)
    }

    /// Element by element, the smaller shape spread over the larger.
    pub(super) fn binary(&mut self, kind: OpKind, x: ValueId, y: ValueId) -> ValueId {
        let (a, b) = (self.f.shape(x), self.f.shape(y));
        let rank = a.len().max(b.len());
        let at = |dims: &[u64], axis: usize| {
            let missing = rank - dims.len();
            if axis < missing { 1 } else { dims.get(axis - missing).copied().unwrap_or(1) }
        };
        let shape: Vec<u64> = (0..rank).map(|axis| at(&a, axis).max(at(&b, axis))).collect();
        self.f.op(kind, &[("x", x), ("y", y)], DType::Fp16, &shape)
    }

    pub(super) fn add(&mut self, x: ValueId, y: ValueId) -> ValueId {
        self.binary(OpKind::Add, x, y)
    }

    pub(super) fn mul(&mut self, x: ValueId, y: ValueId) -> ValueId {
        self.binary(OpKind::Mul, x, y)
    }

    /// With a constant number as the second argument.
    pub(super) fn with_number(&mut self, kind: OpKind, x: ValueId) -> ValueId {
        let shape = self.f.shape(x);
        let number = self.number();
        self.f.op(kind, &[("x", x), ("y", number)], DType::Fp16, &shape)
    }

    pub(super) fn softmax(&mut self, x: ValueId) -> ValueId {
        self.unary(OpKind::Softmax, x)
    }

    pub(super) fn softcap(&mut self, x: ValueId) -> ValueId {
        let x = self.with_number(OpKind::Mul, x);
        let x = self.unary(OpKind::Tanh, x);
        self.with_number(OpKind::Mul, x)
    }

    pub(super) fn activation(&mut self, kind: Activation, x: ValueId) -> ValueId {
        match kind {
            Activation::Silu => self.unary(OpKind::Silu, x),
            Activation::Gelu => self.unary(OpKind::Gelu, x),
            Activation::Relu => self.unary(OpKind::Relu, x),
            Activation::QuickGelu => {
                let scaled = self.with_number(OpKind::Mul, x);
                let gate = self.unary(OpKind::Sigmoid, scaled);
                self.mul(x, gate)
            }
        }
    }

    /// `x` times `y`, transposed if asked, over their last two axes.
    pub(super) fn matmul(&mut self, x: ValueId, y: ValueId, transpose_y: bool) -> ValueId {
        let from_end = if transpose_y { 1 } else { 0 };
        let size = self.f.shape(y).iter().rev().nth(from_end).copied().unwrap_or(1);
        let shape = self.with_last(x, size);
        let flag = self.f.literal(Literal::Bools(vec![transpose_y]));
        self.f.op(OpKind::Matmul, &[("x", x), ("y", y), ("transpose_y", flag)], DType::Fp16, &shape)
    }

    // Layers

    fn linear_with(&mut self, x: ValueId, weight: ValueId, bias: Option<ValueId>) -> ValueId {
        let shape = self.with_last(x, self.dim(weight, 0));
        match bias {
            Some(bias) => {
                self.f.op(OpKind::Linear, &[("x", x), ("weight", weight), ("bias", bias)], DType::Fp16, &shape)
            }
            None => self.f.op(OpKind::Linear, &[("x", x), ("weight", weight)], DType::Fp16, &shape),
        }
    }

    pub(super) fn linear(&mut self, x: ValueId, name: &str, out: u64, bias: WithBias) -> ValueId {
        let weight = self.weight(&format!("{name}.weight"), &[out, self.last_dim(x)]);
        let bias = (bias == WithBias::Yes).then(|| self.weight(&format!("{name}.bias"), &[out]));
        self.linear_with(x, weight, bias)
    }

    /// A linear layer of one expert.
    pub(super) fn expert(&mut self, x: ValueId, name: &str, out: u64, experts: u32, bias: WithBias) -> ValueId {
        let weight = self.expert_weight(&format!("{name}.weight"), &[out, self.last_dim(x)], experts);
        let bias = (bias == WithBias::Yes).then(|| self.expert_weight(&format!("{name}.bias"), &[out], experts));
        self.linear_with(x, weight, bias)
    }

    /// Root-mean-square norm over the last axis.
    pub(super) fn rms_norm(&mut self, x: ValueId, name: &str) -> ValueId {
        let squares = self.with_number(OpKind::Pow, x);
        let shape = self.with_last(x, 1);
        let axes = self.ints(&[shape.len().saturating_sub(1) as u64]);
        let mean = self.f.op(OpKind::ReduceMean, &[("x", squares), ("axes", axes)], DType::Fp16, &shape);
        let mean = self.with_number(OpKind::Add, mean);
        let scale = self.unary(OpKind::Rsqrt, mean);
        let x = self.mul(x, scale);
        let weight = self.weight(&format!("{name}.weight"), &[self.last_dim(x)]);
        self.mul(x, weight)
    }

    pub(super) fn layer_norm(&mut self, x: ValueId, name: &str) -> ValueId {
        let shape = self.f.shape(x);
        let width = [self.last_dim(x)];
        let gamma = self.weight(&format!("{name}.weight"), &width);
        let beta = self.weight(&format!("{name}.bias"), &width);
        self.f.op(OpKind::LayerNorm, &[("x", x), ("gamma", gamma), ("beta", beta)], DType::Fp16, &shape)
    }

    /// Rows of a table, by index.
    pub(super) fn lookup(&mut self, name: &str, table: [u64; 2], ids: ValueId) -> ValueId {
        let weight = self.weight(&format!("{name}.weight"), &table);
        let mut shape = self.f.shape(ids);
        shape.push(table[1]);
        self.f.op(OpKind::Gather, &[("x", weight), ("indices", ids)], DType::Fp16, &shape)
    }

    // Attention

    /// `[1, tokens, heads × width]` as `[1, tokens, heads, width]`.
    pub(super) fn split_heads(&mut self, x: ValueId, heads: u64) -> ValueId {
        let (tokens, width) = (self.dim(x, 1), self.last_dim(x));
        self.reshape(x, &[1, tokens, heads, width / heads.max(1)])
    }

    /// `[1, tokens, heads, width]` as `[1, heads, tokens, width]` and back.
    pub(super) fn swap_heads(&mut self, x: ValueId) -> ValueId {
        self.transpose(x, &[0, 2, 1, 3])
    }

    /// `[1, heads, tokens, width]` as `[1, tokens, heads × width]`.
    pub(super) fn join_heads(&mut self, x: ValueId) -> ValueId {
        let x = self.swap_heads(x);
        let (tokens, width) = (self.dim(x, 1), self.dim(x, 2) * self.last_dim(x));
        self.reshape(x, &[1, tokens, width])
    }

    /// `softmax(q · kᵀ × scale + mask) · v`, operation by operation, as every target before iOS 18 gets it.
    pub(super) fn attention(&mut self, q: ValueId, k: ValueId, v: ValueId, mask: Option<ValueId>) -> ValueId {
        let scores = self.matmul(q, k, true);
        let mut scores = self.with_number(OpKind::Mul, scores);
        if let Some(mask) = mask {
            scores = self.add(scores, mask);
        }
        let weights = self.softmax(scores);
        self.matmul(weights, v, false)
    }

    /// The fused attention of iOS 18.
    pub(super) fn fused_attention(&mut self, q: ValueId, k: ValueId, v: ValueId, mask: ValueId) -> ValueId {
        let shape = self.f.shape(q);
        let inputs = [("query", q), ("key", k), ("value", v), ("attn_mask", mask)];
        self.f.op(OpKind::ScaledDotProductAttention, &inputs, DType::Fp16, &shape)
    }

    /// Writes `rows` into the layer's own part of a state, from a first to a last index.
    pub(super) fn write_cache(&mut self, state: ValueId, rows: ValueId, place: (ValueId, ValueId)) {
        let shape = self.f.shape(state);
        let old = self.f.op(OpKind::ReadState, &[("input", state)], DType::Fp16, &shape);
        let inputs = [("x", old), ("update", rows), ("begin", place.0), ("end", place.1)];
        let new = self.f.op(OpKind::SliceUpdate, &inputs, DType::Fp16, &shape);
        self.f.op_n(OpKind::WriteState, &[("input", vec![state]), ("data", vec![new])], &[]);
    }

    /// The layer's own part of a state that holds every layer of its section: `[1, heads, capacity, width]`.
    pub(super) fn read_cache(&mut self, state: ValueId) -> ValueId {
        let shape = self.f.shape(state);
        let all = self.f.op(OpKind::ReadState, &[("input", state)], DType::Fp16, &shape);
        let own = shape.get(1..).unwrap_or_default();
        let begin = self.ints(&[0; 5]);
        self.f.op(OpKind::SliceByIndex, &[("x", all), ("begin", begin)], DType::Fp16, own)
    }

    /// Each key or value head `n` times in a row, as `repeat_interleave` becomes it. Where the Neural Engine does not repeat
    /// by that factor (rule O38) the copies are joined, as whoever targets it writes.
    pub(super) fn repeat_heads(&mut self, x: ValueId, n: u64) -> ValueId {
        if n <= 1 {
            return x;
        }
        let (heads, tokens, width) = (self.dim(x, 1), self.dim(x, 2), self.last_dim(x));
        let x = self.transpose(x, &[1, 0, 2, 3]);
        let tiled = [heads * n, 1, tokens, width];
        let x = if matches!(n, 2 | 3 | 4 | 8) {
            let reps = self.ints(&[n, 1, 1, 1]);
            self.f.op(OpKind::Tile, &[("x", x), ("reps", reps)], DType::Fp16, &tiled)
        } else {
            let copies = vec![x; n as usize];
            self.concat(&copies, 0)
        };
        let x = self.reshape(x, &[n, heads, 1, tokens, width]);
        let x = self.transpose(x, &[1, 0, 2, 3, 4]);
        let x = self.reshape(x, &tiled);
        self.transpose(x, &[1, 0, 2, 3])
    }

    /// Rotary positions over the first `width` elements of each head.
    pub(super) fn rope(&mut self, x: ValueId, cos: ValueId, sin: ValueId, width: u64) -> ValueId {
        let (axis, whole) = (self.f.shape(x).len().saturating_sub(1), self.last_dim(x));
        let (turned, kept) = if width < whole {
            (self.slice(x, axis, 0, width), Some(self.slice(x, axis, width, whole)))
        } else {
            (x, None)
        };
        let straight = self.mul(turned, cos);
        let upper = self.slice(turned, axis, width / 2, width);
        let upper = self.with_number(OpKind::Mul, upper);
        let lower = self.slice(turned, axis, 0, width / 2);
        let crossed = self.concat(&[upper, lower], axis);
        let crossed = self.mul(crossed, sin);
        let sum = self.add(straight, crossed);
        match kept {
            Some(kept) => self.concat(&[sum, kept], axis),
            None => sum,
        }
    }
}
