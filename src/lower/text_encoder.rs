//! Text encoders, as coremltools writes BERT, DistilBERT and the text half of CLIP.

use super::{
    Workload,
    layers::{Layers, WithBias},
};
use crate::{
    catalog::arch::{
        TextEncoder,
        text_encoder::{Pooled, TextFamily},
    },
    model::{DType, Model, OpKind, Role, ValueId},
};

pub(super) fn lower(arch: &TextEncoder, _workload: &Workload, model: &mut Model) {
    add(arch, model, "main", Role::Single);
}

/// Adds a text encoder as a function of that name. The function's name begins the names of its weights, so a model may
/// have several encoders.
pub(super) fn add(arch: &TextEncoder, model: &mut Model, name: &str, role: Role) {
    let mut l = Layers::new(model, name, role);
    let ids = l.f.input("input_ids", DType::Int32, &[1, u64::from(arch.tokens)]);
    let mask = match arch.family {
        TextFamily::Bert => Some(l.f.input("attention_mask", DType::Fp16, &[1, u64::from(arch.tokens)])),
        TextFamily::Clip => None,
    };
    let encoder = Encoder { arch, name };
    let (x, mask) = encoder.embed(&mut l, ids, mask);
    l.section(arch.layers);
    let x = encoder.layer(&mut l, x, mask);
    l.section(1);
    let x = match arch.family {
        TextFamily::Bert => x,
        TextFamily::Clip => l.layer_norm(x, &encoder.weight("final_layer_norm")),
    };
    let pooled = encoder.pool(&mut l, x);
    let outputs: Vec<ValueId> = std::iter::once(x).chain(pooled).collect();
    l.finish(&outputs);
}

struct Encoder<'a> {
    arch: &'a TextEncoder,
    name: &'a str,
}

impl Encoder<'_> {
    fn weight(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// The embedded tokens, and the mask in the form in which the layers add it.
    fn embed(&self, l: &mut Layers<'_>, ids: ValueId, mask: Option<ValueId>) -> (ValueId, ValueId) {
        let arch = self.arch;
        let (hidden, tokens) = (u64::from(arch.hidden), u64::from(arch.tokens));
        let mut x = l.lookup(&self.weight("token_embedding"), [u64::from(arch.vocab), hidden], ids);
        // The rows of tokens 0, 1, 2 … and of segment 0 are known at conversion, but the whole tables are kept here: a
        // checkpoint has them, and inputs of another length need them.
        if arch.segments > 0 {
            let segments = l.f.input("token_type_ids", DType::Int32, &[1, tokens]);
            let rows = l.lookup(&self.weight("segment_embedding"), [u64::from(arch.segments), hidden], segments);
            x = l.add(x, rows);
        }
        let table = l.weight(&self.weight("position_embedding.weight"), &[u64::from(arch.positions), hidden]);
        let positions = if arch.positions > arch.tokens { l.slice(table, 0, 0, tokens) } else { table };
        x = l.add(x, positions);
        let mask = match (arch.family, mask) {
            (TextFamily::Bert, Some(mask)) => {
                x = l.layer_norm(x, &self.weight("embedding_norm"));
                let mask = l.f.op(OpKind::ExpandDims, &[("x", mask)], DType::Fp16, &[1, 1, 1, tokens]);
                let mask = l.with_number(OpKind::Sub, mask);
                l.with_number(OpKind::Mul, mask)
            }
            (TextFamily::Bert | TextFamily::Clip, _) => l.f.input("causal_mask", DType::Fp16, &[1, 1, tokens, tokens]),
        };
        (x, mask)
    }

    fn layer(&self, l: &mut Layers<'_>, x: ValueId, mask: ValueId) -> ValueId {
        match self.arch.family {
            TextFamily::Bert => {
                let attended = self.attend(l, x, mask);
                let x = l.add(x, attended);
                let x = l.layer_norm(x, &self.weight("layers.attention_norm"));
                let fed = self.feed(l, x);
                let x = l.add(x, fed);
                l.layer_norm(x, &self.weight("layers.output_norm"))
            }
            TextFamily::Clip => {
                let normed = l.layer_norm(x, &self.weight("layers.layer_norm1"));
                let attended = self.attend(l, normed, mask);
                let x = l.add(x, attended);
                let normed = l.layer_norm(x, &self.weight("layers.layer_norm2"));
                let fed = self.feed(l, normed);
                l.add(x, fed)
            }
        }
    }

    fn attend(&self, l: &mut Layers<'_>, x: ValueId, mask: ValueId) -> ValueId {
        let hidden = u64::from(self.arch.hidden);
        let [q, k, v] = ["q_proj", "k_proj", "v_proj"].map(|part| {
            let y = l.linear(x, &self.weight(&format!("layers.{part}")), hidden, WithBias::Yes);
            let y = l.split_heads(y, u64::from(self.arch.heads));
            l.swap_heads(y)
        });
        let y = l.attention(q, k, v, Some(mask));
        let y = l.join_heads(y);
        l.linear(y, &self.weight("layers.out_proj"), hidden, WithBias::Yes)
    }

    fn feed(&self, l: &mut Layers<'_>, x: ValueId) -> ValueId {
        let y = l.linear(x, &self.weight("layers.fc1"), u64::from(self.arch.ffn), WithBias::Yes);
        let y = l.activation(self.arch.activation, y);
        l.linear(y, &self.weight("layers.fc2"), u64::from(self.arch.hidden), WithBias::Yes)
    }

    fn pool(&self, l: &mut Layers<'_>, x: ValueId) -> Option<ValueId> {
        let hidden = u64::from(self.arch.hidden);
        match self.arch.pooled {
            Pooled::None => None,
            Pooled::Pooler => {
                let first = l.slice(x, 1, 0, 1);
                let y = l.linear(first, &self.weight("pooler"), hidden, WithBias::Yes);
                Some(l.unary(OpKind::Tanh, y))
            }
            Pooled::Token => Some(l.last(x, 1)),
            Pooled::Projection(width) => {
                let last = l.last(x, 1);
                Some(l.linear(last, &self.weight("text_projection"), u64::from(width), WithBias::No))
            }
        }
    }
}
