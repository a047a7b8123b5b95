//! The text tower of MobileCLIP: transformer layers without a causal mask, for the small model between two
//! convolutional mixers.

use super::fastvit::feed_forward;
use crate::{
    catalog::arch::TextTower,
    lower::{
        Ledger,
        net::{Bias, Conv, Net},
    },
    model::{DType, Model, OpKind, Role, ValueId},
};

pub(super) fn lower(arch: &TextTower, model: &mut Model) -> Ledger {
    let (tokens, width) = (u64::from(arch.context), u64::from(arch.width));
    let mut net = Net::new(model, "text_encoder", Role::Single);
    let ids = net.input("text", DType::Int32, &[1, tokens]);
    // A negative index counts from the end, so the gather is written with a guard.
    let zero = net.ints(&[0]);
    let is_valid = net.typed(OpKind::GreaterEqual, &[("x", ids), ("y", zero)], DType::Bool, &[1, tokens]);
    let rows = net.ints(&[i64::from(arch.vocabulary)]);
    let wrapped = net.typed(OpKind::Add, &[("x", ids), ("y", rows)], DType::Int32, &[1, tokens]);
    let guard = [("cond", is_valid), ("a", ids), ("b", wrapped)];
    let indices = net.typed(OpKind::Select, &guard, DType::Int32, &[1, tokens]);
    let table = net.weight("embedding", &[u64::from(arch.vocabulary), width]);
    let axis = net.ints(&[0]);
    let x = net.op(OpKind::Gather, &[("x", table), ("indices", indices), ("axis", axis)], &[1, tokens, width]);
    let positions = net.weight("positions", &[1, tokens, width]);
    let mut x = net.add(x, positions);
    if arch.mixer > 0 {
        x = mixer(&mut net, x, arch);
    }
    if arch.layers > 0 {
        net.repeat(arch.layers);
        x = layer(&mut net, x, arch);
        net.repeat(1);
    }
    if arch.mixer > 0 {
        x = mixer(&mut net, x, arch);
    }
    let x = net.layer_norm(x, 2);

    // The end-of-text token has the highest index of all.
    let axis = net.ints(&[-1]);
    let end = net.typed(OpKind::ReduceArgmax, &[("x", ids), ("axis", axis)], DType::Int32, &[1]);
    let at = net.stack_with_zero(end);
    let at = net.typed(OpKind::Cast, &[("x", at)], DType::UInt16, &[1, 2]);
    let x = net.op(OpKind::GatherNd, &[("x", x), ("indices", at)], &[1, width]);
    let x = net.linear(x, u64::from(arch.embedding), Bias::Zero);
    net.finish(&[x])
}

fn mixer(net: &mut Net, x: ValueId, arch: &TextTower) -> ValueId {
    let width = u64::from(arch.width);
    let x = net.transpose(x, &[0, 2, 1]);
    let x = net.expand_dims(x, 2);
    let kernel = [1, u64::from(arch.mixer)];
    // In training two norms of the input and a layer scale stand beside the convolution.
    net.folded(5 * width);
    let x = net.conv(x, Conv { kernel, ..Conv::square(width, 1, 1) }.groups(width));
    let x = feed_forward(net, x, kernel, u64::from(arch.hidden / arch.width.max(1)));
    let x = net.squeeze(x, 2);
    net.transpose(x, &[0, 2, 1])
}

fn layer(net: &mut Net, x: ValueId, arch: &TextTower) -> ValueId {
    let (tokens, width, heads) = (u64::from(arch.context), u64::from(arch.width), u64::from(arch.heads));
    let head = width / heads.max(1);
    let y = net.layer_norm(x, 2);
    let y = net.linear(y, 3 * width, Bias::Own);
    let y = net.reshape(y, &[1, tokens, 3, heads, head]);
    let y = net.transpose(y, &[0, 3, 2, 1, 4]);
    let [query, key, value] = [0, 1, 2].map(|part| net.slice(y, 2, part, part + 1, true));
    let query = net.scale(query, 1.0 / (head as f32).sqrt());
    let scores = net.matmul(query, key, false, true);
    let scores = net.softmax(scores);
    let y = net.matmul(scores, value, false, false);
    let y = net.transpose(y, &[0, 2, 1, 3]);
    let y = net.reshape(y, &[1, tokens, width]);
    let y = net.linear(y, width, Bias::Own);
    let x = net.add(y, x);
    let y = net.layer_norm(x, 2);
    let y = net.linear(y, u64::from(arch.hidden), Bias::Own);
    let y = net.gelu(y);
    let y = net.linear(y, width, Bias::Own);
    net.add(x, y)
}
