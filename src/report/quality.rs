//! What published tables say a compression does to a model's answers.
//!
//! Nothing here is predicted: each line is a published pair of numbers, plain and compressed, of a named model, from
//! `assets/data/quality.csv`, whose text the caller brings; its `row` is the id in `measurements.csv`. A variant without lines has no published data, and
//! says so. Absent on purpose: a score made of several measures, and anything carried over from one method to another. The
//! page does not reach this.

use serde::Serialize;

use crate::{
    accuracy::records,
    catalog::arch::Arch,
    variant::{Compression, GgufType, Precision, ScaleScope, TableScope, Variant},
};

const NOT_COMPRESSED: &str = "the weights are not compressed";

/// The quality column of one variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QualityDocument {
    /// Published pairs of the same method and bits, for models of the same kind; those of the same group first.
    pub published: Vec<Published>,
    /// Why there are none.
    pub note: Option<&'static str>,
}

/// One published pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    /// Id in `measurements.csv`.
    pub row: String,
    /// Whose answers.
    pub model: String,
    /// Class of its size: `under 1B`, `1B to 4B`, `4B to 10B`, `over 10B` parameters.
    pub size_class: &'static str,
    /// What shares a table or a scale: `tensor`, `channel`, or a number of elements or channels.
    pub group: String,
    /// Whether the variant asks for the same group.
    pub same_group: bool,
    /// `none`, `calibrated` or `retrained`.
    pub training: String,
    /// What was measured.
    pub measure: String,
    /// Before.
    pub plain: f64,
    /// After.
    pub compressed: f64,
    /// Who published it.
    pub source: String,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names of the columns")]
pub struct Pair {
    pub row: String,
    pub kind: String,
    pub model: String,
    pub billions: Option<f64>,
    pub method: String,
    pub bits: String,
    pub group: String,
    pub training: String,
    pub measure: String,
    pub plain: f64,
    pub compressed: f64,
    pub source: String,
}

/// Every line of the table (`assets/data/quality.csv`).
#[must_use]
pub fn pairs(text: &str) -> Vec<Pair> {
    let read = |cells: &Vec<String>| {
        let cell = |idx: usize| cells.get(idx).cloned().unwrap_or_default();
        Some(Pair {
            row: cell(0),
            kind: cell(1),
            model: cell(2),
            billions: cell(3).parse().ok(),
            method: cell(4),
            bits: cell(5),
            group: cell(6),
            training: cell(7),
            measure: cell(8),
            plain: cell(9).parse().ok()?,
            compressed: cell(10).parse().ok()?,
            source: cell(11),
        })
    };
    records(text).iter().skip(1).filter_map(read).collect()
}

/// Method, bits (percent of zeros for sparse weights) and group of a variant, in the words of the table.
pub(crate) fn wanted(variant: &Variant) -> Option<(&'static str, u32, String)> {
    if variant.precision == Precision::W8A8 {
        return Some(("w8a8", 8, "tensor".to_owned()));
    }
    Some(match variant.compression {
        Compression::Palettized { bits, scope, vector: 1 } => (
            "table",
            bits,
            match scope {
                TableScope::PerTensor => "tensor".to_owned(),
                TableScope::PerGroupedChannel(1) => "channel".to_owned(),
                TableScope::PerGroupedChannel(group) => group.to_string(),
            },
        ),
        Compression::Linear { bits, scope } => (
            "scales",
            bits,
            match scope {
                ScaleScope::PerTensor => "tensor".to_owned(),
                ScaleScope::PerChannel => "channel".to_owned(),
                ScaleScope::PerBlock(size) => size.to_string(),
            },
        ),
        Compression::Sparse { percent } => ("sparse", percent, "tensor".to_owned()),
        Compression::Gguf(GgufType::Q8_0) => ("gguf", 8, "q8_0".to_owned()),
        Compression::Gguf(GgufType::Q4KM) => ("gguf", 4, "q4_k_m".to_owned()),
        Compression::MlxGroup { bits, group } => ("mlx", bits, group.to_string()),
        Compression::None
        | Compression::Gguf(GgufType::F16)
        | Compression::Palettized { .. }
        | Compression::SparsePalettized { .. } => return None,
    })
}

