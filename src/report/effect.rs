//! The worst that is published of what a variant's compression did to a model's answers: what the quality column shows.
//!
//! Nothing here is predicted, and nothing is carried over from one method, number of bits or kind of model to another.
//! Absent on purpose: the published pairs themselves (`quality`), which the page does not reach.

use crate::{
    catalog::{Catalog, QualityEffect, arch::Arch},
    variant::{Compression, GgufType, Precision, ScaleScope, TableScope, Variant},
};

/// What there is to say about the answers of one variant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// The weights are not compressed.
    Plain,
    /// The worst published change, and whether it is of the same group.
    Published(&'static QualityEffect, bool),
    /// Nobody published one that can be compared.
    NoData,
}

/// Where a change of a measure begins to count as marked, in percent of the plain model's value. A mark on a picture, not a
/// law: the pair itself stands beside it.
pub const LITTLE_PERCENT: f64 = 5.0;

impl Effect {
    /// What is published of a variant of this kind of model; of a model whose kind is not known, nothing.
    #[must_use]
    pub fn of(variant: &Variant, arch: Option<&Arch>) -> Self {
        if is_plain(variant) {
            return Self::Plain;
        }
        let Some(((method, bits, group), kind)) = wanted(variant).zip(arch.map(kind)) else { return Self::NoData };
        let bits = bits.to_string();
        let of = |group: &str| {
            let is_own =
                |own: &&QualityEffect| [&own.kind, &own.method, &own.bits, &own.group] == [kind, method, &bits, group];
            Catalog::get().quality.iter().find(is_own)
        };
        let same = of(&group).map(|own| Self::Published(own, true));
        same.or_else(|| of("").map(|own| Self::Published(own, false))).unwrap_or(Self::NoData)
    }

    /// A word for styles: `plain`, `little`, `marked`, `no-data`.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Published(own, _) if own.is_little() => "little",
            Self::Published(..) => "marked",
            Self::NoData => "no-data",
        }
    }
}

impl QualityEffect {
    /// Whether the change is one of [`LITTLE_PERCENT`] at the most.
    #[must_use]
    pub fn is_little(&self) -> bool {
        self.percent().abs() <= LITTLE_PERCENT
    }

    /// The change in percent of the plain model's value.
    #[must_use]
    pub fn percent(&self) -> f64 {
        f64::from(self.change) / 10.0
    }

    /// The measure in a word.
    #[must_use]
    pub fn short(&self) -> &'static str {
        ["perplexity", "accuracy", "word error"]
            .into_iter()
            .find(|word| self.measure.contains(word))
            .unwrap_or("measure")
    }
}

/// Whether the weights are not compressed.
pub(super) fn is_plain(variant: &Variant) -> bool {
    matches!(variant.compression, Compression::None | Compression::Gguf(GgufType::F16))
        && variant.precision != Precision::W8A8
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

pub(super) fn kind(arch: &Arch) -> &'static str {
    match arch {
        Arch::Decoder(_) => "language",
        Arch::Vision(_) => "image",
        Arch::Diffusion(_) => "diffusion",
        Arch::Speech(_) => "speech",
        Arch::Mlp(_) | Arch::TextEncoder(_) => "other",
    }
}
