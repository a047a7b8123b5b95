//! Models that measured rows name and the catalogue does not have: other names of presets, and stand-ins.
//!
//! A stand-in is a graph of the right size instead of the right graph: a decoder of the stated widths, or a chain of
//! convolutions with the stated parameters and multiply-adds. `assets/data/models.csv` lists them with their sources.

use super::records;
use crate::{
    catalog::{
        Catalog,
        arch::{
            Arch,
            decoder::{
                Activation, Bias, Decoder, Embedding, Experts, Head, KeyValues, Layer, LayerGroup, MlpKind, NormKind,
                Order, Positions, Projections, QkNorm, Rotary, Sinks, Softcap,
            },
            text_encoder::TextEncoder,
        },
    },
    lower::{self, Workload},
    model::{DType, FunctionBuilder, Model, OpKind, Role},
    report::quality::{Pair, pairs},
};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Design {
    Preset(String),
    Decoder(Box<Decoder>),
    Net {
        params: f64,
        macs: f64,
        layers: f64,
        /// Pixels of a side of the square image that the multiply-adds are counted for.
        side: Option<f64>,
    },
    /// A stand-in of the right size whose last operations run elsewhere in a way that nobody stated: its time is unknown.
    Part {
        params: f64,
        macs: f64,
        layers: f64,
    },
    /// It is a chain of convolutions.
    Chain {
        params: f64,
        macs: f64,
        layers: f64,
    },
    /// The name is known, its operations are not.
    Unknown,
}

impl Design {
    /// Whether its graph is a chain of convolutions in place of operations that are not known.
    pub(super) fn stands_in(&self) -> bool {
        matches!(self, Self::Net { .. } | Self::Part { .. })
    }

    /// The graph.
    pub(super) fn lower(
        &self,
        name: &str,
        workload: &Workload,
        sequence: Option<u32>,
        side: Option<f64>,
    ) -> Option<Model> {
        match self {
            Self::Preset(id) => {
                let preset = Catalog::get().preset(id)?;
                match (&preset.arch, sequence) {
                    (Arch::TextEncoder(arch), Some(tokens)) => {
                        let mut own = preset.clone();
                        own.arch =
                            Arch::TextEncoder(TextEncoder { tokens: tokens.min(arch.positions), ..arch.clone() });
                        Some(lower::lower(&own, workload))
                    }
                    _ => Some(lower::lower(preset, workload)),
                }
            }
            Self::Decoder(arch) => Some(lower::lower_decoder(name, arch, workload)),
            Self::Net { params, macs, layers, side: own } => {
                // A network over an image asks for arithmetic by its area.
                let larger = side.zip(*own).map_or(1.0, |(side, own)| side / own);
                Some(chain(name, *params, macs * larger * larger, *layers))
            }
            Self::Part { params, macs, layers } | Self::Chain { params, macs, layers } => {
                Some(chain(name, *params, *macs, *layers))
            }
            Self::Unknown => None,
        }
    }
}

/// The table of other names and stand-ins.
#[derive(Clone, Debug, Default)]
pub struct Known {
    rows: Vec<(String, Design)>,
    pub(super) pairs: Vec<Pair>,
}

impl Known {
    /// Reads `assets/data/models.csv`.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut rows: Vec<(String, Design)> =
            Catalog::get().presets.iter().map(|preset| (key(&preset.id), Design::Preset(preset.id.clone()))).collect();
        for (line, cells) in records(text).iter().enumerate().skip(1) {
            let cell = |idx: usize| cells.get(idx).map_or("", String::as_str);
            let number = |idx: usize| {
                let number: Option<f64> = cell(idx).parse().ok();
                number.ok_or_else(|| format!("models.csv, line {}: `{}` is no number", line + 1, cell(idx)))
            };
            let design = match cell(1) {
                "preset" => Design::Preset(cell(2).to_owned()),
                "net" => Design::Net {
                    params: number(2)? * 1e6,
                    macs: number(3)? * 1e9,
                    layers: number(4)?,
                    side: if cell(5).is_empty() { None } else { Some(number(5)?) },
                },
                "part" => Design::Part { params: number(2)? * 1e6, macs: number(3)? * 1e9, layers: number(4)? },
                "chain" => Design::Chain { params: number(2)? * 1e6, macs: number(3)? * 1e9, layers: number(4)? },
                "decoder" => Design::Decoder(Box::new(decoder(&Widths {
                    params: number(2)? * 1e9,
                    active: number(3)? * 1e9,
                    layers: number(4)?,
                    hidden: number(5)?,
                    heads: number(6)?,
                    kv_heads: number(7)?,
                    head_dim: number(8)?,
                    vocab: number(9)?,
                    tied: cell(10) == "tied",
                }))),
                "unknown" => Design::Unknown,
                other => return Err(format!("models.csv, line {}: `{other}` is no kind of model", line + 1)),
            };
            rows.push((key(cell(0)), design));
        }
        Ok(Self { rows, pairs: Vec::new() })
    }

    /// With the published effects on quality (`assets/data/quality.csv`), without which no row about quality is predicted.
    #[must_use]
    pub fn with_quality(self, text: &str) -> Self {
        Self { pairs: pairs(text), ..self }
    }

    /// What a row's words for a model stand for: the longest name they hold, else a stand-in of the stated size.
    pub(super) fn design(&self, model: &str, params: &str, fallback: Fallback) -> Option<Design> {
        let wanted = Words::of(model);
        let mut best: Option<&(String, Design)> = None;
        for row in self.rows.iter().filter(|row| wanted.hold(&row.0)) {
            if best.is_none_or(|best| best.0.len() < row.0.len()) {
                best = Some(row);
            }
        }
        if let Some((_, design)) = best {
            if matches!(design, Design::Part { .. }) && matches!(fallback, Fallback::None | Fallback::Decoder) {
                return None;
            }
            return (*design != Design::Unknown).then(|| design.clone());
        }
        let (all, active) = sizes(params).or_else(|| sizes(model))?;
        match fallback {
            Fallback::Decoder if all >= 5e7 => Some(Design::Decoder(Box::new(decoder(&Widths::typical(all, active))))),
            // Only its bytes are asked for.
            Fallback::Bytes => Some(Design::Net { params: all, macs: all * 100.0, layers: 50.0, side: None }),
            Fallback::Decoder | Fallback::None => None,
        }
    }
}

