//! Image models: ResNet, MobileNet, EfficientNet, ViT, FastViT and the two towers of MobileCLIP.
//!
//! The graph is that of the converted package: batch norms are folded and training branches are merged. Absent on
//! purpose: preprocessing, and outputs beside the model's own.

mod fastvit;
mod text;
mod vit;

use super::{
    Ledger,
    net::{Bias, Conv, Net},
};
use crate::{
    catalog::arch::{Activation, Gate, Layer, Vision},
    model::{DType, Model, OpKind, Role, ValueId},
};

pub(super) fn lower(arch: &Vision, model: &mut Model) -> Vec<Ledger> {
    let name = if arch.text.is_some() { "image_encoder" } else { "main" };
    let mut net = Net::new(model, name, Role::Single);
    let edge = u64::from(arch.image);
    let mut x = net.input("image", DType::Fp16, &[1, 3, edge, edge]);
    for row in &arch.layers {
        x = layer(&mut net, x, row);
    }
    let mut ledgers = vec![net.finish(&[x])];
    if let Some(tower) = &arch.text {
        ledgers.push(text::lower(tower, model));
    }
    ledgers
}

fn layer(net: &mut Net, x: ValueId, row: &Layer) -> ValueId {
    let wide = |size: &u32| u64::from(*size);
    match row {
        Layer::Conv { out, kernel, stride, activation } => {
            let x = net.conv(x, Conv::square(wide(out), wide(kernel), wide(stride)));
            activate(net, x, *activation)
        }
        Layer::MaxPool { kernel, stride } => net.pool(OpKind::MaxPool, x, wide(kernel), wide(stride), wide(kernel) / 2),
        Layer::Basic { out, stride, repeat } => stage(net, x, *repeat, *stride, |net, x, stride| {
            let y = net.conv(x, Conv::square(wide(out), 3, stride));
            let y = net.map(OpKind::Relu, y);
            let y = net.conv(y, Conv::square(wide(out), 3, 1));
            join(net, x, y, stride)
        }),
        Layer::Bottleneck { mid, out, stride, repeat } => stage(net, x, *repeat, *stride, |net, x, stride| {
            let y = net.conv(x, Conv::square(wide(mid), 1, 1));
            let y = net.map(OpKind::Relu, y);
            let y = net.conv(y, Conv::square(wide(mid), 3, stride));
            let y = net.map(OpKind::Relu, y);
            let y = net.conv(y, Conv::square(wide(out), 1, 1));
            join(net, x, y, stride)
        }),
        Layer::Inverted { expand, out, kernel, stride, repeat, activation, gate } => {
            stage(net, x, *repeat, *stride, |net, x, stride| {
                let mut y = x;
                if net.dim(x, 1) != wide(expand) {
                    y = net.conv(y, Conv::square(wide(expand), 1, 1));
                    y = activate(net, y, *activation);
                }
                y = net.conv(y, Conv::square(wide(expand), wide(kernel), stride).groups(wide(expand)));
                y = activate(net, y, *activation);
                if let Some(gate) = gate {
                    y = excite(net, y, *gate, Mean::Reduced);
                }
                y = net.conv(y, Conv::square(wide(out), 1, 1));
                if stride == 1 && net.dim(x, 1) == wide(out) { net.add(y, x) } else { y }
            })
        }
        Layer::Patches { edge, out } => vit::patches(net, x, wide(edge), wide(out)),
        Layer::Encoder { heads, hidden, repeat } => vit::encoder(net, x, wide(heads), wide(hidden), *repeat),
        Layer::ClassToken => {
            let x = net.layer_norm(x, 2);
            net.slice(x, 1, 0, 1, true)
        }
        Layer::Stem { out } => fastvit::stem(net, x, wide(out)),
        Layer::RepMixer { ratio, repeat } => fastvit::rep_mixer(net, x, wide(ratio), *repeat),
        Layer::Downsample { out, activation, gate } => fastvit::downsample(net, x, wide(out), *activation, *gate),
        Layer::Positions => fastvit::positions(net, x),
        Layer::Attention { head, ratio, repeat } => fastvit::attention(net, x, wide(head), wide(ratio), *repeat),
        Layer::Widen { gate } => fastvit::widen(net, x, *gate),
        Layer::Pool => {
            let mean = net.reduce_mean(x, &[2, 3], true);
            let shape = [net.dim(x, 0), net.dim(x, 1)];
            net.reshape(mean, &shape)
        }
        Layer::Linear { out, activation } => {
            let x = net.linear(x, wide(out), Bias::Own);
            activate(net, x, *activation)
        }
        Layer::Project { out } => {
            let mean = net.reduce_mean(x, &[2, 3], false);
            net.linear(mean, wide(out), Bias::Zero)
        }
    }
}

