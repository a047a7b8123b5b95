//! Whisper: `encode` reads 30 seconds of audio, `prefill` projects what the decoder's layers look at and reads the start
//! tokens, `decode` writes a token. The three share the weights; the last two share the states.

use super::{
    Workload,
    layers::{Layers, WithBias},
};
use crate::{
    catalog::arch::{Speech, decoder::Activation},
    model::{DType, Model, OpKind, Role, ValueId},
};

pub(super) fn lower(arch: &Speech, _workload: &Workload, model: &mut Model) {
    let whisper = Whisper::new(arch);
    whisper.encode(model);
    whisper.decode(model, "prefill", Role::Prefill { tokens: arch.prompt }, u64::from(arch.prompt));
    whisper.decode(model, "decode", Role::Decode { context: arch.text_positions }, 1);
}

struct Whisper<'a> {
    arch: &'a Speech,
    hidden: u64,
    heads: u64,
    /// Positions of the encoder.
    heard: u64,
    /// Capacity of the decoder's cache.
    capacity: u64,
}

impl<'a> Whisper<'a> {
    fn new(arch: &'a Speech) -> Self {
        Self {
            arch,
            hidden: u64::from(arch.hidden),
            heads: u64::from(arch.heads),
            heard: u64::from(arch.frames) / 2,
            capacity: u64::from(arch.text_positions),
        }
    }

    fn encode(&self, model: &mut Model) {
        let mut l = Layers::new(model, "encode", Role::Single);
        let frames = u64::from(self.arch.frames);
        let bands = u64::from(self.arch.mel_bands);
        let mel = l.f.input("mel", DType::Fp16, &[1, bands, frames]);
        let x = self.conv(&mut l, mel, "encoder.conv1", frames, 1);
        let x = self.conv(&mut l, x, "encoder.conv2", self.heard, 2);
        let x = l.transpose(x, &[0, 2, 1]);
        let positions = l.weight("encoder.embed_positions.weight", &[self.heard, self.hidden]);
        let x = l.add(x, positions);
        l.section(self.arch.encoder_layers);
        let normed = l.layer_norm(x, "encoder.layers.self_attn_layer_norm");
        let q = self.project(&mut l, normed, "encoder.layers.self_attn.q_proj", WithBias::Yes);
        let k = self.project(&mut l, normed, "encoder.layers.self_attn.k_proj", WithBias::No);
        let v = self.project(&mut l, normed, "encoder.layers.self_attn.v_proj", WithBias::Yes);
        let y = l.attention(q, k, v, None);
        let x = self.out(&mut l, x, y, "encoder.layers.self_attn.out_proj");
        let x = self.feed(&mut l, x, "encoder.layers");
        l.section(1);
        let x = l.layer_norm(x, "encoder.layer_norm");
        l.finish(&[x]);
    }

