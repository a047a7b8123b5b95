//! Layers of image models in the form in which coremltools writes them.
//!
//! The forms are those of real packages (coremltools 9.0): a batch norm after a convolution is folded into it, one that
//! stands alone stays; a group norm becomes reshapes, means and a `batch_norm` that only scales; a linear layer without
//! a bias gets one of zeros, stored once for each length. [`Ledger`] keeps what that does to the count of parameters.
//! Absent on purpose: anything that belongs to one model family.

mod layers;

use super::Ledger;
use crate::model::{DType, FunctionBuilder, Literal, Model, OpKind, Role, ValueId, WeightId};

/// Where the bias of a layer comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    /// There is none.
    None,
    /// The checkpoint has it.
    Own,
    /// The checkpoint has a batch norm instead (a scale and a shift); conversion folds it into the weights and a bias.
    Folded,
    /// The checkpoint has none; conversion stores zeros.
    Zero,
}

/// A convolution, padded so that only the stride changes the size.
#[derive(Clone, Copy)]
pub(super) struct Conv {
    pub out: u64,
    /// Height and width.
    pub kernel: [u64; 2],
    pub stride: u64,
    pub groups: u64,
    pub bias: Bias,
}

impl Conv {
    /// A square kernel with a folded batch norm.
    pub(super) fn square(out: u64, kernel: u64, stride: u64) -> Self {
        Self { out, kernel: [kernel, kernel], stride, groups: 1, bias: Bias::Folded }
    }

    pub(super) fn groups(self, groups: u64) -> Self {
        Self { groups, ..self }
    }

    pub(super) fn bias(self, bias: Bias) -> Self {
        Self { bias, ..self }
    }
}

/// Writes one function.
pub(super) struct Net<'m> {
    f: FunctionBuilder<'m>,
    ledger: Ledger,
    times: u64,
    n_named: u32,
    /// Constant vectors that are stored once: zeros (`false`) and ones (`true`), by length.
    shared: Vec<(bool, u64, WeightId)>,
}

impl<'m> Net<'m> {
    pub(super) fn new(model: &'m mut Model, name: &str, role: Role) -> Self {
        let mut f = FunctionBuilder::new(model, name, role);
        f.section(1);
        let ledger = Ledger { function: name.to_owned(), folded: 0, added: 0 };
        Self { f, ledger, times: 1, n_named: 0, shared: Vec::new() }
    }

    pub(super) fn finish(self, outputs: &[ValueId]) -> Ledger {
        self.f.finish(outputs);
        self.ledger
    }

    pub(super) fn input(&mut self, name: &str, dtype: DType, shape: &[u64]) -> ValueId {
        self.f.input(name, dtype, shape)
    }

    /// What follows stands `times` times in a row in the graph.
    pub(super) fn repeat(&mut self, times: u32) {
        self.times = u64::from(times);
        self.f.section(times);
    }

    /// Parameters of the checkpoint that conversion folds away.
    pub(super) fn folded(&mut self, params: u64) {
        self.ledger.folded += params * self.times;
    }

    pub(super) fn shape(&self, x: ValueId) -> Vec<u64> {
        self.f.shape(x)
    }

    /// One dimension of a value; 1 when it has no such dimension.
    pub(super) fn dim(&self, x: ValueId, axis: usize) -> u64 {
        self.f.shape(x).get(axis).copied().unwrap_or(1)
    }

    // Weights and constants

    fn named(&mut self, what: &str) -> String {
        self.n_named += 1;
        format!("{what}_{}", self.n_named)
    }

    /// A weight of the checkpoint.
    pub(super) fn weight(&mut self, what: &str, shape: &[u64]) -> ValueId {
        let name = self.named(what);
        self.f.weight(&name, DType::Fp16, shape)
    }

    /// A weight that no checkpoint has: conversion computes it.
    pub(super) fn computed(&mut self, what: &str, shape: &[u64]) -> ValueId {
        self.ledger.added += self.times * shape.iter().product::<u64>();
        self.weight(what, shape)
    }

    fn constant(&mut self, ones: bool, length: u64) -> ValueId {
        let known = self.shared.iter().find(|row| (row.0, row.1) == (ones, length)).map(|row| row.2);
        if let Some(weight) = known {
            return self.f.shared_weight(weight);
        }
        let value = self.computed(if ones { "ones" } else { "zeros" }, &[length]);
        if let Some(weight) = self.f.weight_id(value) {
            self.shared.push((ones, length, weight));
        }
        value
    }

    /// Stores the zeros that biases of that length share; to be called before a repeated section that needs them.
    pub(super) fn zeros(&mut self, length: u64) {
        self.constant(false, length);
    }