/// What a count of parameters is enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    /// A decoder: its time follows its bytes.
    Decoder,
    /// Sizes.
    Bytes,
    /// Nothing: the time of a network follows its arithmetic.
    None,
}

/// Letters and digits of a text, and where something else stood between two.
struct Words {
    letters: Vec<char>,
    parted: Vec<bool>,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut words = Self { letters: Vec::new(), parted: Vec::new() };
        let mut parted = true;
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                words.letters.push(c.to_ascii_lowercase());
                words.parted.push(parted);
                parted = false;
            } else {
                parted = true;
            }
        }
        words
    }

    /// Whether a name stands in them, not as a part of a longer number (`qwen3-4b` is not in `qwen3-4bit` or `qwen3-14b`).
    fn hold(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (Some(first), Some(last)) = (name.first(), name.last()) else { return false };
        let parted = |at: usize| self.parted.get(at).copied().unwrap_or(true);
        let letter = |at: usize| self.letters.get(at).copied().unwrap_or(' ');
        (0..self.letters.len()).any(|at| {
            let end = at + name.len();
            let starts = parted(at) || !(letter(at.wrapping_sub(1)).is_ascii_digit() && first.is_ascii_digit());
            let runs_on = (last.is_ascii_digit() && letter(end).is_ascii_digit())
                || (name.len() > 1 && *last == 'b' && letter(end) == 'i');
            starts && (parted(end) || !runs_on) && self.letters.get(at..end) == Some(name.as_slice())
        })
    }
}