    fn decode(&self, model: &mut Model, name: &str, role: Role, tokens: u64) {
        let is_prefill = matches!(role, Role::Prefill { .. });
        let mut l = Layers::new(model, name, role);
        let ids = l.f.input("input_ids", DType::Int32, &[1, tokens]);
        let heard = is_prefill.then(|| l.f.input("encoded", DType::Fp16, &[1, self.heard, self.hidden]));
        let x = l.lookup("decoder.embed_tokens", [u64::from(self.arch.vocab), self.hidden], ids);
        let rows = if is_prefill {
            let table = l.weight("decoder.embed_positions.weight", &[self.capacity, self.hidden]);
            l.slice(table, 0, 0, tokens)
        } else {
            let position = l.f.input("position", DType::Int32, &[1, 1]);
            l.lookup("decoder.embed_positions", [self.capacity, self.hidden], position)
        };
        let x = l.add(x, rows);
        let seen = if is_prefill { tokens } else { self.capacity };
        let mask = l.f.input("causal_mask", DType::Fp16, &[1, 1, tokens, seen]);
        let layers = u64::from(self.arch.decoder_layers);
        let width = self.hidden / self.heads.max(1);
        let mut state = |name: &str, rows: u64| l.f.state(name, DType::Fp16, &[layers, 1, self.heads, rows, width]);
        let own = (state("self_key_cache", self.capacity), state("self_value_cache", self.capacity));
        let cross = (state("cross_key_cache", self.heard), state("cross_value_cache", self.heard));
        // Where the new rows go: known for the start tokens, an input afterwards.
        let place = if is_prefill {
            (l.ints(&[0; 5]), l.ints(&[0, 1, self.heads, tokens, width]))
        } else {
            (l.f.input("begin", DType::Int32, &[5]), l.f.input("end", DType::Int32, &[5]))
        };

        l.section(self.arch.decoder_layers);
        let normed = l.layer_norm(x, "decoder.layers.self_attn_layer_norm");
        let q = self.project(&mut l, normed, "decoder.layers.self_attn.q_proj", WithBias::Yes);
        let k = self.project(&mut l, normed, "decoder.layers.self_attn.k_proj", WithBias::No);
        let v = self.project(&mut l, normed, "decoder.layers.self_attn.v_proj", WithBias::Yes);
        l.write_cache(own.0, k, place);
        let mut k = l.read_cache(own.0);
        l.write_cache(own.1, v, place);
        let mut v = l.read_cache(own.1);
        if is_prefill {
            k = l.slice(k, 2, 0, tokens);
            v = l.slice(v, 2, 0, tokens);
        }
        let y = l.attention(q, k, v, Some(mask));
        let x = self.out(&mut l, x, y, "decoder.layers.self_attn.out_proj");
        let normed = l.layer_norm(x, "decoder.layers.encoder_attn_layer_norm");
        let q = self.project(&mut l, normed, "decoder.layers.encoder_attn.q_proj", WithBias::Yes);
        if let Some(heard) = heard {
            let k = self.project(&mut l, heard, "decoder.layers.encoder_attn.k_proj", WithBias::No);
            let v = self.project(&mut l, heard, "decoder.layers.encoder_attn.v_proj", WithBias::Yes);
            let whole = (l.ints(&[0; 5]), l.ints(&[0, 1, self.heads, self.heard, width]));
            l.write_cache(cross.0, k, whole);
            l.write_cache(cross.1, v, whole);
        }
        let (k, v) = (l.read_cache(cross.0), l.read_cache(cross.1));
        let y = l.attention(q, k, v, None);
        let x = self.out(&mut l, x, y, "decoder.layers.encoder_attn.out_proj");
        let x = self.feed(&mut l, x, "decoder.layers");

        l.section(1);
        let x = l.layer_norm(x, "decoder.layer_norm");
        let x = l.last(x, 1);
        let logits = l.linear(x, "decoder.embed_tokens", u64::from(self.arch.vocab), WithBias::No);
        l.finish(&[logits]);
    }

    /// A convolution of three taps over time, and its activation.
    fn conv(&self, l: &mut Layers<'_>, x: ValueId, name: &str, frames: u64, stride: u64) -> ValueId {
        let weight = l.weight(&format!("{name}.weight"), &[self.hidden, l.dim(x, 1), 3]);
        let bias = l.weight(&format!("{name}.bias"), &[self.hidden]);
        let strides = l.ints(&[stride]);
        let inputs = [("x", x), ("weight", weight), ("bias", bias), ("strides", strides)];
        let x = l.f.op(OpKind::Conv, &inputs, DType::Fp16, &[1, self.hidden, frames]);
        l.activation(Activation::Gelu, x)
    }

    fn project(&self, l: &mut Layers<'_>, x: ValueId, name: &str, bias: WithBias) -> ValueId {
        let y = l.linear(x, name, self.hidden, bias);
        let y = l.split_heads(y, self.heads);
        l.swap_heads(y)
    }

    fn out(&self, l: &mut Layers<'_>, x: ValueId, attended: ValueId, name: &str) -> ValueId {
        let y = l.join_heads(attended);
        let y = l.linear(y, name, self.hidden, WithBias::Yes);
        l.add(x, y)
    }

    fn feed(&self, l: &mut Layers<'_>, x: ValueId, layer: &str) -> ValueId {
        let y = l.layer_norm(x, &format!("{layer}.final_layer_norm"));
        let y = l.linear(y, &format!("{layer}.fc1"), u64::from(self.arch.ffn), WithBias::Yes);
        let y = l.activation(Activation::Gelu, y);
        let y = l.linear(y, &format!("{layer}.fc2"), self.hidden, WithBias::Yes);
        l.add(x, y)
    }
}