/// A stage: the first block takes the stride and may change the channels, the others are alike.
fn stage(
    net: &mut Net,
    x: ValueId,
    repeat: u32,
    stride: u32,
    block: impl Fn(&mut Net, ValueId, u64) -> ValueId,
) -> ValueId {
    let mut x = block(net, x, u64::from(stride));
    if repeat > 1 {
        net.repeat(repeat - 1);
        x = block(net, x, 1);
        net.repeat(1);
    }
    x
}

/// The end of a residual block: the shortcut is a convolution where shapes differ.
fn join(net: &mut Net, x: ValueId, y: ValueId, stride: u64) -> ValueId {
    let out = net.dim(y, 1);
    let shortcut = if stride != 1 || net.dim(x, 1) != out { net.conv(x, Conv::square(out, 1, stride)) } else { x };
    let sum = net.add(y, shortcut);
    net.map(OpKind::Relu, sum)
}

fn activate(net: &mut Net, x: ValueId, activation: Activation) -> ValueId {
    let shape = net.shape(x);
    match activation {
        Activation::None => x,
        Activation::Relu => net.map(OpKind::Relu, x),
        Activation::Relu6 => {
            // It is traced as a clamp.
            let alpha = net.number(0.0);
            let beta = net.number(6.0);
            net.op(OpKind::Clip, &[("x", x), ("alpha", alpha), ("beta", beta)], &shape)
        }
        Activation::HardSwish => {
            let alpha = net.number(-3.0);
            let x = net.op(OpKind::ThresholdedRelu, &[("x", x), ("alpha", alpha)], &shape);
            let gate = activate(net, x, Activation::HardSigmoid);
            net.mul(x, gate)
        }
        Activation::HardSigmoid => {
            let alpha = net.number(1.0 / 6.0);
            let beta = net.number(0.5);
            net.op(OpKind::SigmoidHard, &[("x", x), ("alpha", alpha), ("beta", beta)], &shape)
        }
        Activation::Silu => net.map(OpKind::Silu, x),
        Activation::Gelu => net.gelu(x),
        Activation::Sigmoid => net.map(OpKind::Sigmoid, x),
    }
}

/// How a gate averages the image.
#[derive(Clone, Copy)]
enum Mean {
    /// `reduce_mean`.
    Reduced,
    /// An average pool as large as the image.
    Pooled,
}

fn excite(net: &mut Net, x: ValueId, gate: Gate, mean: Mean) -> ValueId {
    let (channels, edge) = (net.dim(x, 1), net.dim(x, 2));
    let y = match mean {
        Mean::Reduced => net.reduce_mean(x, &[2, 3], true),
        Mean::Pooled => net.pool(OpKind::AvgPool, x, edge, edge, 0),
    };
    let y = net.conv(y, Conv::square(u64::from(gate.channels), 1, 1).bias(Bias::Own));
    let y = activate(net, y, gate.activation);
    let y = net.conv(y, Conv::square(channels, 1, 1).bias(Bias::Own));
    let y = activate(net, y, gate.gate);
    net.mul(y, x)
}