    pub(super) fn ints(&mut self, all: &[i64]) -> ValueId {
        self.f.literal(Literal::Ints(all.to_vec()))
    }

    fn sizes(&mut self, all: &[u64]) -> ValueId {
        self.f.literal(Literal::Ints(all.iter().map(|size| *size as i64).collect()))
    }

    pub(super) fn number(&mut self, value: f32) -> ValueId {
        self.f.literal(Literal::Floats(vec![value]))
    }

    fn flag(&mut self, value: bool) -> ValueId {
        self.f.literal(Literal::Bools(vec![value]))
    }

    fn text(&mut self, value: &str) -> ValueId {
        self.f.literal(Literal::Text(value.to_owned()))
    }

    // Operations

    /// An operation on fp16 values.
    pub(super) fn op(&mut self, kind: OpKind, inputs: &[(&str, ValueId)], shape: &[u64]) -> ValueId {
        self.f.op(kind, inputs, DType::Fp16, shape)
    }

    /// An operation on values of another type.
    pub(super) fn typed(&mut self, kind: OpKind, inputs: &[(&str, ValueId)], dtype: DType, shape: &[u64]) -> ValueId {
        self.f.op(kind, inputs, dtype, shape)
    }

    /// An operation that keeps the shape of its argument.
    pub(super) fn map(&mut self, kind: OpKind, x: ValueId) -> ValueId {
        let shape = self.shape(x);
        self.op(kind, &[("x", x)], &shape)
    }

    /// An operation on two values that broadcast against each other.
    pub(super) fn zip(&mut self, kind: OpKind, x: ValueId, y: ValueId) -> ValueId {
        let (a, b) = (self.shape(x), self.shape(y));
        let rank = a.len().max(b.len());
        let at = |dims: &[u64], axis: usize| (axis + dims.len()).checked_sub(rank).and_then(|at| dims.get(at).copied());
        let shape: Vec<u64> = (0..rank).map(|axis| at(&a, axis).unwrap_or(1).max(at(&b, axis).unwrap_or(1))).collect();
        self.op(kind, &[("x", x), ("y", y)], &shape)
    }

    pub(super) fn add(&mut self, x: ValueId, y: ValueId) -> ValueId {
        self.zip(OpKind::Add, x, y)
    }

    pub(super) fn mul(&mut self, x: ValueId, y: ValueId) -> ValueId {
        self.zip(OpKind::Mul, x, y)
    }

    /// Multiplication by a number.
    pub(super) fn scale(&mut self, x: ValueId, by: f32) -> ValueId {
        let by = self.number(by);
        let shape = self.shape(x);
        self.op(OpKind::Mul, &[("x", x), ("y", by)], &shape)
    }

    pub(super) fn gelu(&mut self, x: ValueId) -> ValueId {
        let mode = self.text("EXACT");
        let shape = self.shape(x);
        self.op(OpKind::Gelu, &[("x", x), ("mode", mode)], &shape)
    }

    pub(super) fn reshape(&mut self, x: ValueId, shape: &[u64]) -> ValueId {
        let to = self.sizes(shape);
        self.op(OpKind::Reshape, &[("x", x), ("shape", to)], shape)
    }

    pub(super) fn transpose(&mut self, x: ValueId, perm: &[usize]) -> ValueId {
        let from = self.shape(x);
        let shape: Vec<u64> = perm.iter().map(|axis| from.get(*axis).copied().unwrap_or(1)).collect();
        let perm = self.ints(&perm.iter().map(|axis| *axis as i64).collect::<Vec<i64>>());
        self.op(OpKind::Transpose, &[("x", x), ("perm", perm)], &shape)
    }

    pub(super) fn expand_dims(&mut self, x: ValueId, axis: usize) -> ValueId {
        let mut shape = self.shape(x);
        shape.insert(axis.min(shape.len()), 1);
        let axes = self.ints(&[axis as i64]);
        self.op(OpKind::ExpandDims, &[("x", x), ("axes", axes)], &shape)
    }

    pub(super) fn squeeze(&mut self, x: ValueId, axis: usize) -> ValueId {
        let shape = without(&self.shape(x), axis);
        let axes = self.ints(&[axis as i64]);
        self.op(OpKind::Squeeze, &[("x", x), ("axes", axes)], &shape)
    }

