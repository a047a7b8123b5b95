//! The UNet: down with residuals kept, the middle, up with residuals joined.

use super::{GROUPS, conv, residual};
use crate::{
    catalog::arch::{Diffusion, ExtraCondition, Unet},
    lower::{
        Ledger,
        net::{Bias, Conv, Net},
    },
    model::{DType, Model, OpKind, Role, ValueId},
};

/// What every block of the UNet reads.
struct Conditions {
    /// The activated time embedding.
    time: ValueId,
    /// The encoded text, [n, c, 1, tokens].
    text: ValueId,
}

pub(super) fn lower(arch: &Diffusion, model: &mut Model) -> Ledger {
    let unet = &arch.unet;
    let (batch, edge) = (u64::from(arch.batch), u64::from(arch.latent));
    let mut net = Net::new(model, "unet", Role::Step { times: arch.steps });
    let sample = net.input("sample", DType::Fp16, &[batch, u64::from(arch.channels), edge, edge]);
    let timestep = net.input("timestep", DType::Fp16, &[batch]);
    let tokens = arch.text.first().map_or(77, |text| u64::from(text.context));
    let text = net.input("encoder_hidden_states", DType::Fp16, &[batch, u64::from(unet.context), 1, tokens]);
    let first = unet.channels.first().copied().map_or(0, u64::from);
    let waves = sinusoids(&mut net, timestep, first);
    let mut embedded = embed(&mut net, waves, 4 * first);
    if let Some(extra) = unet.extra {
        let more = extra_conditions(&mut net, batch, extra, 4 * first);
        embedded = net.add(embedded, more);
    }
    let x = conv(&mut net, sample, first, 3, 1);
    let time = net.map(OpKind::Silu, embedded);
    let x = body(&mut net, x, unet, &Conditions { time, text });
    let x = net.group_norm(x, GROUPS);
    let x = net.map(OpKind::Silu, x);
    let x = conv(&mut net, x, u64::from(arch.channels), 3, 1);
    net.finish(&[x])
}

/// Sines and cosines of a number at `width / 2` frequencies.
fn sinusoids(net: &mut Net, number: ValueId, width: u64) -> ValueId {
    let rows = net.dim(number, 0);
    let half = width / 2;
    let x = net.expand_dims(number, 1);
    let frequencies = net.computed("frequencies", &[1, half]);
    let x = net.mul(x, frequencies);
    let sine = net.op(OpKind::Sin, &[("x", x)], &[rows, half]);
    let cosine = net.op(OpKind::Cos, &[("x", x)], &[rows, half]);
    let x = net.concat(&[sine, cosine], 1);
    let back = net.slice(x, 1, half, width, false);
    let front = net.slice(x, 1, 0, half, false);
    net.concat(&[back, front], 1)
}

/// Two 1×1 convolutions with SiLU between them.
fn embed(net: &mut Net, x: ValueId, out: u64) -> ValueId {
    let x = net.expand_dims(x, 2);
    let x = net.expand_dims(x, 3);
    let x = conv(net, x, out, 1, 1);
    let x = net.map(OpKind::Silu, x);
    conv(net, x, out, 1, 1)
}

fn extra_conditions(net: &mut Net, batch: u64, extra: ExtraCondition, out: u64) -> ValueId {
    let (numbers, width) = (u64::from(extra.numbers), u64::from(extra.width));
    let ids = net.input("time_ids", DType::Fp16, &[batch, numbers]);
    let pooled = net.input("text_embeds", DType::Fp16, &[batch, u64::from(extra.pooled)]);
    let ids = net.reshape(ids, &[batch * numbers]);
    let waves = sinusoids(net, ids, width);
    let waves = net.reshape(waves, &[batch, numbers * width]);
    let all = net.concat(&[pooled, waves], 1);
    embed(net, all, out)
}

