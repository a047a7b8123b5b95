//! Layers: the operations and weights that one module of a checkpoint becomes.

use super::{Bias, Conv, Net};
use crate::model::{OpKind, ValueId};

impl Net<'_> {
    pub(in crate::lower) fn conv(&mut self, x: ValueId, conv: Conv) -> ValueId {
        let [height, width] = conv.kernel;
        let inputs = self.dim(x, 1);
        let weight = self.weight("conv_weight", &[conv.out, inputs / conv.groups.max(1), height, width]);
        let strides = self.sizes(&[conv.stride, conv.stride]);
        // A kernel as wide as its stride tiles the image and takes no padding.
        let is_tiling = conv.stride > 1 && height <= conv.stride;
        let pad = if is_tiling { [0; 4] } else { [height / 2, height / 2, width / 2, width / 2] };
        let pad_type = self.text(if pad == [0; 4] { "valid" } else { "custom" });
        let size = |size: u64, kernel: u64, pad: u64| (size + 2 * pad).saturating_sub(kernel) / conv.stride.max(1) + 1;
        let shape =
            [self.dim(x, 0), conv.out, size(self.dim(x, 2), height, pad[0]), size(self.dim(x, 3), width, pad[2])];
        let pad = self.sizes(&pad);
        let dilations = self.ints(&[1, 1]);
        let groups = self.sizes(&[conv.groups]);
        let mut all = vec![
            ("x", x),
            ("weight", weight),
            ("strides", strides),
            ("pad_type", pad_type),
            ("pad", pad),
            ("dilations", dilations),
            ("groups", groups),
        ];
        if let Some(bias) = self.bias(conv.bias, conv.out) {
            all.push(("bias", bias));
        }
        self.op(OpKind::Conv, &all, &shape)
    }

    fn bias(&mut self, bias: Bias, length: u64) -> Option<ValueId> {
        match bias {
            Bias::None => None,
            Bias::Own => Some(self.weight("bias", &[length])),
            Bias::Folded => {
                self.folded(2 * length);
                Some(self.computed("bias", &[length]))
            }
            Bias::Zero => Some(self.constant(false, length)),
        }
    }

    pub(in crate::lower) fn linear(&mut self, x: ValueId, out: u64, bias: Bias) -> ValueId {
        let mut shape = self.shape(x);
        let inputs = shape.pop().unwrap_or(1);
        shape.push(out);
        let weight = self.weight("linear_weight", &[out, inputs]);
        let mut all = vec![("x", x), ("weight", weight)];
        if let Some(bias) = self.bias(bias, out) {
            all.push(("bias", bias));
        }
        self.op(OpKind::Linear, &all, &shape)
    }

    pub(in crate::lower) fn layer_norm(&mut self, x: ValueId, axis: usize) -> ValueId {
        let size = self.dim(x, axis);
        let shape = self.shape(x);
        let axes = self.ints(&[axis as i64]);
        let gamma = self.weight("gamma", &[size]);
        let beta = self.weight("beta", &[size]);
        let epsilon = self.number(1e-5);
        let inputs = [("x", x), ("axes", axes), ("gamma", gamma), ("beta", beta), ("epsilon", epsilon)];
        self.op(OpKind::LayerNorm, &inputs, &shape)
    }

    /// A batch norm with no convolution to fold it into; its running statistics are stored but are no parameters.
    pub(in crate::lower) fn batch_norm(&mut self, x: ValueId) -> ValueId {
        let channels = self.dim(x, 1);
        let mean = self.computed("mean", &[channels]);
        let variance = self.computed("variance", &[channels]);
        self.batch_norm_of(x, mean, variance)
    }

    fn batch_norm_of(&mut self, x: ValueId, mean: ValueId, variance: ValueId) -> ValueId {
        let shape = self.shape(x);
        let channels = self.dim(x, 1);
        let gamma = self.weight("gamma", &[channels]);
        let beta = self.weight("beta", &[channels]);
        let epsilon = self.number(1e-5);
        let inputs =
            [("x", x), ("mean", mean), ("variance", variance), ("gamma", gamma), ("beta", beta), ("epsilon", epsilon)];
        self.op(OpKind::BatchNorm, &inputs, &shape)
    }

    /// A group norm: [n, c, …] is taken apart into [n, groups, c / groups, …], centred, divided by its deviation and put
    /// together again. Images are then scaled by a `batch_norm` over zeros and ones, sequences by `mul` and `add`.
    pub(in crate::lower) fn group_norm(&mut self, x: ValueId, groups: u64) -> ValueId {
        let whole = self.shape(x);
        self.group_norm_as(x, groups, &whole)
    }

    /// A group norm whose result has another shape; the reshape before it and its own first are one.
    pub(in crate::lower) fn group_norm_as(&mut self, x: ValueId, groups: u64, whole: &[u64]) -> ValueId {
        let channels = self.dim(x, 1);
        let mut apart = vec![self.dim(x, 0), groups, channels / groups.max(1)];
        apart.extend(whole.iter().skip(2));
        let axes: Vec<usize> = (2..apart.len()).collect();
        let taken = self.reshape(x, &apart);
        let mean = self.reduce_mean(taken, &axes, true);
        let centred = self.zip(OpKind::Sub, taken, mean);
        let squares = self.map(OpKind::Square, centred);
        let variance = self.reduce_mean(squares, &axes, true);
        let epsilon = self.number(1e-5);
        let narrow = self.shape(variance);
        let variance = self.op(OpKind::Add, &[("x", variance), ("y", epsilon)], &narrow);
        let deviation = self.map(OpKind::Sqrt, variance);
        let normed = self.zip(OpKind::RealDiv, centred, deviation);
        let normed = self.reshape(normed, whole);
        if whole.len() == 4 {
            let mean = self.constant(false, channels);
            let variance = self.constant(true, channels);
            return self.batch_norm_of(normed, mean, variance);
        }
        let gamma = self.weight("gamma", &[1, channels, 1]);
        let scaled = self.mul(normed, gamma);
        let beta = self.weight("beta", &[1, channels, 1]);
        self.add(scaled, beta)
    }

    pub(in crate::lower) fn pool(&mut self, kind: OpKind, x: ValueId, kernel: u64, stride: u64, pad: u64) -> ValueId {
        let size = |size: u64| (size + 2 * pad).saturating_sub(kernel) / stride.max(1) + 1;
        let shape = [self.dim(x, 0), self.dim(x, 1), size(self.dim(x, 2)), size(self.dim(x, 3))];
        let kernels = self.sizes(&[kernel, kernel]);
        let strides = self.sizes(&[stride, stride]);
        let pad_type = self.text("custom");
        let pad = self.sizes(&[pad; 4]);
        let ceil = self.flag(false);
        let inputs = [
            ("x", x),
            ("kernel_sizes", kernels),
            ("strides", strides),
            ("pad_type", pad_type),
            ("pad", pad),
            ("ceil_mode", ceil),
        ];
        self.op(kind, &inputs, &shape)
    }

    pub(in crate::lower) fn upsample(&mut self, x: ValueId) -> ValueId {
        let shape = [self.dim(x, 0), self.dim(x, 1), 2 * self.dim(x, 2), 2 * self.dim(x, 3)];
        let height = self.number(2.0);
        let width = self.number(2.0);
        let inputs = [("x", x), ("scale_factor_height", height), ("scale_factor_width", width)];
        self.op(OpKind::UpsampleNearestNeighbor, &inputs, &shape)
    }
}
