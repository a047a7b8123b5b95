//! Language models: `prefill` reads a prompt, `decode` writes a token; both over the same weights and states.
//!
//! The shapes are fixed: a cache has its capacity from the start, and a decode step reads all of it. A layer with a
//! window keeps no more than the window. Layers that read another layer's cache see only the last token of a prompt.
//! Experts: the graph holds the experts that the tokens of a call are sent to, spread as evenly as they can be, which is
//! the most weights that such a call can read; the weights of all experts are stored (`copies`).

mod block;
mod feed;

use self::block::Block;
use super::{
    Workload,
    layers::{Layers, WithBias},
};
use crate::{
    catalog::arch::{
        Decoder,
        decoder::{Embedding, Head, KeyValues, LayerGroup, NormKind, Positions, Softcap},
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