fn kind(arch: &Arch) -> &'static str {
    match arch {
        Arch::Decoder(_) => "language",
        Arch::Vision(_) => "image",
        Arch::Diffusion(_) => "diffusion",
        Arch::Speech(_) => "speech",
        Arch::Mlp(_) | Arch::TextEncoder(_) => "other",
    }
}

fn size_class(billions: Option<f64>) -> &'static str {
    match billions {
        Some(size) if size < 1.0 => "under 1B",
        Some(size) if size < 4.0 => "1B to 4B",
        Some(size) if size < 10.0 => "4B to 10B",
        Some(_) => "over 10B",
        None => "not stated",
    }
}

/// What is published of a variant; for a model of an unknown kind, of every kind.
#[must_use]
pub fn quality(pairs: &[Pair], variant: &Variant, arch: Option<&Arch>) -> QualityDocument {
    let is_plain = variant.compression == Compression::None || variant.compression == Compression::Gguf(GgufType::F16);
    if is_plain && variant.precision != Precision::W8A8 {
        return QualityDocument { published: Vec::new(), note: Some(NOT_COMPRESSED) };
    }
    let none = QualityDocument { published: Vec::new(), note: Some("no published data") };
    let Some((method, bits, group)) = wanted(variant) else { return none };
    let kind = arch.map(kind);
    let bits = bits.to_string();
    let is_own = |pair: &Pair| kind.is_none_or(|kind| kind == pair.kind) && pair.method == method && pair.bits == bits;
    let published = pairs.iter().filter(|pair| is_own(pair)).cloned().map(|pair| Published {
        row: pair.row,
        model: pair.model,
        size_class: size_class(pair.billions),
        same_group: pair.group == group,
        group: pair.group,
        training: pair.training,
        measure: pair.measure,
        plain: pair.plain,
        compressed: pair.compressed,
        source: pair.source,
    });
    let mut published: Vec<Published> = published.collect();
    if published.is_empty() {
        return none;
    }
    published.sort_by_key(|own| !own.same_group);
    QualityDocument { published, note: None }
}

/// What there is to say about the answers of one variant, for a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Risk {
    /// The weights are not compressed.
    Plain,
    /// The worst published change is at most [`LITTLE_PERCENT`].
    Little(String),
    /// The worst published change is more than that.
    Marked(String),
    /// Nobody published one that can be compared.
    NoData,
}

/// Where a change of a measure begins to count as marked, in percent of the plain model's value. A mark on the picture, not
/// a law: the pair itself stands beside it.
pub const LITTLE_PERCENT: f64 = 5.0;

/// The worst published pair of a variant (decibels have no percent, so they are left out): of the same group where there are such, without training where there are such.
#[must_use]
pub fn risk(document: &QualityDocument) -> Risk {
    if document.published.is_empty() {
        return if document.note == Some(NOT_COMPRESSED) { Risk::Plain } else { Risk::NoData };
    }
    let mut pairs: Vec<&Published> =
        document.published.iter().filter(|own| own.plain > 0.0 && !own.measure.ends_with("dB")).collect();
    for wanted in [|own: &Published| own.same_group, |own: &Published| own.training == "none"] {
        if pairs.iter().any(|own| wanted(own)) {
            pairs.retain(|own| wanted(own));
        }
    }
    let change = |own: &Published| (own.compressed / own.plain - 1.0) * 100.0;
    let Some(worst) = pairs.iter().max_by(|a, b| change(a).abs().total_cmp(&change(b).abs())) else {
        return Risk::NoData;
    };
    let of = if pairs.len() == 1 { "one published pair".to_owned() } else { format!("worst of {}", pairs.len()) };
    let group = if worst.same_group { "" } else { ", of another group size" };
    let percent = change(worst);
    let text = format!(
        "{percent:+.1} % {} for {}, {} instead of {} ({of}{group})",
        worst.measure, worst.model, worst.compressed, worst.plain
    );
    if percent.abs() <= LITTLE_PERCENT { Risk::Little(text) } else { Risk::Marked(text) }
}
