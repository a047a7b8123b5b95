//! Language models: `prefill` reads a prompt, `decode` writes a token; both over the same weights and states.
//!
//! The shapes are fixed: a cache has its capacity from the start, and a decode step reads all of it. A layer with a
//! window keeps no more than the window. Layers that read another layer's cache see only the last token of a prompt.
//! Experts: the graph holds the experts that the tokens of a call are sent to, spread as evenly as they can be, which is
//! the most weights that such a call can read; the weights of all experts are stored (`copies`).

use super::{
    Workload,
    layers::{Layers, WithBias},
};
use crate::{
    catalog::arch::{
        Decoder,
        decoder::{
            Bias, Embedding, Experts, Head, KeyValues, Layer, LayerGroup, MlpKind, NormKind, Order, Positions,
            Projections, QkNorm, Rotary, Softcap,
        },
    },
    model::{DType, Model, OpKind, Role, ValueId},
};

pub(super) fn lower(arch: &Decoder, workload: &Workload, model: &mut Model) {
    // A table of positions ends where it ends; and a cache that cannot hold the prompt would answer no question.
    let most = match arch.positions {
        Positions::Learned(rows) => rows,
        Positions::Rope | Positions::PartialRope(_) => u32::MAX,
    };
    let prompt = workload.prompt.clamp(1, most.max(1));
    let capacity = workload.context.max(prompt).min(most.max(1));
    let call = |tokens| Call { arch, tokens: u64::from(tokens), capacity: u64::from(capacity) };
    call(prompt).write(model, "prefill", Role::Prefill { tokens: prompt });
    call(1).write(model, "decode", Role::Decode { context: capacity });
}

/// One function: how many tokens it reads, over a cache of which capacity.
struct Call<'a> {
    arch: &'a Decoder,
    tokens: u64,
    capacity: u64,
}

/// What the layers of a function have in common.
#[derive(Clone, Copy)]
struct Inputs {
    is_prefill: bool,
    /// Cosine and sine tables of the rotary positions.
    angles: Option<(ValueId, ValueId)>,
    global: Seen,
    local: Option<Seen>,
}

/// What a layer looks at.
#[derive(Clone, Copy)]
struct Seen {
    mask: ValueId,
    /// Where new rows go in the cache, from and to.
    place: (ValueId, ValueId),
    /// Capacity of the cache.
    capacity: u64,
}

/// Keys and values as attention takes them.
type KeyValue = (ValueId, ValueId);

