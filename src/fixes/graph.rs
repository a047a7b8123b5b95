//! Recipes about operations.

use crate::model::{
    Consumer, DType, Def, Dim, Encoding, Function, Literal, Model, Op, OpKind, TensorType, ValueId, Weight, WeightId,
};

use super::{Target, add_value, each_op, redirect, simple};

/// Operations that the host can do with the model's results.
fn is_tail(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Topk
            | OpKind::Argsort
            | OpKind::ReduceArgmax
            | OpKind::ReduceArgmin
            | OpKind::NonMaximumSuppression
            | OpKind::NonZero
            | OpKind::Cast
            | OpKind::Gather
            | OpKind::GatherAlongAxis
            | OpKind::GatherNd
            | OpKind::Classify
    )
}

/// `host-tail`: sorting, picking and casts at the end go; what they read is returned instead.
pub(super) fn cut_tail(model: &mut Model, _: Target<'_>) -> u64 {
    let names = model.names.clone();
    let mut n = 0;
    for function in &mut model.functions {
        loop {
            let read = readers(function);
            let is_last = |op: &Op| op.outputs.iter().all(|id| read.get(id.0 as usize) == Some(&0));
            let Some(op) = function.sections.last().and_then(|section| section.ops.last()).cloned() else { break };
            let once = function.sections.last().is_some_and(|section| section.times == 1);
            if !once || !is_tail(op.kind) || !is_last(&op) {
                break;
            }
            let Some(data) = op.input(&names, "x").or_else(|| op.input(&names, "boxes")) else { break };
            if matches!(function.value(data).map(|value| &value.def), Some(Def::Const(_) | Def::Weight(_)) | None) {
                break;
            }
            function.outputs.retain(|id| !op.outputs.contains(id));
            if !function.outputs.contains(&data) {
                function.outputs.push(data);
            }
            if let Some(section) = function.sections.last_mut() {
                section.ops.pop();
                if section.ops.is_empty() {
                    function.sections.pop();
                }
            }
            // A cast alone at the end is no tail: it counts when something else goes with it.
            n += u64::from(op.kind != OpKind::Cast);
        }
    }
    n
}

/// How many operations read each value.
fn readers(function: &Function) -> Vec<u32> {
    let mut read = vec![0; function.values.len()];
    function.visit(&mut |_, op| {
        let nested = op.blocks.iter().flat_map(|block| &block.outputs);
        for id in op.inputs.iter().flat_map(|(_, values)| values).chain(nested) {
            if let Some(n) = read.get_mut(id.0 as usize) {
                *n += 1;
            }
        }
    });
    read
}

/// `host-lookup`: rows that are picked from a stored table by an input become an input.
pub(super) fn look_up_outside(model: &mut Model, _: Target<'_>) -> u64 {
    let names = model.names.clone();
    let mut n = 0;
    for function in &mut model.functions {
        let mut new_inputs = Vec::new();
        n += each_op(function, |function, op| {
            if op.kind != OpKind::Gather {
                return None;
            }
            let table = op.input(&names, "x")?;
            let indices = op.input(&names, "indices")?;
            let is_stored = matches!(function.value(table)?.def, Def::Weight(_));
            let is_given = matches!(function.value(indices)?.def, Def::Input | Def::Op);
            let output = *op.outputs.first()?;
            if !is_stored || !is_given || op.outputs.len() != 1 {
                return None;
            }
            function.values.get_mut(output.0 as usize)?.def = Def::Input;
            new_inputs.push(output);
            Some(Vec::new())
        });
        function.inputs.extend(new_inputs);
        drop_unread(function);
    }
    n
}