/// Lower-case letters and digits of a name.
pub(super) fn key(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Parameters in a text, and those active for a token: `1.24B`, `30B-A3B`, `117B (5.1B active)`.
pub(super) fn sizes(text: &str) -> Option<(f64, f64)> {
    let mut found: Vec<f64> = Vec::new();
    let lower = text.to_ascii_lowercase();
    let chars: Vec<char> = lower.chars().collect();
    let mut at = 0;
    while let Some(first) = chars.get(at) {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied().unwrap_or(' ');
        let starts =
            first.is_ascii_digit() && (!before.is_ascii_alphanumeric() && before != '.' || "ae".contains(before));
        let end = chars[at..].iter().position(|c| !c.is_ascii_digit() && *c != '.').map_or(chars.len(), |n| at + n);
        if !starts {
            at += 1;
            continue;
        }
        let number: String = chars.get(at..end).unwrap_or_default().iter().collect();
        let next = chars.get(end + 1).copied().unwrap_or(' ');
        let unit = match chars.get(end) {
            Some('b') if !next.is_ascii_alphanumeric() => Some(1e9),
            Some('m') if !next.is_ascii_alphanumeric() => Some(1e6),
            _ => None,
        };
        if let (Some(unit), Ok(number)) = (unit, number.parse::<f64>()) {
            found.push(number * unit);
        }
        at = end.max(at + 1);
    }
    let all = found.iter().copied().fold(0.0, f64::max);
    let active = found.iter().copied().filter(|one| *one < all).fold(0.0, f64::max);
    let is_mixture = lower.contains("active") || lower.contains("-a") || lower.contains("eff");
    (all > 0.0).then_some((all, if active > 0.0 && is_mixture { active } else { all }))
}

struct Widths {
    params: f64,
    active: f64,
    layers: f64,
    hidden: f64,
    heads: f64,
    kv_heads: f64,
    head_dim: f64,
    vocab: f64,
    tied: bool,
}

impl Widths {
    /// Widths that decoders of a size were published with, from 0.1 to 400 billion parameters.
    fn typical(params: f64, active: f64) -> Self {
        let (layers, hidden) = match active.max(params / 8.0) {
            size if size < 0.3e9 => (16.0, 768.0),
            size if size < 0.8e9 => (26.0, 1024.0),
            size if size < 1.4e9 => (22.0, 2048.0),
            size if size < 2.5e9 => (28.0, 2048.0),
            size if size < 3.5e9 => (30.0, 2816.0),
            size if size < 6e9 => (34.0, 2560.0),
            size if size < 11e9 => (32.0, 4096.0),
            size if size < 18e9 => (40.0, 5120.0),
            size if size < 45e9 => (60.0, 5120.0),
            _ => (80.0, 8192.0),
        };
        let heads = hidden / 128.0;
        Self {
            params,
            active,
            layers,
            hidden,
            heads,
            kv_heads: (heads / 4.0).max(1.0),
            head_dim: 128.0,
            vocab: if params < 0.3e9 { 50_000.0 } else { 128_000.0 },
            tied: params < 4.5e9,
        }
    }
}

/// A gated decoder of those widths, whose feed-forward width makes up the count of parameters.
fn decoder(widths: &Widths) -> Decoder {
    let whole = |number: f64| number.max(1.0) as u32;
    let table = widths.vocab * widths.hidden * if widths.tied { 1.0 } else { 2.0 };
    let attention = 2.0 * widths.hidden * widths.head_dim * (widths.heads + widths.kv_heads) * widths.layers;
    let per_width = 3.0 * widths.hidden * widths.layers;
    let rest = (widths.params - table - attention).max(per_width * widths.hidden * 0.5);
    let active = (widths.active - table - attention).max(rest / 64.0).min(rest);
    let is_mixture = widths.active < widths.params * 0.85;
    let n_active = 8.0;
    let (ffn, experts) = if is_mixture {
        let all = (n_active * rest / active).max(n_active + 1.0);
        (rest / per_width / all, Some(Experts { all: whole(all), active: whole(n_active) }))
    } else {
        (rest / per_width, None)
    };
    // Groups and blocks of a compression divide the widths of real models.
    let even = if ffn >= 1024.0 { 128.0 } else { 64.0 };
    let ffn = (ffn / even + 0.5).max(1.0).trunc() * even;
    let layer = Layer {
        n: 1,
        heads: whole(widths.heads),
        kv_heads: whole(widths.kv_heads),
        ffn: whole(ffn),
        window: None,
        kv: KeyValues::Own,
        rotary: Rotary::Applied,
    };
    Decoder {
        vocab: whole(widths.vocab),
        hidden: whole(widths.hidden),
        head_dim: whole(widths.head_dim),
        max_context: 131_072,
        groups: vec![LayerGroup { times: whole(widths.layers), layers: vec![layer] }],
        head: if widths.tied { Head::Tied } else { Head::Own },
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
        experts,
    }
}

/// A chain of square 1 × 1 convolutions with that many parameters and multiply-adds.
fn chain(name: &str, params: f64, macs: f64, layers: f64) -> Model {
    let mut model = Model { name: name.to_owned(), ..Model::default() };
    let channels = (params / layers.max(1.0)).sqrt().max(1.0);
    // Groups and blocks of a compression divide the widths of real networks.
    let channels = if channels >= 96.0 { ((channels / 64.0 + 0.5) as u64) * 64 } else { channels as u64 };
    let layers = (params / (channels * channels) as f64 + 0.5).max(1.0);
    let places = (macs / params.max(1.0)).max(1.0);
    let height = places.sqrt().max(1.0) as u64;
    let width = (places / height as f64).max(1.0) as u64;
    let shape = [1, channels, height, width];
    let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
    let mut x = f.input("x", DType::Fp16, &shape);
    f.section(layers as u32);
    let weight = f.weight("layer.weight", DType::Fp16, &[channels, channels, 1, 1]);
    x = f.op(OpKind::Conv, &[("x", x), ("weight", weight)], DType::Fp16, &shape);
    x = f.op(OpKind::Relu, &[("x", x)], DType::Fp16, &shape);
    f.finish(&[x]);
    model
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_common_form() {
        let check = |text: &str, all: f64, active: f64| assert_eq!(sizes(text), Some((all, active)), "{text}");
        check("1.24B", 1.24e9, 1.24e9);
        check("350M", 350e6, 350e6);
        check("Qwen3.6-35B-A3B-GGUF", 35e9, 3e9);
        check("117B (5.1B active)", 117e9, 5.1e9);
        assert_eq!(sizes("whisper"), None);
    }

    #[test]
    fn a_name_is_not_found_inside_a_longer_number() {
        let check =
            |text: &str, name: &str, holds: bool| assert_eq!(Words::of(text).hold(name), holds, "{name} in {text}");
        check("mlx-community/Qwen3-4B-4bit", "qwen34b", true);
        check("Qwen3-14B", "qwen34b", false);
        check("gpt-20b", "gpt2", false);
        check("MobileNetV2-1.0 224", "mobilenetv2", true);
    }
}
