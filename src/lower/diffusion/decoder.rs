//! The decoder of the autoencoder: latent image in, picture of eight times the edge out.

use super::{GROUPS, conv, residual};
use crate::{
    catalog::arch::Diffusion,
    lower::{
        Ledger,
        net::{Bias, Net},
    },
    model::{DType, Model, OpKind, Role, ValueId},
};

pub(super) fn lower(arch: &Diffusion, model: &mut Model) -> Ledger {
    let (edge, latent) = (u64::from(arch.latent), u64::from(arch.channels));
    let mut net = Net::new(model, "vae_decoder", Role::Single);
    let z = net.input("z", DType::Fp16, &[1, latent, edge, edge]);
    let widest = arch.decoder.last().copied().map_or(0, u64::from);
    let x = conv(&mut net, z, latent, 1, 1);
    let x = conv(&mut net, x, widest, 3, 1);
    let x = residual(&mut net, x, widest, None);
    let x = attention(&mut net, x);
    let mut x = residual(&mut net, x, widest, None);
    for (at, channels) in arch.decoder.iter().enumerate().rev() {
        for _ in 0..arch.decoder_blocks {
            x = residual(&mut net, x, u64::from(*channels), None);
        }
        if at > 0 {
            x = net.upsample(x);
            x = conv(&mut net, x, u64::from(*channels), 3, 1);
        }
    }
    let x = net.group_norm(x, GROUPS);
    let x = net.map(OpKind::Silu, x);
    let x = conv(&mut net, x, 3, 3, 1);
    net.finish(&[x])
}

/// Attention of one head over all pixels.
fn attention(net: &mut Net, x: ValueId) -> ValueId {
    let image = net.shape(x);
    let (channels, tokens) = (net.dim(x, 1), net.dim(x, 2) * net.dim(x, 3));
    let y = net.group_norm_as(x, GROUPS, &[1, channels, tokens]);
    let y = net.transpose(y, &[0, 2, 1]);
    let [query, key, value] = [y; 3].map(|y| net.linear(y, channels, Bias::Own));
    let [query, key, value] = [query, key, value].map(|part| net.reshape(part, &[1, tokens, 1, channels]));
    let query = net.scale(query, 1.0 / (channels as f32).sqrt());
    let [key, query, value] = [key, query, value].map(|part| net.transpose(part, &[0, 2, 1, 3]));
    let scores = net.matmul(query, key, false, true);
    let scores = net.softmax(scores);
    let y = net.matmul(scores, value, false, false);
    let y = net.transpose(y, &[0, 2, 1, 3]);
    let y = net.reshape(y, &[1, tokens, channels]);
    let y = net.linear(y, channels, Bias::Own);
    let y = net.transpose(y, &[0, 2, 1]);
    let y = net.reshape(y, &image);
    net.add(y, x)
}