/// Takes out operations that nothing reads any more (the index arithmetic before a lookup).
fn drop_unread(function: &mut Function) {
    loop {
        let read = readers(function);
        let outputs = function.outputs.clone();
        let n = each_op(function, |_, op| {
            let writes = matches!(op.kind, OpKind::WriteState) || op.outputs.is_empty();
            let is_unread = op.outputs.iter().all(|id| read.get(id.0 as usize) == Some(&0) && !outputs.contains(id));
            (is_unread && !writes && op.blocks.is_empty()).then(Vec::new)
        });
        if n == 0 {
            break;
        }
    }
    let read = readers(function);
    let outputs = function.outputs.clone();
    function.inputs.retain(|id| read.get(id.0 as usize) != Some(&0) || outputs.contains(id));
}

/// `precompute`: what depends on constants only becomes a constant.
pub(super) fn precompute(model: &mut Model, _: Target<'_>) -> u64 {
    let mut n = 0;
    for function in &mut model.functions {
        n += each_op(function, |function, op| {
            let is_constant = |id: &ValueId| matches!(function.value(*id).map(|value| &value.def), Some(Def::Const(_)));
            let makes = matches!(
                op.kind,
                OpKind::Range1d
                    | OpKind::Fill
                    | OpKind::BandPart
                    | OpKind::OneHot
                    | OpKind::Tile
                    | OpKind::Cast
                    | OpKind::Sin
                    | OpKind::Cos
                    | OpKind::Mul
                    | OpKind::Add
                    | OpKind::Sub
                    | OpKind::Reshape
                    | OpKind::ExpandDims
                    | OpKind::Concat
                    | OpKind::Select
                    | OpKind::Greater
                    | OpKind::Less
            );
            if !makes || op.inputs.is_empty() || !op.inputs.iter().flat_map(|(_, values)| values).all(is_constant) {
                return None;
            }
            for output in &op.outputs {
                function.values.get_mut(output.0 as usize)?.def = Def::Const(Literal::Opaque);
            }
            Some(Vec::new())
        });
    }
    n
}

/// `broadcast`: copies along an axis go where only arithmetic reads them.
pub(super) fn broadcast(model: &mut Model, _: Target<'_>) -> u64 {
    let names = model.names.clone();
    let mut n = 0;
    for function in &mut model.functions {
        let mut elementwise = vec![true; function.values.len()];
        function.visit(&mut |_, op| {
            let repeats = matches!(
                op.kind,
                OpKind::Add | OpKind::Sub | OpKind::Mul | OpKind::RealDiv | OpKind::Maximum | OpKind::Minimum
            );
            for id in op.inputs.iter().flat_map(|(_, values)| values) {
                if let Some(slot) = elementwise.get_mut(id.0 as usize) {
                    *slot = *slot && repeats;
                }
            }
        });
        let outputs = function.outputs.clone();
        let mut gone = Vec::new();
        n += each_op(function, |_, op| {
            let output = *op.outputs.first()?;
            let free = elementwise.get(output.0 as usize) == Some(&true) && !outputs.contains(&output);
            if op.kind != OpKind::Tile || !free {
                return None;
            }
            gone.push((output, op.input(&names, "x")?));
            Some(Vec::new())
        });
        for (from, to) in gone {
            redirect(function, from, to);
        }
    }
    n
}

/// `triangular`: a running sum becomes a product with a constant matrix.
pub(super) fn triangular(model: &mut Model, _: Target<'_>) -> u64 {
    let mut n = 0;
    let mut names = std::mem::take(&mut model.names);
    let mut made = Vec::new();
    let first = model.weights.len();
    for function in &mut model.functions {
        n += each_op(function, |function, op| {
            if op.kind != OpKind::Cumsum {
                return None;
            }
            let (x, output) = (op.input(&names, "x")?, *op.outputs.first()?);
            let Some(Dim::Fixed(length)) = function.tensor(x)?.shape.last().copied() else { return None };
            let id = WeightId((first + made.len()) as u32);
            let mut weight = Weight::planned("triangle", &[length, length], DType::Fp16, 1);
            weight.consumer = Some(Consumer { op: OpKind::Matmul, param: "y".to_owned() });
            made.push(weight);
            let ty = TensorType::fixed(DType::Fp16, &[length, length]);
            let y = add_value(function, "triangle".to_owned(), ty, Def::Weight(id));
            Some(vec![simple(&mut names, OpKind::Matmul, &[("x", x), ("y", y)], output)])
        });
    }
    model.names = names;
    model.weights.extend(made);
    n
}