    /// `from..to` along one axis; `squeeze` drops the axis.
    pub(super) fn slice(&mut self, x: ValueId, axis: usize, from: u64, to: u64, squeeze: bool) -> ValueId {
        let whole = self.shape(x);
        let (mut begin, mut end) = (vec![0; whole.len()], whole.clone());
        if let (Some(begin), Some(end)) = (begin.get_mut(axis), end.get_mut(axis)) {
            (*begin, *end) = (from, to);
        }
        let mut shape: Vec<u64> = end.iter().zip(&begin).map(|(end, begin)| end.saturating_sub(*begin)).collect();
        let mask: Vec<bool> = (0..whole.len()).map(|at| squeeze && at == axis).collect();
        if squeeze {
            shape = without(&shape, axis);
        }
        let begin = self.sizes(&begin);
        let end = self.sizes(&end);
        let mask = self.f.literal(Literal::Bools(mask));
        let inputs = [("x", x), ("begin", begin), ("end", end), ("squeeze_mask", mask)];
        self.op(OpKind::SliceByIndex, &inputs, &shape)
    }

    pub(super) fn concat(&mut self, values: &[ValueId], axis: usize) -> ValueId {
        let mut shape = values.first().map(|first| self.shape(*first)).unwrap_or_default();
        let total = values.iter().map(|value| self.dim(*value, axis)).sum();
        if let Some(size) = shape.get_mut(axis) {
            *size = total;
        }
        let axis = self.ints(&[axis as i64]);
        let interleave = self.flag(false);
        let inputs = [("values", values.to_vec()), ("axis", vec![axis]), ("interleave", vec![interleave])];
        self.list(OpKind::Concat, &inputs, &[&shape]).first().copied().unwrap_or(ValueId(u32::MAX))
    }

    /// `n` equal parts along one axis.
    pub(super) fn split(&mut self, x: ValueId, n: u64, axis: usize) -> Vec<ValueId> {
        let mut shape = self.shape(x);
        let part = self.dim(x, axis) / n.max(1);
        if let Some(size) = shape.get_mut(axis) {
            *size = part;
        }
        let sizes = self.sizes(&vec![part; n as usize]);
        let axis = self.ints(&[axis as i64]);
        let shapes = vec![shape.as_slice(); n as usize];
        self.list(OpKind::Split, &[("x", vec![x]), ("split_sizes", vec![sizes]), ("axis", vec![axis])], &shapes)
    }

    fn list(&mut self, kind: OpKind, inputs: &[(&str, Vec<ValueId>)], shapes: &[&[u64]]) -> Vec<ValueId> {
        let outputs: Vec<(DType, &[u64])> = shapes.iter().map(|shape| (DType::Fp16, *shape)).collect();
        self.f.op_n(kind, inputs, &outputs)
    }

    /// Indices of shape `[1, 2]` made of a zero and a position.
    pub(super) fn stack_with_zero(&mut self, position: ValueId) -> ValueId {
        let zero = self.ints(&[0]);
        let axis = self.ints(&[1]);
        let inputs = [("values", vec![zero, position]), ("axis", vec![axis])];
        let made = self.f.op_n(OpKind::Stack, &inputs, &[(DType::Int32, &[1, 2])]);
        made.first().copied().unwrap_or(ValueId(u32::MAX))
    }

    pub(super) fn reduce_mean(&mut self, x: ValueId, axes: &[usize], keep: bool) -> ValueId {
        let from = self.shape(x);
        let shape: Vec<u64> = from
            .iter()
            .enumerate()
            .filter(|(axis, _)| keep || !axes.contains(axis))
            .map(|(axis, size)| if axes.contains(&axis) { 1 } else { *size })
            .collect();
        let axes = self.ints(&axes.iter().map(|axis| *axis as i64).collect::<Vec<i64>>());
        let keep = self.flag(keep);
        self.op(OpKind::ReduceMean, &[("x", x), ("axes", axes), ("keep_dims", keep)], &shape)
    }

    pub(super) fn softmax(&mut self, x: ValueId) -> ValueId {
        let shape = self.shape(x);
        let axis = self.ints(&[-1]);
        self.op(OpKind::Softmax, &[("x", x), ("axis", axis)], &shape)
    }

    pub(super) fn matmul(&mut self, x: ValueId, y: ValueId, transpose_x: bool, transpose_y: bool) -> ValueId {
        let (a, b) = (self.shape(x), self.shape(y));
        let mut shape = a.clone();
        let rank = a.len();
        if rank >= 2 && b.len() == rank {
            let rows = a.get(rank - if transpose_x { 1 } else { 2 }).copied().unwrap_or(1);
            let columns = b.get(rank - if transpose_y { 2 } else { 1 }).copied().unwrap_or(1);
            shape.truncate(rank - 2);
            shape.extend([rows, columns]);
        }
        let tx = self.flag(transpose_x);
        let ty = self.flag(transpose_y);
        self.op(OpKind::Matmul, &[("x", x), ("y", y), ("transpose_x", tx), ("transpose_y", ty)], &shape)
    }
}

fn without(shape: &[u64], axis: usize) -> Vec<u64> {
    shape.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, size)| *size).collect()
}
