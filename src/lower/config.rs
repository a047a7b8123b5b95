//! A Hugging Face `config.json` as an architecture.
//!
//! Families whose layers differ in shape from what [`Decoder`] says are refused by name, never approximated. A field that
//! a configuration leaves out has the default of its family in the transformers library. Sizes are bounded, so that no
//! file can ask for a graph that does not fit in memory.

use serde_json::Value;

use crate::catalog::arch::{
    Decoder,
    decoder::{
        Activation, Bias, Embedding, Experts, Head, KeyValues, Layer, LayerGroup, MlpKind, NormKind, Order, Positions,
        Projections, QkNorm, Rotary, Sinks, Softcap,
    },
};

const FAMILIES: &str =
    "gemma2, gemma3, gpt2, gpt_oss, llama, mistral, opt, phi, phi3, qwen2, qwen3, qwen3_moe, smollm3";
/// More layers, and a longer period of layers that differ, than any published model has.
const MAX_LAYERS: u32 = 512;
const MAX_PERIOD: usize = 12;
const MAX_EXPERTS: u32 = 1024;
const MAX_WIDTH: u32 = 1 << 18;
const MAX_ROWS: u32 = 1 << 24;

/// Reads the configuration of a decoder-only language model.
///
/// # Errors
///
/// Says which field is missing or out of range, or that the family is not one that can be lowered.
pub fn config_json(text: &str) -> Result<Decoder, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| format!("config.json is not JSON: {error}"))?;
    // A model with more than text keeps its language model in a table of its own.
    let config = Config(root.get("text_config").filter(|inner| inner.is_object()).unwrap_or(&root));
    let family = config.text("model_type").or_else(|| root.get("model_type").and_then(Value::as_str));
    let family = family.ok_or("config.json has no `model_type`; use the file beside the model's weights")?;
    match family {
        "llama" | "mistral" | "qwen2" | "qwen3" | "qwen3_moe" | "smollm3" | "phi3" | "gpt_oss" => config.llama(family),
        "gemma2" | "gemma3" | "gemma3_text" => config.gemma(family),
        "gpt2" => config.gpt2(),
        "opt" => config.opt(),
        "phi" => config.phi(),
        other => Err(format!("config.json: `model_type` is `{other}`; the planner lowers {FAMILIES}")),
    }
}

struct Config<'v>(&'v Value);

