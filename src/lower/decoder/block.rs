//! One layer: norms, attention over the cache, and the feed-forward block after it.

use super::{
    super::layers::{Layers, WithBias},
    Call, Inputs, KeyValue, Seen,
};
use crate::{
    catalog::arch::decoder::{Bias, KeyValues, Layer, Order, Projections, QkNorm, Rotary, Sinks, Softcap},
    model::{DType, OpKind, ValueId},
};

/// One layer.
pub(super) struct Block<'a> {
    pub call: &'a Call<'a>,
    pub layer: &'a Layer,
    pub name: String,
    /// Copies of it in the graph: how many layers its states hold.
    pub times: u32,
    pub inputs: Inputs,
}

impl Block<'_> {
    pub(super) fn weight(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    fn norm(&self, l: &mut Layers<'_>, x: ValueId, name: &str) -> ValueId {
        self.call.norm(l, x, &self.weight(name))
    }

    pub(super) fn write(&self, l: &mut Layers<'_>, x: ValueId, kv: &mut Option<KeyValue>) -> ValueId {
        let normed = self.norm(l, x, "input_norm");
        match self.call.arch.order {
            Order::Pre => {
                let attended = self.attend(l, normed, kv);
                let x = l.add(x, attended);
                let normed = self.norm(l, x, "mlp_norm");
                let fed = self.feed(l, normed);
                l.add(x, fed)
            }
            Order::Sandwich => {
                let attended = self.attend(l, normed, kv);
                let attended = self.norm(l, attended, "attention_out_norm");
                let x = l.add(x, attended);
                let normed = self.norm(l, x, "mlp_norm");
                let fed = self.feed(l, normed);
                let fed = self.norm(l, fed, "mlp_out_norm");
                l.add(x, fed)
            }
            Order::Parallel => {
                let attended = self.attend(l, normed, kv);
                let fed = self.feed(l, normed);
                let both = l.add(attended, fed);
                l.add(both, x)
            }
        }
    }

    fn attend(&self, l: &mut Layers<'_>, x: ValueId, kv: &mut Option<KeyValue>) -> ValueId {
        let arch = self.call.arch;
        let (heads, kv_heads) = (u64::from(self.layer.heads), u64::from(self.layer.kv_heads));
        let seen = match (self.layer.window, self.inputs.local) {
            (Some(_), Some(local)) => local,
            (Some(_) | None, _) => self.inputs.global,
        };
        let (q, own) = self.project(l, x);
        let q = self.place(l, q, heads, "q_norm");
        if let Some((k, v)) = own {
            let k = self.place(l, k, kv_heads, "k_norm");
            let v = l.split_heads(v, kv_heads);
            let v = l.swap_heads(v);
            let k = self.remember(l, k, "key_cache", seen);
            let v = self.remember(l, v, "value_cache", seen);
            let n = heads / kv_heads.max(1);
            *kv = Some((l.repeat_heads(k, n), l.repeat_heads(v, n)));
        }
        let (k, v) = kv.unwrap_or((q, q));
        let y = match (arch.softcap, arch.sinks) {
            (Softcap::None, Sinks::None) => l.fused_attention(q, k, v, seen.mask),
            (Softcap::Both, _) | (_, Sinks::PerHead) => self.open_attention(l, q, k, v, seen.mask),
        };
        let y = l.join_heads(y);
        l.linear(y, &self.weight("o_proj"), u64::from(arch.hidden), self.bias(Bias::All))
    }

    /// Attention that needs its scores, and so cannot be the fused operation.
    fn open_attention(&self, l: &mut Layers<'_>, q: ValueId, k: ValueId, v: ValueId, mask: ValueId) -> ValueId {
        let arch = self.call.arch;
        let scores = l.matmul(q, k, true);
        let mut scores = l.with_number(OpKind::Mul, scores);
        if arch.softcap == Softcap::Both {
            scores = l.softcap(scores);
        }
        let scores = l.add(scores, mask);
        let weights = match arch.sinks {
            Sinks::None => l.softmax(scores),
            Sinks::PerHead => {
                let seen = l.last_dim(scores);
                let column = self.sink(l, l.dim(scores, 1), l.dim(scores, 2));
                let scores = l.concat(&[scores, column], 3);
                let weights = l.softmax(scores);
                l.slice(weights, 3, 0, seen)
            }
        };
        l.matmul(weights, v, false)
    }

    /// One more score for each head, which takes weight and gives no value.
    fn sink(&self, l: &mut Layers<'_>, heads: u64, tokens: u64) -> ValueId {
        let sinks = l.weight(&self.weight("sinks"), &[heads]);
        let sinks = l.reshape(sinks, &[1, heads, 1, 1]);
        let reps = l.ints(&[1, 1, tokens, 1]);
        l.f.op(OpKind::Tile, &[("x", sinks), ("reps", reps)], DType::Fp16, &[1, heads, tokens, 1])
    }

    /// Whether the linear layers that have a bias from this setting on have one.
    pub(super) fn bias(&self, from: Bias) -> WithBias {
        match (self.call.arch.bias, from) {
            (Bias::All, _) | (Bias::Qkv, Bias::Qkv) => WithBias::Yes,
            (Bias::Qkv | Bias::None, _) => WithBias::No,
        }
    }

    /// Query, and key and value if the layer has its own, each `[1, tokens, heads × width]`.
    fn project(&self, l: &mut Layers<'_>, x: ValueId) -> (ValueId, Option<KeyValue>) {
        let arch = self.call.arch;
        let q_width = u64::from(self.layer.heads) * u64::from(arch.head_dim);
        let kv_width = u64::from(self.layer.kv_heads) * u64::from(arch.head_dim);
        let bias = self.bias(Bias::Qkv);
        match (self.layer.kv, arch.projections) {
            (KeyValues::Shared, _) => (l.linear(x, &self.weight("q_proj"), q_width, bias), None),
            (KeyValues::Own, Projections::Separate) => {
                let q = l.linear(x, &self.weight("q_proj"), q_width, bias);
                let k = l.linear(x, &self.weight("k_proj"), kv_width, bias);
                let v = l.linear(x, &self.weight("v_proj"), kv_width, bias);
                (q, Some((k, v)))
            }
            (KeyValues::Own, Projections::Fused) => {
                let all = q_width + 2 * kv_width;
                let y = l.linear(x, &self.weight("qkv_proj"), all, bias);
                let q = l.slice(y, 2, 0, q_width);
                let k = l.slice(y, 2, q_width, q_width + kv_width);
                let v = l.slice(y, 2, q_width + kv_width, all);
                (q, Some((k, v)))
            }
        }
    }

    /// Heads apart, normalized and turned to their positions.
    fn place(&self, l: &mut Layers<'_>, x: ValueId, heads: u64, norm: &str) -> ValueId {
        let mut x = l.split_heads(x, heads);
        if self.call.arch.qk_norm == QkNorm::PerHead {
            x = l.rms_norm(x, &self.weight(norm));
        }
        let x = l.swap_heads(x);
        match (self.inputs.angles, self.layer.rotary, self.call.rotary_width()) {
            (Some((cos, sin)), Rotary::Applied, Some(width)) => l.rope(x, cos, sin, width),
            (_, Rotary::Applied | Rotary::LeftOut, _) => x,
        }
    }

    /// Puts new keys or values into the cache; returns what attention looks at.
    fn remember(&self, l: &mut Layers<'_>, x: ValueId, name: &str, seen: Seen) -> ValueId {
        let (heads, tokens, width) = (l.dim(x, 1), l.dim(x, 2), l.last_dim(x));
        let shape = [u64::from(self.times), 1, heads, seen.capacity, width];
        let state = l.f.state(&self.weight(name), DType::Fp16, &shape);
        if tokens > seen.capacity {
            // A prompt longer than the window looks at itself; the cache keeps its end.
            let end = l.slice(x, 2, tokens - seen.capacity, tokens);
            l.write_cache(state, end, seen.place);
            return x;
        }
        l.write_cache(state, x, seen.place);
        let all = l.read_cache(state);
        if self.inputs.is_prefill && tokens < seen.capacity { l.slice(all, 2, 0, tokens) } else { all }
    }
}