fn body(net: &mut Net, x: ValueId, unet: &Unet, conditions: &Conditions) -> ValueId {
    let stages: Vec<Stage> = (0..unet.channels.len())
        .map(|at| Stage { channels: row(&unet.channels, at), heads: row(&unet.heads, at), depth: row(&unet.depth, at) })
        .collect();
    let mut kept = vec![x];
    let mut x = x;
    for (at, stage) in stages.iter().enumerate() {
        for _ in 0..unet.blocks {
            x = residual(net, x, stage.channels, Some(conditions.time));
            x = transformer(net, x, stage, conditions.text);
            kept.push(x);
        }
        if at + 1 < stages.len() {
            x = conv(net, x, stage.channels, 3, 2);
            kept.push(x);
        }
    }
    if let Some(last) = stages.last() {
        let middle = Stage { depth: u64::from(unet.middle), ..*last };
        x = residual(net, x, last.channels, Some(conditions.time));
        x = transformer(net, x, &middle, conditions.text);
        x = residual(net, x, last.channels, Some(conditions.time));
    }
    for (at, stage) in stages.iter().enumerate().rev() {
        for _ in 0..=unet.blocks {
            if let Some(skip) = kept.pop() {
                x = net.concat(&[x, skip], 1);
            }
            x = residual(net, x, stage.channels, Some(conditions.time));
            x = transformer(net, x, stage, conditions.text);
        }
        if at > 0 {
            x = net.upsample(x);
            x = conv(net, x, stage.channels, 3, 1);
        }
    }
    x
}

/// One resolution of the UNet.
#[derive(Clone, Copy)]
struct Stage {
    channels: u64,
    heads: u64,
    depth: u64,
}

fn row(all: &[u32], at: usize) -> u64 {
    all.get(at).copied().map_or(0, u64::from)
}

/// `depth` transformer blocks over the pixels as tokens, between two 1×1 convolutions; nothing when there are none.
fn transformer(net: &mut Net, x: ValueId, stage: &Stage, text: ValueId) -> ValueId {
    if stage.depth == 0 {
        return x;
    }
    let image = net.shape(x);
    let tokens = [net.dim(x, 0), stage.channels, 1, net.dim(x, 2) * net.dim(x, 3)];
    let y = net.group_norm(x, GROUPS);
    let y = conv(net, y, stage.channels, 1, 1);
    let mut y = net.reshape(y, &tokens);
    net.repeat(stage.depth as u32);
    let normed = net.layer_norm(y, 1);
    let attended = attention(net, normed, normed, stage);
    y = net.add(attended, y);
    let normed = net.layer_norm(y, 1);
    let attended = attention(net, normed, text, stage);
    y = net.add(attended, y);
    let normed = net.layer_norm(y, 1);
    let fed = feed_forward(net, normed, stage.channels);
    y = net.add(fed, y);
    net.repeat(1);
    let y = net.reshape(y, &image);
    let y = conv(net, y, stage.channels, 1, 1);
    net.add(y, x)
}

fn attention(net: &mut Net, x: ValueId, from: ValueId, stage: &Stage) -> ValueId {
    let channels = stage.channels;
    let head = channels / stage.heads.max(1);
    let (batch, queries) = (net.dim(x, 0), net.dim(x, 3));
    let project = Conv::square(channels, 1, 1).bias(Bias::None);
    let parts = [x, from, from].map(|source| net.conv(source, project));
    let [query, key, value] = parts.map(|part| {
        let tokens = net.dim(part, 3);
        net.reshape(part, &[batch, stage.heads, head, tokens])
    });
    let scores = net.matmul(query, key, true, false);
    let scores = net.scale(scores, 1.0 / (head as f32).sqrt());
    let scores = net.softmax(scores);
    let y = net.matmul(value, scores, false, true);
    let y = net.reshape(y, &[batch, channels, 1, queries]);
    conv(net, y, channels, 1, 1)
}

/// GEGLU: half of a wide layer gates the other half.
fn feed_forward(net: &mut Net, x: ValueId, channels: u64) -> ValueId {
    let wide = conv(net, x, 8 * channels, 1, 1);
    let halves = net.split(wide, 2, 1);
    let &[kept, gate] = halves.as_slice() else { return x };
    let gate = net.gelu(gate);
    let y = net.mul(kept, gate);
    conv(net, y, channels, 1, 1)
}