impl Config<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn is_true(&self, name: &str, default: bool) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A whole number of at least 1; `Ok(None)` when the field is missing or null.
    fn optional(&self, name: &str, most: u32) -> Result<Option<u32>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|value| u32::try_from(value).ok()) {
                Some(value) if (1..=most).contains(&value) => Ok(Some(value)),
                _ => Err(format!("config.json: `{name}` is {value}; it must be a whole number from 1 to {most}")),
            },
        }
    }

    fn number(&self, name: &str, most: u32) -> Result<u32, String> {
        self.optional(name, most)?.ok_or_else(|| format!("config.json has no `{name}`; add it"))
    }

    fn or(&self, name: &str, most: u32, default: u32) -> Result<u32, String> {
        Ok(self.optional(name, most)?.unwrap_or(default))
    }

    fn activation(&self, name: &str, default: Activation) -> Result<Activation, String> {
        match self.text(name) {
            None => Ok(default),
            Some("silu" | "swish") => Ok(Activation::Silu),
            Some("gelu" | "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Ok(Activation::Gelu),
            Some("quick_gelu") => Ok(Activation::QuickGelu),
            Some("relu") => Ok(Activation::Relu),
            Some(other) => Err(format!("config.json: `{name}` is `{other}`; use silu, gelu, quick_gelu or relu")),
        }
    }

    fn head(&self, tied_by_default: bool) -> Head {
        if self.is_true("tie_word_embeddings", tied_by_default) { Head::Tied } else { Head::Own }
    }

    /// A plain decoder: what every family starts from.
    fn base(&self, hidden: u32, head_dim: u32, layers: &[Layer]) -> Result<Decoder, String> {
        if layers.iter().any(|layer| layer.kv_heads > layer.heads || !layer.heads.is_multiple_of(layer.kv_heads)) {
            return Err("config.json: `num_attention_heads` must be a multiple of `num_key_value_heads`".to_owned());
        }
        if layers.iter().any(|layer| u64::from(layer.heads) * u64::from(head_dim) > u64::from(MAX_WIDTH)) {
            return Err(format!("config.json: the attention heads are wider than {MAX_WIDTH} together"));
        }
        Ok(Decoder {
            vocab: self.number("vocab_size", MAX_ROWS)?,
            hidden,
            head_dim,
            max_context: self.or("max_position_embeddings", MAX_ROWS, 2048)?,
            groups: groups(layers),
            head: Head::Tied,
            positions: Positions::Rope,
            norm: NormKind::Rms,
            order: Order::Pre,
            qk_norm: QkNorm::None,
            bias: Bias::None,
            projections: Projections::Separate,
            mlp: MlpKind::Gated,
            activation: Activation::Silu,
            embedding: Embedding::Plain,
            softcap: Softcap::None,
            sinks: Sinks::None,
            experts: None,
        })
    }

    fn head_dim(&self, hidden: u32, heads: u32) -> Result<u32, String> {
        match self.optional("head_dim", MAX_WIDTH)? {
            Some(width) => Ok(width),
            None if hidden.is_multiple_of(heads) => Ok(hidden / heads),
            None => {
                Err("config.json: `hidden_size` is no multiple of `num_attention_heads`; add `head_dim`".to_owned())
            }
        }
    }

    /// The window of layer `at`, by `layer_types` or else by a rule of the family.
    fn window(&self, at: u32, window: Option<u32>, is_local: impl Fn(u32) -> bool) -> Option<u32> {
        let named = self.0.get("layer_types").and_then(|types| types.get(at as usize)).and_then(Value::as_str);
        let is_local = named.map_or_else(|| is_local(at), |name| name == "sliding_attention");
        window.filter(|_| is_local)
    }

    fn llama(&self, family: &str) -> Result<Decoder, String> {
        let hidden = self.number("hidden_size", MAX_WIDTH)?;
        let heads = self.number("num_attention_heads", MAX_WIDTH)?;
        let head_dim = self.head_dim(hidden, heads)?;
        let kv_heads = self.or("num_key_value_heads", MAX_WIDTH, heads)?;
        let n_layers = self.number("num_hidden_layers", MAX_LAYERS)?;
        let is_moe = matches!(family, "qwen3_moe" | "gpt_oss");
        let ffn =
            self.number(if family == "qwen3_moe" { "moe_intermediate_size" } else { "intermediate_size" }, MAX_WIDTH)?;
        let context = self.or("max_position_embeddings", MAX_ROWS, 2048)?;
        // A window that the context does not reach is none; Qwen has one only when it says so.
        let uses_window = !family.starts_with("qwen") || self.is_true("use_sliding_window", false);
        let window = self.optional("sliding_window", MAX_ROWS)?.filter(|window| uses_window && *window < context);
        let first_local = self.0.get("max_window_layers").and_then(Value::as_u64).unwrap_or(0);
        let is_local = |at: u32| match family {
            "gpt_oss" => at.is_multiple_of(2),
            "qwen2" | "qwen3" | "qwen3_moe" => u64::from(at) >= first_local,
            _ => true,
        };
        let no_rope_every = if family == "smollm3" { self.or("no_rope_layer_interval", MAX_LAYERS, 4)? } else { 0 };
        let layer = |at: u32| Layer {
            n: 1,
            heads,
            kv_heads,
            ffn,
            window: self.window(at, window, is_local),
            kv: KeyValues::Own,
            rotary: match no_rope_every {
                1.. if (at + 1).is_multiple_of(no_rope_every) => Rotary::LeftOut,
                _ => Rotary::Applied,
            },
        };
        let layers: Vec<Layer> = (0..n_layers).map(layer).collect();
        let mut arch = self.base(hidden, head_dim, &layers)?;
        arch.head = self.head(family == "smollm3");
        arch.activation = self.activation("hidden_act", Activation::Silu)?;
        if self.is_true("mlp_bias", false) {
            return Err("config.json: `mlp_bias` is true; the planner has no such layers".to_owned());
        }
        arch.bias = match (family, self.is_true("attention_bias", family == "gpt_oss")) {
            ("gpt_oss", true) => Bias::All,
            ("qwen2", _) => Bias::Qkv,
            (_, false) => Bias::None,
            (_, true) => return Err("config.json: `attention_bias` is true; the planner has no such layers".to_owned()),
        };
        match family {
            "qwen3" | "qwen3_moe" => arch.qk_norm = QkNorm::PerHead,
            "phi3" => arch.projections = Projections::Fused,
            "gpt_oss" => arch.sinks = Sinks::PerHead,
            _ => {}
        }
        if is_moe {
            let all = match self.optional("num_experts", MAX_EXPERTS)? {
                Some(all) => all,
                None => self.number("num_local_experts", MAX_EXPERTS)?,
            };
            let has_dense =
                self.0.get("mlp_only_layers").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
            if has_dense || self.or("decoder_sparse_step", MAX_LAYERS, 1)? > 1 {
                return Err("config.json: some layers have no experts; the planner has no such models".to_owned());
            }
            arch.experts = Some(Experts { all, active: self.number("num_experts_per_tok", all)? });
        }
        if let Some(share) = self.0.get("partial_rotary_factor").and_then(Value::as_f64).filter(|share| *share < 1.0) {
            arch.positions = Positions::PartialRope((f64::from(head_dim) * share.max(0.0)) as u32);
        }
        Ok(arch)
    }

    fn gemma(&self, family: &str) -> Result<Decoder, String> {
        let is_third = family != "gemma2";
        let hidden = self.number("hidden_size", MAX_WIDTH)?;
        let heads = self.or("num_attention_heads", MAX_WIDTH, 8)?;
        let kv_heads = self.or("num_key_value_heads", MAX_WIDTH, 4)?;
        let head_dim = self.or("head_dim", MAX_WIDTH, 256)?;
        let ffn = self.number("intermediate_size", MAX_WIDTH)?;
        let n_layers = self.number("num_hidden_layers", MAX_LAYERS)?;
        let window = self.or("sliding_window", MAX_ROWS, 4096)?;
        let period = match self.optional("sliding_window_pattern", MAX_LAYERS)? {
            Some(period) => period,
            None => self.or("_sliding_window_pattern", MAX_LAYERS, if is_third { 6 } else { 2 })?,
        };
        let layer = |at: u32| Layer {
            n: 1,
            heads,
            kv_heads,
            ffn,
            window: self.window(at, Some(window), |at| !(at + 1).is_multiple_of(period)),
            kv: KeyValues::Own,
            rotary: Rotary::Applied,
        };
        let layers: Vec<Layer> = (0..n_layers).map(layer).collect();
        let mut arch = match self.optional("vocab_size", MAX_ROWS)? {
            None if is_third => {
                // The image models leave out what the library has as a default.
                let with_default = with_number(self.0, "vocab_size", 262_208);
                Config(&with_default).base(hidden, head_dim, &layers)?
            }
            Some(_) | None => self.base(hidden, head_dim, &layers)?,
        };
        arch.max_context = self.or("max_position_embeddings", MAX_ROWS, if is_third { 131_072 } else { 8192 })?;
        arch.head = self.head(true);
        arch.order = Order::Sandwich;
        arch.activation = Activation::Gelu;
        arch.embedding = Embedding::Scaled;
        if is_third {
            arch.qk_norm = QkNorm::PerHead;
        } else {
            arch.softcap = Softcap::Both;
        }
        Ok(arch)
    }

    fn gpt2(&self) -> Result<Decoder, String> {
        let hidden = self.number("n_embd", MAX_WIDTH)?;
        let heads = self.number("n_head", MAX_WIDTH)?;
        let ffn = self.or("n_inner", MAX_WIDTH, hidden.saturating_mul(4))?;
        let rows = self.or("n_positions", MAX_ROWS, 1024)?;
        let layers = uniform(self.number("n_layer", MAX_LAYERS)?, heads, ffn);
        let mut arch = self.base(hidden, self.head_dim(hidden, heads)?, &layers)?;
        arch.max_context = rows;
        arch.positions = Positions::Learned(rows);
        arch.projections = Projections::Fused;
        arch.head = self.head(true);
        self.plain(&mut arch, "activation_function", Activation::Gelu)?;
        Ok(arch)
    }

    fn opt(&self) -> Result<Decoder, String> {
        let hidden = self.number("hidden_size", MAX_WIDTH)?;
        let heads = self.number("num_attention_heads", MAX_WIDTH)?;
        if self.optional("word_embed_proj_dim", MAX_WIDTH)?.is_some_and(|width| width != hidden)
            || !self.is_true("do_layer_norm_before", true)
        {
            return Err(
                "config.json: an OPT with a projected embedding or norms after its blocks; the planner has no \
                        such layers"
                    .to_owned(),
            );
        }
        let layers = uniform(self.number("num_hidden_layers", MAX_LAYERS)?, heads, self.number("ffn_dim", MAX_WIDTH)?);
        let mut arch = self.base(hidden, self.head_dim(hidden, heads)?, &layers)?;
        // The first two rows of the table serve padding.
        arch.positions = Positions::Learned(arch.max_context + 2);
        arch.head = self.head(true);
        self.plain(&mut arch, "activation_function", Activation::Relu)?;
        Ok(arch)
    }

    fn phi(&self) -> Result<Decoder, String> {
        let hidden = self.number("hidden_size", MAX_WIDTH)?;
        let heads = self.number("num_attention_heads", MAX_WIDTH)?;
        let head_dim = self.head_dim(hidden, heads)?;
        let layers =
            uniform(self.number("num_hidden_layers", MAX_LAYERS)?, heads, self.number("intermediate_size", MAX_WIDTH)?);
        let mut arch = self.base(hidden, head_dim, &layers)?;
        let share = self.0.get("partial_rotary_factor").and_then(Value::as_f64).unwrap_or(0.5);
        arch.positions = Positions::PartialRope((f64::from(head_dim) * share.clamp(0.0, 1.0)) as u32);
        arch.order = Order::Parallel;
        arch.head = Head::OwnWithBias;
        self.plain(&mut arch, "hidden_act", Activation::Gelu)?;
        Ok(arch)
    }

    /// What the families before Llama have in common.
    fn plain(&self, arch: &mut Decoder, activation: &str, default: Activation) -> Result<(), String> {
        arch.norm = NormKind::Layer;
        arch.bias = Bias::All;
        arch.mlp = MlpKind::Plain;
        arch.activation = self.activation(activation, default)?;
        Ok(())
    }
}

