//! Turns the stored constants of a function into rows of the model's weight table.
//!
//! A row is a constant in a weight file, or the root of a chain of `constexpr_*` operations: the tree of its leaves
//! becomes the parts of one row. Rows are told apart by what they store, so two functions that read the same blobs
//! share a row, and a mask that two steps of a chain read is one part. Chains come from files: walks are bounded and a
//! chain that leads back to itself ends.

use std::collections::HashMap;

use super::blob::Blob;
use crate::model::{
    Consumer, DType, Def, Encoding, Granularity, Literal, Model, OpKind, Part, PartRole, Place, TensorType, Value,
    ValueId, ValueType, Weight, WeightId,
};

/// Steps of a chain that are followed; the longest that coremltools writes has three.
const CHAIN_MAX: usize = 16;
/// Arguments of a step that are kept; the operation with the most has six, and each may be there once.
const ARGS_MAX: usize = 16;
/// Parts of a weight that are kept; the most that coremltools writes is six.
const PARTS_MAX: usize = 32;

/// A stored constant.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) ty: ValueType,
    pub(super) bytes: u64,
    pub(super) place: LeafPlace,
}

/// Where a stored constant is.
#[derive(Clone, Copy, Debug)]
pub(super) enum LeafPlace {
    /// In a weight file.
    Blob(Blob),
    /// In the specification; the fingerprint of its bytes.
    Inline(u64),
}

/// An argument of a `constexpr_*` operation.
#[derive(Clone, Debug)]
pub(super) enum Arg {
    /// A constant written in place.
    Leaf(Leaf),
    /// The result of another operation.
    Value(ValueId),
}

/// A `constexpr_*` operation.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) kind: OpKind,
    pub(super) args: Vec<(String, Arg)>,
    pub(super) outputs: Vec<ValueId>,
}

/// The stored constants of one function, as they were met.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) exprs: Vec<Expr>,
    /// By value; as long as the last value that there is something to say of.
    origins: Vec<Origin>,
}

/// What is known of a value that is or may be stored.
#[derive(Default)]
struct Origin {
    leaf: Option<Box<Leaf>>,
    /// Which operation reads it first, and with which parameter.
    consumer: Option<Box<Consumer>>,
    /// The operation that makes it, an index into [`Stored::exprs`].
    made_by: Option<u32>,
    /// Another `constexpr_*` operation reads it.
    is_inner: bool,
    /// Some root leads to it.
    is_reached: bool,
}

/// The rows of a model so far, by what they store.
#[derive(Default)]
pub(super) struct Rows {
    by_key: HashMap<Vec<(u64, u64)>, WeightId>,
}

/// What a parameter of a `constexpr_*` operation is for; `None` for settings such as an axis.
pub(super) fn part_role(param: &str) -> Option<PartRole> {
    Some(match param {
        "data" | "quantized_data" | "indices" | "nonzero_data" | "indices_nonzero_data" | "source_val" => {
            PartRole::Data
        }
        "lut" => PartRole::Table,
        "scale" => PartRole::Scale,
        "zero_point" | "offset" => PartRole::Offset,
        "mask" | "data_mask" | "indices_mask" => PartRole::Mask,
        _ => return None,
    })
}

impl Stored {
    fn at(&self, id: ValueId) -> Option<&Origin> {
        self.origins.get(id.0 as usize)
    }

    /// Says something of a value.
    fn say(&mut self, id: ValueId, say: impl FnOnce(&mut Origin)) {
        let at = id.0 as usize;
        if at >= self.origins.len() {
            self.origins.resize_with(at + 1, Origin::default);
        }
        if let Some(origin) = self.origins.get_mut(at) {
            say(origin);
        }
    }

    /// A stored constant that is a value of its own.
    pub(super) fn leaf(&mut self, id: ValueId, leaf: Leaf) {
        self.say(id, |origin| origin.leaf = Some(Box::new(leaf)));
    }

    /// Whether a value already has its stored constant.
    pub(super) fn has_leaf(&self, id: ValueId) -> bool {
        self.at(id).is_some_and(|origin| origin.leaf.is_some())
    }

