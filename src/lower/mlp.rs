//! Fully connected layers: the course's first example.

use super::Workload;
use crate::{
    catalog::arch::Mlp,
    model::{DType, FunctionBuilder, Model, OpKind, Role},
};

pub(super) fn lower(arch: &Mlp, _workload: &Workload, model: &mut Model) {
    let mut f = FunctionBuilder::new(model, "main", Role::Single);
    let batch = u64::from(arch.batch);
    let first = arch.widths.first().copied().map_or(0, u64::from);
    let mut x = f.input("x", DType::Fp16, &[batch, first]);
    f.section(1);
    for (layer, pair) in arch.widths.windows(2).enumerate() {
        let (inputs, outputs) = (u64::from(pair[0]), u64::from(pair[1]));
        let weight = f.weight(&format!("layer_{layer}.weight"), DType::Fp16, &[outputs, inputs]);
        let bias = f.weight(&format!("layer_{layer}.bias"), DType::Fp16, &[outputs]);
        x = f.op(OpKind::Linear, &[("x", x), ("weight", weight), ("bias", bias)], DType::Fp16, &[batch, outputs]);
        x = f.op(OpKind::Relu, &[("x", x)], DType::Fp16, &[batch, outputs]);
    }
    f.finish(&[x]);
}
