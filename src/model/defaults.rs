//! A function of flexible shape at its default shape, so that its work can be counted.
//!
//! What a plan, a size of activations or a time is about when inputs vary is the default shape of the inputs: it is put in
//! and carried through the operations as far as their parameters tell. Invariant: a dimension that nothing tells stays
//! flexible; fixed dimensions never change. Absent on purpose: shapes that depend on values.

use super::{Def, Dim, Function, Literal, Model, Names, Op, OpKind, TensorType, ValueId, ValueType};

impl Model {
    /// The model with the default shapes of its inputs carried through.
    #[must_use]
    pub fn at_default_shapes(mut self) -> Self {
        for flexible in &self.flexible {
            let Some(function) = self.functions.iter_mut().find(|function| function.name == flexible.function) else {
                continue;
            };
            for (name, sizes) in &flexible.defaults {
                let found = function.inputs.iter().find(|id| function.value(**id).is_some_and(|own| own.name == *name));
                if let Some(input) = found.copied() {
                    fill(function, input, sizes.iter().map(|size| Some(*size)));
                }
            }
            carry(function, &self.names);
        }
        self
    }
}

impl Function {
    /// Whether some shape is computed in the function: it has a flexible dimension that no input brings, or bounds that are
    /// values.
    #[must_use]
    pub fn computes_shapes(&self, names: &Names) -> bool {
        let is_flexible = |id: &ValueId| self.tensor(*id).is_some_and(TensorType::is_flexible);
        let mut found = false;
        self.visit(&mut |_, op| {
            let brings = || op.inputs.iter().flat_map(|(_, values)| values).any(is_flexible);
            let appears = !op.inputs.is_empty() && op.outputs.iter().any(is_flexible) && !brings();
            let bounds = ["begin", "end", "size", "stride", "shape", "reps"];
            let dynamic = op.kind != OpKind::SliceUpdate
                && bounds.iter().any(|param| {
                    let def = op.input(names, param).and_then(|id| self.value(id)).map(|value| &value.def);
                    matches!(def, Some(Def::Input | Def::State | Def::Op))
                });
            found |= appears || dynamic;
        });
        found
    }
}

/// Puts sizes where a tensor's dimensions are flexible, the last ones first: an image states height and width only.
fn fill(function: &mut Function, id: ValueId, sizes: impl DoubleEndedIterator<Item = Option<u64>>) {
    let value = function.values.get_mut(id.0 as usize);
    if let Some(ValueType::Tensor(tensor)) = value.map(|value| &mut value.ty) {
        for (dim, size) in tensor.shape.iter_mut().rev().zip(sizes.rev()) {
            if let (Dim::Flexible, Some(size)) = (*dim, size) {
                *dim = Dim::Fixed(size);
            }
        }
    }
}

fn carry(function: &mut Function, names: &Names) {
    let mut found: Vec<(ValueId, Vec<Option<u64>>)> = Vec::new();
    let sections = std::mem::take(&mut function.sections);
    for op in sections.iter().flat_map(|section| &section.ops) {
        for output in &op.outputs {
            let rank = match function.tensor(*output) {
                Some(tensor) if tensor.is_flexible() => tensor.shape.len(),
                _ => continue,
            };
            found.push((*output, sizes_of(function, names, op, *output, rank)));
        }
        for (output, sizes) in found.drain(..) {
            fill(function, output, sizes.into_iter());
        }
    }
    function.sections = sections;
}