fn with_number(config: &Value, name: &str, number: u32) -> Value {
    let mut config = config.clone();
    if let Some(fields) = config.as_object_mut() {
        fields.insert(name.to_owned(), Value::from(number));
    }
    config
}

fn uniform(n_layers: u32, heads: u32, ffn: u32) -> Vec<Layer> {
    let layer = Layer { n: 1, heads, kv_heads: heads, ffn, window: None, kv: KeyValues::Own, rotary: Rotary::Applied };
    vec![layer; n_layers as usize]
}

/// Layers as groups that repeat: one group of the shortest period, and what is left over after it.
fn groups(layers: &[Layer]) -> Vec<LayerGroup> {
    let repeats = |period: &usize| layers.iter().zip(layers.iter().skip(*period)).all(|(a, b)| a == b);
    let period = (1..=MAX_PERIOD.min(layers.len())).find(repeats);
    let Some(period) = period else { return runs(layers).into_iter().map(alone).collect() };
    let whole = layers.len() / period * period;
    let (pattern, rest) = (layers.get(..period).unwrap_or_default(), layers.get(whole..).unwrap_or_default());
    let mut groups = vec![LayerGroup { times: (whole / period) as u32, layers: runs(pattern) }];
    groups.extend(runs(rest).into_iter().map(alone));
    groups
}

/// A run of equal layers as a group of its own.
fn alone(run: Layer) -> LayerGroup {
    LayerGroup { times: run.n, layers: vec![Layer { n: 1, ..run }] }
}

/// Equal neighbours as one layer with a count.
fn runs(layers: &[Layer]) -> Vec<Layer> {
    let mut runs: Vec<Layer> = Vec::new();
    for layer in layers {
        match runs.last_mut() {
            Some(last) if (Layer { n: 1, ..*last }) == *layer => last.n += 1,
            _ => runs.push(*layer),
        }
    }
    runs
}