    /// An operation that reads a value; the first counts.
    pub(super) fn read_by(&mut self, id: ValueId, op: OpKind, param: &str) {
        self.say(id, |origin| {
            origin.consumer.get_or_insert_with(|| Box::new(Consumer { op, param: param.to_owned() }));
        });
    }

    /// Adds the function's weights to the model and links its values to them; says which chains have no root.
    pub(super) fn finish(&mut self, model: &mut Model, rows: &mut Rows, values: &mut [Value]) -> Vec<ValueId> {
        let mut exprs = std::mem::take(&mut self.exprs);
        exprs.iter_mut().for_each(|expr| expr.args.truncate(ARGS_MAX));
        for (at, expr) in (0..).zip(&exprs) {
            for (_, arg) in &expr.args {
                if let Arg::Value(value) = arg {
                    self.say(*value, |origin| origin.is_inner = true);
                }
            }
            for output in &expr.outputs {
                self.say(*output, |origin| origin.made_by = Some(at));
            }
        }
        let is_inner = |stored: &Self, id: ValueId| stored.at(id).is_some_and(|origin| origin.is_inner);
        for id in (0..self.origins.len() as u32).map(ValueId) {
            if is_inner(self, id) {
                continue;
            }
            let Some(value) = values.get(id.0 as usize) else { continue };
            let chains = Chains { stored: self, exprs: &exprs, values };
            let mut reached = Vec::new();
            let (leaves, encoding) = if let Some(leaf) = chains.leaf(id) {
                if leaf.is_inline() {
                    continue;
                }
                (vec![(PartRole::Data, leaf)], Encoding::Dense)
            } else if let Some(expr) = chains.expr(id) {
                // Of two results, mask and data, the data stand for the weight.
                let feeds_another = expr.outputs.iter().any(|output| is_inner(self, *output));
                if expr.outputs.last() != Some(&id) || feeds_another {
                    continue;
                }
                (chains.parts(expr, &mut reached), chains.encoding(expr, id))
            } else {
                continue;
            };
            let consumer = self.at(id).and_then(|origin| origin.consumer.as_deref());
            let weight = rows.row(model, value, &leaves, encoding, consumer);
            for first in reached {
                self.say(first, |origin| origin.is_reached = true);
            }
            if let Some(value) = values.get_mut(id.0 as usize) {
                value.def = Def::Weight(weight);
            }
        }
        // What something reads, but no root leads to, leads to itself.
        let rootless = |id: &ValueId| self.at(*id).is_some_and(|origin| origin.is_inner && !origin.is_reached);
        exprs.iter().filter_map(|expr| expr.outputs.first().copied()).filter(rootless).collect()
    }
}

impl Rows {
    fn row(
        &mut self,
        model: &mut Model,
        value: &Value,
        leaves: &[(PartRole, &Leaf)],
        encoding: Encoding,
        consumer: Option<&Consumer>,
    ) -> WeightId {
        let mut key: Vec<(u64, u64)> = leaves.iter().map(|(_, leaf)| leaf.key()).collect();
        key.sort_unstable();
        key.dedup();
        if leaves.iter().all(|(_, leaf)| matches!(leaf.place, LeafPlace::Inline(_))) {
            // Nothing in a file tells two inline weights apart: each is stored on its own.
            key.push((u64::MAX, model.weights.len() as u64));
        }
        if let Some(known) = self.by_key.get(&key) {
            if let Some(row) = model.weights.get_mut(known.0 as usize)
                && row.consumer.is_none()
            {
                row.consumer = consumer.cloned();
            }
            return *known;
        }
        let id = WeightId(model.weights.len() as u32);
        // The same blob is often read by two steps of a chain; it is stored once.
        let is_first = |at: usize, leaf: &Leaf| !leaves.iter().take(at).any(|(_, other)| other.key() == leaf.key());
        let parts = leaves.iter().enumerate();
        let parts = parts.filter(|(at, (_, leaf))| leaf.is_inline() || is_first(*at, leaf)).map(|(_, part)| part);
        let tensor = value.ty.tensor();
        model.weights.push(Weight {
            name: value.name.clone(),
            shape: tensor.map(sizes).unwrap_or_default(),
            dtype: tensor.map_or(DType::Unknown, |tensor| tensor.dtype),
            encoding,
            parts: parts.map(|(role, leaf)| leaf.part(*role)).collect(),
            copies: 1,
            consumer: consumer.cloned(),
        });
        self.by_key.insert(key, id);
        id
    }
}