/// The sizes that an operation gives one of its results, as far as they follow from its arguments.
fn sizes_of(function: &Function, names: &Names, op: &Op, output: ValueId, rank: usize) -> Vec<Option<u64>> {
    let dims = |id: ValueId| -> Vec<Option<u64>> {
        let shape = function.tensor(id).map(|tensor| tensor.shape.as_slice()).unwrap_or_default();
        shape.iter().map(|dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None }).collect()
    };
    let of = |param: &str| op.input(names, param).map(dims).unwrap_or_default();
    let ints = |param: &str| match op.input(names, param).and_then(|id| function.literal(id)) {
        Some(Literal::Ints(all)) => all.as_slice(),
        _ => &[],
    };
    match op.kind {
        OpKind::Conv | OpKind::AvgPool | OpKind::MaxPool | OpKind::L2Pool => {
            let x = of("x");
            let kernel: Vec<u64> = match ints("kernel_sizes") {
                [] => of("weight").iter().skip(2).map(|size| size.unwrap_or(1)).collect(),
                given => given.iter().map(|size| u64::try_from(*size).unwrap_or(1)).collect(),
            };
            let word = op.input(names, "pad_type").and_then(|id| function.literal(id));
            let same = matches!(word, Some(Literal::Text(word)) if word.starts_with("same"));
            let at =
                |list: &[i64], axis: usize, or: u64| list.get(axis).and_then(|v| u64::try_from(*v).ok()).unwrap_or(or);
            let along = |axis: usize, size: Option<u64>| -> Option<u64> {
                let Some(space) = axis.checked_sub(2) else { return if axis == 0 { size } else { None } };
                let stride = at(ints("strides"), space, 1).max(1);
                if same {
                    return size.map(|size| size.div_ceil(stride));
                }
                let pads = at(ints("pad"), 2 * space, 0) + at(ints("pad"), 2 * space + 1, 0);
                let reach = kernel.get(space).copied()?.saturating_sub(1) * at(ints("dilations"), space, 1);
                Some((size? + pads).checked_sub(reach + 1)? / stride + 1)
            };
            x.into_iter().enumerate().map(|(axis, size)| along(axis, size)).collect()
        }
        OpKind::Transpose => {
            let x = of("x");
            let place = |axis: &i64| usize::try_from(if *axis < 0 { *axis + x.len() as i64 } else { *axis }).ok();
            ints("perm").iter().map(|axis| place(axis).and_then(|axis| x.get(axis).copied()).flatten()).collect()
        }
        OpKind::Linear => of("x"),
        OpKind::Matmul => {
            let (x, y) = (of("x"), of("y"));
            let flag = |param: &str| {
                let literal = op.input(names, param).and_then(|id| function.literal(id));
                usize::from(matches!(literal, Some(Literal::Bools(all)) if all.first() == Some(&true)))
            };
            let row = x.iter().rev().nth(1 - flag("transpose_x")).copied().flatten();
            let column = y.iter().rev().nth(flag("transpose_y")).copied().flatten();
            let mut out: Vec<Option<u64>> = x.iter().take(rank.saturating_sub(2)).copied().collect();
            out.extend([row, column]);
            out
        }
        OpKind::Reshape => reshaped(function, of("x"), output),
        OpKind::Concat => {
            let parts: Vec<Vec<Option<u64>>> =
                op.all(names, "values").unwrap_or_default().iter().map(|id| dims(*id)).collect();
            let axis = ints("axis").first().map(|axis| if *axis < 0 { *axis + rank as i64 } else { *axis });
            (0..rank)
                .map(|at| {
                    let mut sizes = parts.iter().map(|part| part.get(at).copied().flatten());
                    if axis == Some(at as i64) { sizes.sum() } else { sizes.find_map(|size| size) }
                })
                .collect()
        }
        OpKind::ExpandDims | OpKind::Squeeze => {
            // What is left of the axes that are not of length one keeps its order.
            let mut long = of("x").into_iter().filter(|size| *size != Some(1));
            let shape = function.tensor(output).map(|tensor| tensor.shape.clone()).unwrap_or_default();
            let next = |dim: &Dim| if *dim == Dim::Fixed(1) { Some(1) } else { long.next().flatten() };
            shape.iter().map(next).collect()
        }
        _ => broadcast(op, rank, dims),
    }
}

