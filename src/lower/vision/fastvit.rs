//! FastViT, and the image tower of MobileCLIP that grew out of it, in the deployed form.
//!
//! In training a block has several branches; what they hold beyond the merged convolution goes to the ledger.

use super::{Mean, activate, excite};
use crate::{
    catalog::arch::{Activation, Gate},
    lower::net::{Bias, Conv, Net},
    model::ValueId,
};

/// A MobileOne block: in training a second branch of 1×1 (for larger kernels) and one of a batch norm alone (where the
/// shape stays).
fn mobile_one(net: &mut Net, x: ValueId, conv: Conv) -> ValueId {
    let inputs = net.dim(x, 1);
    if conv.kernel != [1, 1] {
        net.folded(inputs / conv.groups.max(1) * conv.out + 2 * conv.out);
    }
    if conv.stride == 1 && inputs == conv.out {
        net.folded(2 * inputs);
    }
    net.conv(x, conv)
}

pub(super) fn stem(net: &mut Net, x: ValueId, out: u64) -> ValueId {
    let convs = [Conv::square(out, 3, 2), Conv::square(out, 3, 2).groups(out), Conv::square(out, 1, 1)];
    convs.into_iter().fold(x, |x, conv| {
        let x = mobile_one(net, x, conv);
        net.gelu(x)
    })
}

pub(super) fn rep_mixer(net: &mut Net, x: ValueId, ratio: u64, repeat: u32) -> ValueId {
    let channels = net.dim(x, 1);
    net.repeat(repeat);
    // Beside the mixing convolution: its 1×1 branch and norm, two norms of the input, and a layer scale.
    net.folded(3 * channels + 2 * channels + 2 * channels + channels);
    let x = net.conv(x, Conv::square(channels, 3, 1).groups(channels));
    let x = feed_forward(net, x, [7, 7], ratio);
    net.repeat(1);
    x
}

/// Depthwise convolution, two 1×1 convolutions and a shortcut; the layer scale is folded into the last.
pub(super) fn feed_forward(net: &mut Net, x: ValueId, kernel: [u64; 2], ratio: u64) -> ValueId {
    let channels = net.dim(x, 1);
    let depthwise = Conv { kernel, ..Conv::square(channels, 1, 1) };
    let y = net.conv(x, depthwise.groups(channels));
    let y = net.conv(y, Conv::square(ratio * channels, 1, 1).bias(Bias::Own));
    let y = net.gelu(y);
    net.folded(channels);
    let y = net.conv(y, Conv::square(channels, 1, 1).bias(Bias::Own));
    net.add(x, y)
}

pub(super) fn downsample(net: &mut Net, x: ValueId, out: u64, activation: Activation, gate: Option<Gate>) -> ValueId {
    let inputs = net.dim(x, 1);
    // The 3×3 branch of the large kernel.
    net.folded(9 * out + 2 * out);
    let mut x = net.conv(x, Conv::square(out, 7, 2).groups(inputs));
    if let Some(gate) = gate {
        x = excite(net, x, gate, Mean::Reduced);
    }
    let x = activate(net, x, activation);
    let x = mobile_one(net, x, Conv::square(out, 1, 1));
    net.gelu(x)
}

pub(super) fn positions(net: &mut Net, x: ValueId) -> ValueId {
    let channels = net.dim(x, 1);
    net.conv(x, Conv::square(channels, 7, 1).groups(channels).bias(Bias::Own))
}

pub(super) fn attention(net: &mut Net, x: ValueId, head: u64, ratio: u64, repeat: u32) -> ValueId {
    let shape = net.shape(x);
    let (channels, tokens) = (net.dim(x, 1), net.dim(x, 2) * net.dim(x, 3));
    let heads = channels / head.max(1);
    net.zeros(3 * channels);
    net.repeat(repeat);

    let y = net.batch_norm(x);
    let y = net.reshape(y, &[1, channels, tokens]);
    let y = net.transpose(y, &[0, 2, 1]);
    let y = net.linear(y, 3 * channels, Bias::Zero);
    let y = net.reshape(y, &[1, tokens, 3, heads, head]);
    let y = net.transpose(y, &[2, 0, 3, 1, 4]);
    let parts: Vec<ValueId> = net.split(y, 3, 0).into_iter().map(|part| net.squeeze(part, 0)).collect();
    let &[query, key, value] = parts.as_slice() else { return x };
    let query = net.scale(query, 1.0 / (head as f32).sqrt());
    let scores = net.matmul(query, key, false, true);
    let scores = net.softmax(scores);
    let y = net.matmul(scores, value, false, false);
    let y = net.transpose(y, &[0, 2, 1, 3]);
    let y = net.reshape(y, &[1, tokens, channels]);
    let y = net.linear(y, channels, Bias::Own);
    let y = net.transpose(y, &[0, 2, 1]);
    let y = net.reshape(y, &shape);
    let layer_scale = net.weight("layer_scale", &[channels, 1, 1]);
    let y = net.mul(y, layer_scale);
    let x = net.add(x, y);
    let x = feed_forward(net, x, [7, 7], ratio);
    net.repeat(1);
    x
}

pub(super) fn widen(net: &mut Net, x: ValueId, gate: u32) -> ValueId {
    let channels = net.dim(x, 1);
    let x = mobile_one(net, x, Conv::square(2 * channels, 3, 1).groups(channels));
    let gate = Gate { channels: gate, activation: Activation::Relu, gate: Activation::Sigmoid };
    let x = excite(net, x, gate, Mean::Pooled);
    net.gelu(x)
}