impl Leaf {
    fn key(&self) -> (u64, u64) {
        match self.place {
            LeafPlace::Blob(blob) => (u64::from(blob.file), blob.offset),
            LeafPlace::Inline(fingerprint) => (u64::MAX, fingerprint),
        }
    }

    fn is_inline(&self) -> bool {
        matches!(self.place, LeafPlace::Inline(_))
    }

    fn part(&self, role: PartRole) -> Part {
        let place = match self.place {
            LeafPlace::Blob(blob) => Place::Blob { file: blob.file, offset: blob.offset },
            LeafPlace::Inline(_) => Place::Inline,
        };
        Part { role, dtype: self.ty.tensor().map_or(DType::Unknown, |tensor| tensor.dtype), bytes: self.bytes, place }
    }
}

/// Sizes of a shape; one for a dimension that is decided at run time, which no stored tensor has.
fn sizes(tensor: &TensorType) -> Vec<u64> {
    tensor.shape.iter().map(|dim| if let crate::model::Dim::Fixed(size) = dim { *size } else { 1 }).collect()
}

/// The chains of one function.
struct Chains<'a> {
    stored: &'a Stored,
    exprs: &'a [Expr],
    values: &'a [Value],
}

impl<'a> Chains<'a> {
    fn leaf(&self, value: ValueId) -> Option<&'a Leaf> {
        self.stored.at(value).and_then(|origin| origin.leaf.as_deref())
    }

    fn expr(&self, value: ValueId) -> Option<&'a Expr> {
        self.stored.at(value)?.made_by.and_then(|at| self.exprs.get(at as usize))
    }

    /// Every leaf under an operation, with what it is for. Chains come from files: long ones are cut.
    fn parts(&self, root: &'a Expr, reached: &mut Vec<ValueId>) -> Vec<(PartRole, &'a Leaf)> {
        let mut parts = Vec::new();
        let mut waiting = vec![(root, None)];
        while let Some((expr, inherited)) = waiting.pop() {
            if let Some(first) = expr.outputs.first() {
                if reached.contains(first) {
                    continue;
                }
                reached.push(*first);
            }
            for (param, arg) in &expr.args {
                let Some(own) = part_role(param) else { continue };
                // The values of a quantized table are the table.
                let role = if own == PartRole::Data { inherited.unwrap_or(own) } else { own };
                let leaf = match arg {
                    Arg::Leaf(leaf) => Some(leaf),
                    Arg::Value(value) => self.leaf(*value),
                };
                if let Some(leaf) = leaf {
                    if parts.len() < PARTS_MAX {
                        parts.push((role, leaf));
                    }
                } else if let Arg::Value(value) = arg
                    && let Some(inner) = self.expr(*value)
                    && waiting.len() + reached.len() < CHAIN_MAX
                {
                    waiting.push((inner, (role == PartRole::Table).then_some(PartRole::Table)));
                }
            }
        }
        parts
    }

    /// How the result of an operation is encoded.
    fn encoding(&self, root: &'a Expr, value: ValueId) -> Encoding {
        let mut expr = root;
        let mut sparse = None;
        for _ in 0..CHAIN_MAX {
            let next = match expr.kind {
                OpKind::ConstexprSparseToDense => {
                    let kept = expr.arg("nonzero_data").and_then(|arg| self.ty(arg)).and_then(TensorType::elements);
                    let all = self.values.get(value.0 as usize).and_then(|value| value.ty.tensor()?.elements());
                    sparse = Some(match (kept, all) {
                        (Some(kept), Some(all)) if all > 0 => 1.0 - kept.min(all) as f64 / all as f64,
                        _ => 0.0,
                    });
                    expr.arg("nonzero_data")
                }
                OpKind::ConstexprBlockwiseShiftScale => expr.arg("data"),
                OpKind::ConstexprSparseBlockwiseShiftScale => expr.arg("nonzero_data"),
                _ => None,
            };
            match next {
                Some(Arg::Value(inner)) if self.leaf(*inner).is_none() => match self.expr(*inner) {
                    Some(inner) => expr = inner,
                    None => break,
                },
                _ => break,
            }
        }
        let own = self.own_encoding(expr);
        match sparse {
            Some(sparsity) => Encoding::Sparse { values: Box::new(own), sparsity },
            None => own,
        }
    }

    /// The encoding of one operation over its leaves.
    fn own_encoding(&self, expr: &Expr) -> Encoding {
        match expr.kind {
            OpKind::ConstexprLutToDense | OpKind::ConstexprLutToSparse => self.palettized(expr),
            OpKind::ConstexprAffineDequantize => {
                let bits = self.bits(expr.arg("quantized_data"));
                let scales = expr.arg("scale").and_then(|arg| self.ty(arg)).and_then(TensorType::elements);
                let granularity = if scales == Some(1) { Granularity::PerTensor } else { Granularity::PerChannel };
                Encoding::Linear { bits, granularity }
            }
            OpKind::ConstexprBlockwiseShiftScale | OpKind::ConstexprSparseBlockwiseShiftScale => {
                let is_sparse = expr.kind == OpKind::ConstexprSparseBlockwiseShiftScale;
                // Of a sparse weight only the mask has the weight's own shape.
                let (values, shape) = if is_sparse { ("nonzero_data", "data_mask") } else { ("data", "data") };
                let shape = expr.arg(shape).and_then(|arg| self.ty(arg)).map(sizes).unwrap_or_default();
                let scale = expr.arg("scale").and_then(|arg| self.ty(arg)).map(sizes).unwrap_or_default();
                Encoding::Linear { bits: self.bits(expr.arg(values)), granularity: granularity(&shape, &scale) }
            }
            OpKind::ConstexprSparseToDense => Encoding::Dense,
            _ => Encoding::Other,
        }
    }

    fn palettized(&self, expr: &Expr) -> Encoding {
        let Some(arg) = expr.arg("lut") else { return Encoding::Other };
        let Some(lut) = self.ty(arg) else { return Encoding::Other };
        let shape = sizes(lut);
        let (entries, tables, vector) = match shape.as_slice() {
            // The form of iOS 16: one table of single elements.
            [entries] => (*entries, 1, 1),
            [groups @ .., entries, vector] => {
                (*entries, groups.iter().fold(1_u64, |all, groups| all.saturating_mul(*groups)), *vector)
            }
            [] => return Encoding::Other,
        };
        let int8_table = match arg {
            Arg::Value(value) if self.expr(*value).is_some() => true,
            Arg::Leaf(_) | Arg::Value(_) => !lut.dtype.is_float(),
        };
        let vector = u32::try_from(vector).unwrap_or(u32::MAX);
        Encoding::Palettized { bits: entries.max(1).next_power_of_two().ilog2(), tables, vector, int8_table }
    }

    fn bits(&self, arg: Option<&Arg>) -> u32 {
        arg.and_then(|arg| self.ty(arg)).and_then(|ty| ty.dtype.bits()).unwrap_or(0)
    }

    fn ty<'b>(&'b self, arg: &'b Arg) -> Option<&'b TensorType> {
        match arg {
            Arg::Leaf(leaf) => leaf.ty.tensor(),
            Arg::Value(value) => self.values.get(value.0 as usize).and_then(|value| value.ty.tensor()),
        }
    }
}

impl Expr {
    fn arg(&self, param: &str) -> Option<&Arg> {
        self.args.iter().find(|(name, _)| name == param).map(|(_, arg)| arg)
    }
}

/// What shares one scale, from the shapes of data and scales.
fn granularity(shape: &[u64], scale: &[u64]) -> Granularity {
    if scale.iter().all(|scales| *scales == 1) {
        return Granularity::PerTensor;
    }
    let blocks = shape.iter().zip(scale).filter(|(size, scales)| **scales > 1 && *scales < *size);
    let block = blocks.map(|(size, scales)| size / scales).max();
    block.map_or(Granularity::PerChannel, |block| Granularity::PerBlock(u32::try_from(block).unwrap_or(u32::MAX)))
}

/// What a value that only feeds a chain is.
pub(super) const INNER: Def = Def::Const(Literal::Opaque);