/// The one flexible dimension of a reshape holds what the others leave.
fn reshaped(function: &Function, x: Vec<Option<u64>>, output: ValueId) -> Vec<Option<u64>> {
    let shape = function.tensor(output).map(|tensor| tensor.shape.clone()).unwrap_or_default();
    let all = x.into_iter().try_fold(1_u64, |all, size| all.checked_mul(size?));
    let n_open = shape.iter().filter(|dim| **dim == Dim::Flexible).count();
    let fixed = shape.iter().try_fold(1_u64, |all, dim| match dim {
        Dim::Fixed(size) => all.checked_mul(*size),
        Dim::Flexible => Some(all),
    });
    let open = match (all, fixed) {
        (Some(all), Some(fixed)) if n_open == 1 && fixed > 0 => Some(all / fixed),
        _ => None,
    };
    shape.iter().map(|dim| if let Dim::Fixed(size) = dim { Some(*size) } else { open }).collect()
}

/// Element by element: each axis is the longest of the arguments', seen from the last.
fn broadcast(op: &Op, rank: usize, dims: impl Fn(ValueId) -> Vec<Option<u64>>) -> Vec<Option<u64>> {
    let mut out = vec![None; rank];
    for id in op.inputs.iter().flat_map(|(_, values)| values) {
        let own = dims(*id);
        if own.len() > rank {
            continue;
        }
        for (slot, size) in out.iter_mut().rev().zip(own.into_iter().rev()) {
            *slot = (*slot).max(size);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Flexibility, Flexible, FunctionBuilder, Role};

    /// Opens every dimension of these sizes in the values but the constants.
    fn open(model: &mut Model, sizes: &[u64]) {
        for function in &mut model.functions {
            for value in &mut function.values {
                let ValueType::Tensor(tensor) = &mut value.ty else { continue };
                if matches!(value.def, Def::Input | Def::Op) {
                    tensor.shape.iter_mut().filter(|dim| sizes.iter().any(|size| **dim == Dim::Fixed(*size))).for_each(
                        |dim| {
                            *dim = Dim::Flexible;
                        },
                    );
                }
            }
        }
    }

    #[test]
    fn the_default_shape_of_an_input_is_carried_through_convolutions_reshapes_and_products() {
        let mut model = Model::default();
        let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
        let x = f.input("x", DType::Fp16, &[1, 8, 33, 32]);
        let weight = f.weight("w", DType::Fp16, &[16, 8, 3, 3]);
        let (strides, valid) = (f.literal(Literal::Ints(vec![2, 2])), f.literal(Literal::Text("valid".to_owned())));
        let inputs = [("x", x), ("weight", weight), ("strides", strides), ("pad_type", valid)];
        let conv = f.op(OpKind::Conv, &inputs, DType::Fp16, &[1, 16, 16, 15]);
        let relu = f.op(OpKind::Relu, &[("x", conv)], DType::Fp16, &[1, 16, 16, 15]);
        let rows = f.op(OpKind::Reshape, &[("x", relu)], DType::Fp16, &[1, 16, 240]);
        let perm = f.literal(Literal::Ints(vec![0, 2, 1]));
        let tokens = f.op(OpKind::Transpose, &[("x", rows), ("perm", perm)], DType::Fp16, &[1, 240, 16]);
        let scores = f.op(OpKind::Matmul, &[("x", tokens), ("y", rows)], DType::Fp16, &[1, 240, 240]);
        f.finish(&[scores]);
        let fixed = model.clone();
        // The channels of 16 stay as they are: the file says them.
        open(&mut model, &[33, 32, 15, 240]);
        assert_ne!(model.functions, fixed.functions);
        model.flexible.push(Flexible {
            function: "main".to_owned(),
            how: Flexibility::Listed,
            computes_shapes: false,
            defaults: vec![("x".to_owned(), vec![33, 32])],
        });
        assert_eq!(model.at_default_shapes().functions, fixed.functions);
    }
}