impl Call<'_> {
    fn write(&self, model: &mut Model, name: &str, role: Role) {
        let arch = self.arch;
        let mut l = Layers::new(model, name, role);
        let ids = l.f.input("input_ids", DType::Int32, &[1, self.tokens]);
        let mut inputs = self.inputs(&mut l, matches!(role, Role::Prefill { .. }));
        let mut x = self.embed(&mut l, ids, inputs.is_prefill);
        let mut kv = None;
        for (at, group) in arch.groups.iter().enumerate() {
            if group.layers.iter().all(|layer| layer.kv == KeyValues::Shared) && self.dim_tokens(&l, x) > 1 {
                x = l.last(x, 1);
                inputs.global.mask = l.last(inputs.global.mask, 2);
                inputs.angles = inputs.angles.map(|(cos, sin)| (l.last(cos, 0), l.last(sin, 0)));
            }
            l.section(group.times);
            x = self.group(&mut l, x, group, &format!("layers.{at}"), inputs, &mut kv);
        }
        l.section(1);
        let x = self.norm(&mut l, x, "norm");
        let x = l.last(x, 1);
        let vocab = u64::from(arch.vocab);
        let mut logits = match arch.head {
            Head::Tied => l.linear(x, "embed_tokens", vocab, WithBias::No),
            Head::Own => l.linear(x, "lm_head", vocab, WithBias::No),
            Head::OwnWithBias => l.linear(x, "lm_head", vocab, WithBias::Yes),
        };
        if arch.softcap == Softcap::Both {
            logits = l.softcap(logits);
        }
        l.finish(&[logits]);
    }

    fn dim_tokens(&self, l: &Layers<'_>, x: ValueId) -> u64 {
        l.dim(x, 1)
    }

    fn inputs(&self, l: &mut Layers<'_>, is_prefill: bool) -> Inputs {
        let angles = self.rotary_width().map(|width| {
            let shape = [self.tokens, width];
            (l.f.input("cos", DType::Fp16, &shape), l.f.input("sin", DType::Fp16, &shape))
        });
        let layers = self.arch.groups.iter().flat_map(|group| &group.layers);
        let window = layers.filter_map(|layer| layer.window).map(u64::from).max();
        let global = self.seen(l, "causal_mask", "position", self.capacity, is_prefill);
        let local =
            window.map(|window| self.seen(l, "window_mask", "window_position", window.min(self.capacity), is_prefill));
        Inputs { is_prefill, angles, global, local }
    }

    fn rotary_width(&self) -> Option<u64> {
        match self.arch.positions {
            Positions::Rope => Some(u64::from(self.arch.head_dim)),
            Positions::PartialRope(width) => Some(u64::from(width)),
            Positions::Learned(_) => None,
        }
    }

    fn seen(&self, l: &mut Layers<'_>, mask: &str, position: &str, capacity: u64, is_prefill: bool) -> Seen {
        let columns = if is_prefill { self.tokens } else { capacity };
        let mask = l.f.input(mask, DType::Fp16, &[1, 1, self.tokens, columns]);
        let place = if is_prefill {
            // A prompt starts an empty cache: where it goes is known at conversion.
            (l.ints(&[0; 5]), l.ints(&[0, 0, 0, self.tokens.min(capacity), 0]))
        } else {
            let position = l.f.input(position, DType::Int32, &[1]);
            let zero = l.ints(&[0]);
            let one = l.ints(&[1]);
            let after = l.f.op(OpKind::Add, &[("x", position), ("y", one)], DType::Int32, &[1]);
            let mut index = |at| {
                let values = [("values", vec![zero, zero, zero, at, zero])];
                l.f.op_n(OpKind::Concat, &values, &[(DType::Int32, &[5])]).first().copied().unwrap_or(at)
            };
            (index(position), index(after))
        };
        Seen { mask, place, capacity }
    }

    fn embed(&self, l: &mut Layers<'_>, ids: ValueId, is_prefill: bool) -> ValueId {
        let arch = self.arch;
        let hidden = u64::from(arch.hidden);
        let mut x = l.lookup("embed_tokens", [u64::from(arch.vocab), hidden], ids);
        if arch.embedding == Embedding::Scaled {
            x = l.with_number(OpKind::Mul, x);
        }
        if let Positions::Learned(rows) = arch.positions {
            let rows = u64::from(rows);
            let positions = if is_prefill {
                let table = l.weight("embed_positions.weight", &[rows, hidden]);
                if self.tokens < rows { l.slice(table, 0, 0, self.tokens) } else { table }
            } else {
                let at = l.f.input("position_ids", DType::Int32, &[1, 1]);
                l.lookup("embed_positions", [rows, hidden], at)
            };
            x = l.add(x, positions);
        }
        x
    }

    fn group(
        &self,
        l: &mut Layers<'_>,
        mut x: ValueId,
        group: &LayerGroup,
        prefix: &str,
        inputs: Inputs,
        kv: &mut Option<KeyValue>,
    ) -> ValueId {
        let mut at = 0;
        for layer in &group.layers {
            for _ in 0..layer.n {
                let block = Block { call: self, layer, name: format!("{prefix}.{at}"), times: group.times, inputs };
                x = block.write(l, x, kv);
                at += 1;
            }
        }
        x
    }

    fn norm(&self, l: &mut Layers<'_>, x: ValueId, name: &str) -> ValueId {
        match self.arch.norm {
            NormKind::Rms => l.rms_norm(x, name),
            NormKind::Layer => l.layer_norm(x, name),
        }
    }
}

/// One layer.
struct Block<'a> {
    call: &'a Call<'a>,
    layer: &'a Layer,
    name: String,
    /// Copies of it in the graph: how many layers its states hold.
    times: u32,
    inputs: Inputs,
}

