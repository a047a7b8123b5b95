//! What published tables say a compression does to a model's answers.
//!
//! Nothing here is predicted: each line is a published pair of numbers, plain and compressed, of a named model, from
//! `assets/data/quality.csv`, whose text the caller brings; its `row` is the id in `measurements.csv`. A variant without
//! lines has no published data, and says so. Absent on purpose: a score made of several measures, anything carried over from
//! one method to another, and the worst of the lines, which the page shows too (`effect`).

use serde::Serialize;

use super::effect::{is_plain, kind, wanted};
use crate::{accuracy::records, catalog::arch::Arch, texts::published as text, variant::Variant};

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
pub fn pairs(table: &str) -> Vec<Pair> {
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
    records(table).iter().skip(1).filter_map(read).collect()
}

fn size_class(billions: Option<f64>) -> &'static str {
    match billions {
        Some(size) if size < 1.0 => text::UNDER_1B,
        Some(size) if size < 4.0 => text::TO_4B,
        Some(size) if size < 10.0 => text::TO_10B,
        Some(_) => text::OVER_10B,
        None => text::NOT_STATED,
    }
}

/// What is published of a variant; for a model of an unknown kind, of every kind.
#[must_use]
pub fn quality(pairs: &[Pair], variant: &Variant, arch: Option<&Arch>) -> QualityDocument {
    if is_plain(variant) {
        return QualityDocument { published: Vec::new(), note: Some(text::NOT_COMPRESSED) };
    }
    let none = QualityDocument { published: Vec::new(), note: Some(text::NONE) };
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
