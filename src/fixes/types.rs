//! Recipes about element types.

use crate::model::{DType, Def, Encoding, Function, Model, OpKind, Part, PartRole, ValueId, ValueType};

use super::{Target, each_op, redirect};

/// `fp16`: every fp32 result, constant and weight becomes fp16; inputs and outputs stay as they are.
pub(super) fn to_half(model: &mut Model, _: Target<'_>) -> u64 {
    let mut n = 0;
    for function in &mut model.functions {
        let mut kept: Vec<ValueId> = function.outputs.clone();
        kept.sort_unstable();
        for (at, value) in function.values.iter_mut().enumerate() {
            let is_interface = matches!(value.def, Def::Input) || kept.binary_search(&ValueId(at as u32)).is_ok();
            if !is_interface {
                n += u64::from(halve(&mut value.ty));
            }
        }
        drop_casts(&model.names, function);
    }
    for weight in model.weights.iter_mut().filter(|weight| weight.dtype == DType::Fp32) {
        weight.dtype = DType::Fp16;
        if weight.encoding == Encoding::Dense {
            let bytes = weight.elements().saturating_mul(2);
            for part in weight.parts.iter_mut().filter(|part| part.role == PartRole::Data) {
                *part = Part { dtype: DType::Fp16, bytes, ..part.clone() };
            }
        }
        n += 1;
    }
    n
}

/// `fp16-io`: fp32 inputs and outputs become fp16, and the casts beside them go.
pub(super) fn half_interface(model: &mut Model, _: Target<'_>) -> u64 {
    let mut n = 0;
    for function in &mut model.functions {
        let interface: Vec<ValueId> = function.inputs.iter().chain(&function.outputs).copied().collect();
        for id in interface {
            if let Some(value) = function.values.get_mut(id.0 as usize) {
                n += u64::from(halve(&mut value.ty));
            }
        }
        drop_casts(&model.names, function);
    }
    n
}

fn halve(ty: &mut ValueType) -> bool {
    match ty {
        ValueType::Tensor(tensor) if tensor.dtype == DType::Fp32 => {
            tensor.dtype = DType::Fp16;
            true
        }
        ValueType::Tensor(_) | ValueType::Other => false,
    }
}

/// Takes out casts from a type to itself.
fn drop_casts(names: &crate::model::Names, function: &mut Function) {
    let mut gone: Vec<(ValueId, ValueId)> = Vec::new();
    each_op(function, |function, op| {
        if op.kind != OpKind::Cast {
            return None;
        }
        let (from, to) = (op.input(names, "x")?, *op.outputs.first()?);
        let same = function.tensor(from)?.dtype == function.tensor(to)?.dtype;
        same.then(|| {
            gone.push((to, from));
            Vec::new()
        })
    });
    // A cast may read another cast that is gone as well.
    for (from, to) in gone.iter().rev() {
        redirect(function, *from, *to);
    }
}