impl Block<'_> {
    fn weight(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    fn norm(&self, l: &mut Layers<'_>, x: ValueId, name: &str) -> ValueId {
        self.call.norm(l, x, &self.weight(name))
    }

    fn write(&self, l: &mut Layers<'_>, x: ValueId, kv: &mut Option<KeyValue>) -> ValueId {
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
        let y = match arch.softcap {
            Softcap::None => l.fused_attention(q, k, v, seen.mask),
            Softcap::Both => {
                let scores = l.matmul(q, k, true);
                let scores = l.with_number(OpKind::Mul, scores);
                let scores = l.softcap(scores);
                let scores = l.add(scores, seen.mask);
                let weights = l.softmax(scores);
                l.matmul(weights, v, false)
            }
        };
        let y = l.join_heads(y);
        l.linear(y, &self.weight("o_proj"), u64::from(arch.hidden), self.bias(Bias::All))
    }

    /// Whether the linear layers that have a bias from this setting on have one.
    fn bias(&self, from: Bias) -> WithBias {
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

    fn feed(&self, l: &mut Layers<'_>, x: ValueId) -> ValueId {
        let arch = self.call.arch;
        if let Some(experts) = arch.experts {
            return self.experts(l, x, experts);
        }
        let (hidden, ffn) = (u64::from(arch.hidden), u64::from(self.layer.ffn));
        let bias = self.bias(Bias::All);
        let y = match (arch.mlp, arch.projections) {
            (MlpKind::Gated, Projections::Separate) => {
                let gate = l.linear(x, &self.weight("gate_proj"), ffn, bias);
                let gate = l.activation(arch.activation, gate);
                let up = l.linear(x, &self.weight("up_proj"), ffn, bias);
                l.mul(gate, up)
            }
            (MlpKind::Gated, Projections::Fused) => {
                let both = l.linear(x, &self.weight("gate_up_proj"), 2 * ffn, bias);
                let (gate, up) = l.halves(both);
                let gate = l.activation(arch.activation, gate);
                l.mul(gate, up)
            }
            (MlpKind::Plain, _) => {
                let up = l.linear(x, &self.weight("up_proj"), ffn, bias);
                l.activation(arch.activation, up)
            }
        };
        l.linear(y, &self.weight("down_proj"), hidden, bias)
    }

    /// Each token passes a few experts: the tokens are sorted by expert, each expert takes its run of rows, and the
    /// results go back to their tokens.
    fn experts(&self, l: &mut Layers<'_>, x: ValueId, experts: Experts) -> ValueId {
        let arch = self.call.arch;
        let (hidden, ffn) = (u64::from(arch.hidden), u64::from(self.layer.ffn));
        let (all, active) = (u64::from(experts.all), u64::from(experts.active));
        let tokens = l.dim(x, 1);
        let scores = l.linear(x, &self.weight("router"), all, WithBias::No);
        let scores = l.softmax(scores);
        let k = l.ints(&[active]);
        let chosen = [1, tokens, active];
        let top = l.f.op_n(
            OpKind::Topk,
            &[("x", vec![scores]), ("k", vec![k])],
            &[(DType::Fp16, &chosen), (DType::Int32, &chosen)],
        );
        let (Some(share), Some(which)) = (top.first().copied(), top.get(1).copied()) else { return x };
        let sum = l.f.op(OpKind::ReduceSum, &[("x", share)], DType::Fp16, &[1, tokens, 1]);
        let share = l.binary(OpKind::RealDiv, share, sum);

        let rows = tokens * active;
        let used = all.min(rows).max(1);
        let sorted = l.f.op(OpKind::Gather, &[("x", x), ("indices", which)], DType::Fp16, &[1, rows, hidden]);
        let mut results = Vec::new();
        let mut from = 0;
        for expert in 0..used {
            let to = rows * (expert + 1) / used;
            let own = l.slice(sorted, 1, from, to);
            let gate = l.expert(own, &self.weight("experts.gate_proj"), ffn, experts.all);
            let gate = l.activation(arch.activation, gate);
            let up = l.expert(own, &self.weight("experts.up_proj"), ffn, experts.all);
            let y = l.mul(gate, up);
            results.push(l.expert(y, &self.weight("experts.down_proj"), hidden, experts.all));
            from = to;
        }
        let results = l.concat(&results, 1);
        let back = [1, tokens, active, hidden];
        let results = l.f.op(OpKind::Gather, &[("x", results), ("indices", which)], DType::Fp16, &back);
        let share = l.reshape(share, &[1, tokens, active, 1]);
        let weighted = l.mul(results, share);
        l.f.op(OpKind::ReduceSum, &[("x", weighted)], DType::Fp16, &[1, tokens, hidden])
    }
}
