//! Latent diffusion as Apple's converter writes it (ml-stable-diffusion, `ORIGINAL` attention): linear layers of the UNet
//! are 1×1 convolutions over [n, c, 1, tokens], attention is two products over all heads at once.
//!
//! Each component is a function of its own: `text_encoder`, `text_encoder_2`, `unet`, `vae_decoder`. Absent on purpose:
//! the image encoder, the safety checker and the scheduler, which the plan of a text-to-image app does not need.

mod decoder;
mod text;
mod unet;

use super::{
    Ledger,
    net::{Conv, Net},
};
use crate::{
    catalog::arch::Diffusion,
    lower::net::Bias,
    model::{Model, OpKind, ValueId},
};

pub(super) fn lower(arch: &Diffusion, model: &mut Model) -> Vec<Ledger> {
    let mut ledgers = Vec::new();
    for (at, encoder) in arch.text.iter().enumerate() {
        let name = if at == 0 { "text_encoder" } else { "text_encoder_2" };
        ledgers.push(text::lower(encoder, name, model));
    }
    ledgers.push(unet::lower(arch, model));
    ledgers.push(decoder::lower(arch, model));
    ledgers
}

/// Groups of every group norm.
const GROUPS: u64 = 32;

/// A convolution with the checkpoint's own bias.
fn conv(net: &mut Net, x: ValueId, out: u64, kernel: u64, stride: u64) -> ValueId {
    net.conv(x, Conv::square(out, kernel, stride).bias(Bias::Own))
}

/// Two convolutions, each after a norm and SiLU, and a shortcut; `time` is the activated time embedding.
fn residual(net: &mut Net, x: ValueId, out: u64, time: Option<ValueId>) -> ValueId {
    let y = net.group_norm(x, GROUPS);
    let y = net.map(OpKind::Silu, y);
    let mut y = conv(net, y, out, 3, 1);
    if let Some(time) = time {
        let time = conv(net, time, out, 1, 1);
        y = net.add(y, time);
    }
    let y = net.group_norm(y, GROUPS);
    let y = net.map(OpKind::Silu, y);
    let y = conv(net, y, out, 3, 1);
    let shortcut = if net.dim(x, 1) == out { x } else { conv(net, x, out, 1, 1) };
    net.add(shortcut, y)
}
