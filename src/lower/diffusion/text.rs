//! A CLIP text encoder as Apple's converter writes it: indices arrive as fp32, the causal mask is a constant.

use crate::{
    catalog::arch::{ClipText, Hidden, TextActivation},
    lower::{
        Ledger,
        net::{Bias, Net},
    },
    model::{DType, Model, OpKind, Role, ValueId},
};

pub(super) fn lower(arch: &ClipText, name: &str, model: &mut Model) -> Ledger {
    let (tokens, width) = (u64::from(arch.context), u64::from(arch.width));
    let mut net = Net::new(model, name, Role::Single);
    let ids = net.input("input_ids", DType::Fp32, &[1, tokens]);
    let ids = net.typed(OpKind::Cast, &[("x", ids)], DType::Int32, &[1, tokens]);
    let table = net.weight("embedding", &[u64::from(arch.vocabulary), width]);
    let axis = net.ints(&[0]);
    let x = net.op(OpKind::Gather, &[("x", table), ("indices", ids), ("axis", axis)], &[1, tokens, width]);
    let positions = net.weight("positions", &[1, tokens, width]);
    let x = net.add(x, positions);
    // The mask is stored once for all layers.
    let mask = net.computed("causal_mask", &[1, 1, tokens, tokens]);
    net.repeat(arch.layers.saturating_sub(1));
    let penultimate = layer(&mut net, x, mask, arch);
    net.repeat(1);
    let x = layer(&mut net, penultimate, mask, arch);
    let x = net.layer_norm(x, 2);

    // The end-of-text token has the highest index of all.
    let axis = net.ints(&[-1]);
    let end = net.typed(OpKind::ReduceArgmax, &[("x", ids), ("axis", axis)], DType::Int32, &[1]);
    let at = net.stack_with_zero(end);
    let mut pooled = net.op(OpKind::GatherNd, &[("x", x), ("indices", at)], &[1, width]);
    if arch.projection > 0 {
        pooled = net.linear(pooled, u64::from(arch.projection), Bias::Zero);
    }
    let result = match arch.result {
        Hidden::Last => x,
        Hidden::Penultimate => penultimate,
    };
    net.finish(&[result, pooled])
}

fn layer(net: &mut Net, x: ValueId, mask: ValueId, arch: &ClipText) -> ValueId {
    let (tokens, width, heads) = (u64::from(arch.context), u64::from(arch.width), u64::from(arch.heads));
    let head = width / heads.max(1);
    let y = net.layer_norm(x, 2);
    let query = net.linear(y, width, Bias::Own);
    let query = net.scale(query, 1.0 / (head as f32).sqrt());
    let key = net.linear(y, width, Bias::Own);
    let key = net.reshape(key, &[1, tokens, heads, head]);
    let value = net.linear(y, width, Bias::Own);
    let value = net.reshape(value, &[1, tokens, heads, head]);
    let query = net.reshape(query, &[1, tokens, heads, head]);
    let [query, key, value] = [query, key, value].map(|part| {
        let part = net.transpose(part, &[0, 2, 1, 3]);
        net.reshape(part, &[heads, tokens, head])
    });
    let scores = net.matmul(query, key, false, true);
    let scores = net.reshape(scores, &[1, heads, tokens, tokens]);
    let scores = net.add(scores, mask);
    let scores = net.reshape(scores, &[heads, tokens, tokens]);
    let scores = net.softmax(scores);
    let y = net.matmul(scores, value, false, false);
    let y = net.reshape(y, &[1, heads, tokens, head]);
    let y = net.transpose(y, &[0, 2, 1, 3]);
    let y = net.reshape(y, &[1, tokens, width]);
    let y = net.linear(y, width, Bias::Own);
    let x = net.add(x, y);

    let y = net.layer_norm(x, 2);
    let y = net.linear(y, u64::from(arch.hidden), Bias::Own);
    let y = match arch.activation {
        TextActivation::Gelu => net.gelu(y),
        TextActivation::QuickGelu => {
            let gate = net.scale(y, 1.702);
            let gate = net.map(OpKind::Sigmoid, gate);
            net.mul(y, gate)
        }
    };
    let y = net.linear(y, width, Bias::Own);
    net.add(x, y)
}
