//! ViT as torchvision traces it: attention with the tokens in front.

use crate::{
    lower::net::{Bias, Conv, Net},
    model::{OpKind, ValueId},
};

pub(super) fn patches(net: &mut Net, x: ValueId, edge: u64, out: u64) -> ValueId {
    let x = net.conv(x, Conv::square(out, edge, edge).bias(Bias::Own));
    let n_patches = net.dim(x, 2) * net.dim(x, 3);
    let x = net.reshape(x, &[1, out, n_patches]);
    let x = net.transpose(x, &[0, 2, 1]);
    let class = net.weight("class_token", &[1, 1, out]);
    let x = net.concat(&[class, x], 1);
    let positions = net.weight("positions", &[1, n_patches + 1, out]);
    net.add(x, positions)
}

pub(super) fn encoder(net: &mut Net, x: ValueId, heads: u64, hidden: u64, repeat: u32) -> ValueId {
    let (tokens, width) = (net.dim(x, 1), net.dim(x, 2));
    let head = width / heads.max(1);
    net.repeat(repeat);

    let y = net.layer_norm(x, 2);
    let y = net.transpose(y, &[1, 0, 2]);
    let y = net.linear(y, 3 * width, Bias::Own);
    let y = net.reshape(y, &[tokens, 1, 3, width]);
    let y = net.expand_dims(y, 0);
    let y = net.transpose(y, &[3, 1, 2, 0, 4]);
    let y = net.squeeze(y, 3);
    let [query, key, value] = [0, 1, 2].map(|part| net.slice(y, 0, part, part + 1, true));
    let [query, key, value] = [query, key, value].map(|part| net.reshape(part, &[tokens, heads, head]));
    let [query, key, value] = [query, key, value].map(|part| {
        let part = net.transpose(part, &[1, 0, 2]);
        net.reshape(part, &[1, heads, tokens, head])
    });
    let query = net.scale(query, 1.0 / (head as f32).sqrt());
    let scores = net.matmul(query, key, false, true);
    let scores = net.softmax(scores);
    let y = net.matmul(scores, value, false, false);
    let y = net.transpose(y, &[2, 0, 1, 3]);
    let y = net.reshape(y, &[tokens, width]);
    let y = net.linear(y, width, Bias::Own);
    let y = net.reshape(y, &[tokens, 1, width]);
    let y = net.transpose(y, &[1, 0, 2]);
    let x = net.add(y, x);

    let y = net.layer_norm(x, 2);
    let y = net.linear(y, hidden, Bias::Own);
    let y = net.gelu(y);
    let y = net.linear(y, width, Bias::Own);
    let x = net.zip(OpKind::Add, x, y);
    net.repeat(1);
    x
}