/// `plain-attention`: the attention operation becomes product, sum, softmax and product.
pub(super) fn plain_attention(model: &mut Model, _: Target<'_>) -> u64 {
    let mut names = std::mem::take(&mut model.names);
    let mut n = 0;
    for function in &mut model.functions {
        n += each_op(function, |function, op| {
            if op.kind != OpKind::ScaledDotProductAttention {
                return None;
            }
            let (query, key) = (op.input(&names, "query")?, op.input(&names, "key")?);
            let (value, mask) = (op.input(&names, "value")?, op.input(&names, "attn_mask"));
            let output = *op.outputs.first()?;
            let mut shape = function.tensor(query)?.shape.clone();
            let n_keys = {
                let keys = &function.tensor(key)?.shape;
                keys.get(keys.len().checked_sub(2)?).copied()?
            };
            *shape.last_mut()? = n_keys;
            let ty = TensorType { dtype: function.tensor(query)?.dtype, shape };
            let truth = TensorType::fixed(DType::Bool, &[]);
            let yes = Def::Const(Literal::Bools(vec![true]));
            let transpose = add_value(function, "transpose_y".to_owned(), truth, yes);
            let value_of = |function: &mut Function, name: &str| {
                add_value(function, format!("{name}_{}", output.0), ty.clone(), Def::Op)
            };
            let scores = value_of(function, "scores");
            let arguments = [("x", query), ("y", key), ("transpose_y", transpose)];
            let mut ops = vec![simple(&mut names, OpKind::Matmul, &arguments, scores)];
            let mut last = scores;
            if let Some(mask) = mask {
                let masked = value_of(function, "masked");
                ops.push(simple(&mut names, OpKind::Add, &[("x", last), ("y", mask)], masked));
                last = masked;
            }
            let shares = value_of(function, "shares");
            ops.push(simple(&mut names, OpKind::Softmax, &[("x", last)], shares));
            ops.push(simple(&mut names, OpKind::Matmul, &[("x", shares), ("y", value)], output));
            Some(ops)
        });
    }
    model.names = names;
    n
}

/// `approximate`: functions that the engine lacks become polynomials: three products, an absolute value, a sum.
pub(super) fn approximate(model: &mut Model, _: Target<'_>) -> u64 {
    let mut names = std::mem::take(&mut model.names);
    let mut n = 0;
    for function in &mut model.functions {
        n += each_op(function, |function, op| {
            let lacks = matches!(
                op.kind,
                OpKind::Sin
                    | OpKind::Cos
                    | OpKind::Tan
                    | OpKind::Asin
                    | OpKind::Acos
                    | OpKind::Sinh
                    | OpKind::Cosh
                    | OpKind::Atanh
            );
            if !lacks {
                return None;
            }
            let (x, output) = (op.input(&names, "x")?, *op.outputs.first()?);
            let ty = function.tensor(output)?.clone();
            let mut ops = Vec::new();
            let mut last = x;
            for (step, kind) in [OpKind::Abs, OpKind::Mul, OpKind::Add, OpKind::Mul].into_iter().enumerate() {
                let next = add_value(function, format!("poly{step}_{}", output.0), ty.clone(), Def::Op);
                let binary = [("x", last), ("y", x)];
                let arguments = if kind == OpKind::Abs { &binary[..1] } else { &binary[..] };
                ops.push(simple(&mut names, kind, arguments, next));
                last = next;
            }
            ops.push(simple(&mut names, OpKind::Mul, &[("x", last), ("y", x)], output));
            Some(ops)
        });
    }
    model.names = names;
    n
}

/// `split-head`: a layer with more outputs than the engine takes becomes several, each returned on its own.
pub(super) fn split_heads(model: &mut Model, target: Target<'_>) -> u64 {
    let names = model.names.clone();
    let mut weights = std::mem::take(&mut model.weights);
    let mut n = 0;
    for function in &mut model.functions {
        let read = readers(function);
        let mut returned: Vec<(ValueId, Vec<ValueId>)> = Vec::new();
        n += each_op(function, |function, op| {
            if !matches!(op.kind, OpKind::Linear | OpKind::Conv) {
                return None;
            }
            let (weight, output) = (op.input(&names, "weight")?, *op.outputs.first()?);
            let row = function.weight(weight)?;
            let whole = weights.get(row.0 as usize)?.clone();
            let n_outputs = *whole.shape.first()?;
            // Only the last layer can be split without joining again.
            let is_last = read.get(output.0 as usize) == Some(&0);
            if n_outputs <= target.longest.max(1) || !is_last {
                return None;
            }
            let n_pieces = n_outputs.div_ceil(target.longest.max(1));
            let ty = function.tensor(output)?.clone();
            let axis = ty.shape.iter().rposition(|dim| *dim == Dim::Fixed(n_outputs))?;
            let (mut ops, mut pieces) = (Vec::new(), Vec::new());
            for piece in 0..n_pieces {
                let size = n_outputs.div_ceil(n_pieces).min(n_outputs - piece * n_outputs.div_ceil(n_pieces));
                let mut own = whole.clone();
                own.name = format!("{}_{piece}", whole.name);
                *own.shape.first_mut()? = size;
                for part in &mut own.parts {
                    // Parts shrink with the channels; a table for the whole tensor is repeated.
                    let is_whole = matches!(own.encoding, Encoding::Palettized { tables: 1, .. })
                        && part.role == crate::model::PartRole::Table;
                    if !is_whole {
                        part.bytes = part.bytes.saturating_mul(size) / n_outputs;
                    }
                }
                let id = WeightId(weights.len() as u32);
                weights.push(own);
                let mut shape = ty.shape.clone();
                *shape.get_mut(axis)? = Dim::Fixed(size);
                let kind = function.value(weight)?.ty.tensor()?.clone();
                let mut weight_shape = kind.shape.clone();
                *weight_shape.first_mut()? = Dim::Fixed(size);
                let weight_ty = TensorType { dtype: kind.dtype, shape: weight_shape };
                let stored = add_value(function, format!("{}_{piece}", whole.name), weight_ty, Def::Weight(id));
                let name = format!("{}_{piece}", function.value(output)?.name);
                let result = add_value(function, name, TensorType { dtype: ty.dtype, shape }, Def::Op);
                let mut own_op = op.clone();
                for (param, values) in &mut own_op.inputs {
                    if names.get(*param) == "weight" {
                        *values = vec![stored];
                    }
                }
                own_op.inputs.retain(|(param, _)| names.get(*param) != "bias");
                own_op.outputs = vec![result];
                ops.push(own_op);
                pieces.push(result);
            }
            returned.push((output, pieces));
            Some(ops)
        });
        for (whole, pieces) in returned {
            if let Some(at) = function.outputs.iter().position(|id| *id == whole) {
                function.outputs.splice(at..=at, pieces);
            }
        }
    }
    // The rows of the whole heads stay when something else reads them (a tied embedding); else they are no longer stored.
    let mut is_read = vec![false; weights.len()];
    for function in &model.functions {
        function.visit(&mut |_, op| {
            for id in op.inputs.iter().flat_map(|(_, values)| values).filter_map(|id| function.weight(*id)) {
                if let Some(slot) = is_read.get_mut(id.0 as usize) {
                    *slot = true;
                }
            }
        });
    }
    if n > 0 {
        for (weight, is_read) in weights.iter_mut().zip(is_read) {
            if !is_read {
                weight.parts.clear();
                weight.shape = vec![0];
            }
        }
    }
    model.weights = weights;
    n
}
