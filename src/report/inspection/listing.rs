//! The listings of a package: rows of cells, made when they are asked for.
//!
//! A row is a place in the model, not a copy of it: two hundred thousand operations cost nothing until some are shown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{
    Inspection,
    query::{Column, Content, ListingHead, ListingKind, ListingView, Order},
};
use crate::{
    model::{Dim, Function, Op, Place, ValueType, Weight},
    report::{inspect::clean, weights},
    texts::listing as text,
    units::{
        Bytes, decimal,
        format::{number, si_bytes, thousands},
    },
};

/// Longest text of a cell, in letters; the whole of it is in the exports.
const SHOWN_MAX: usize = 200;

/// What stands in one cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Text(Cow<'a, str>),
    Bytes(u64),
    Count(u64),
    /// Bits for each weight.
    Bits(f64),
    /// A part of one.
    Share(f64),
    Unknown,
}

impl Cell<'_> {
    fn text(text: &str) -> Cell<'_> {
        Cell::Text(Cow::Borrowed(text))
    }

    fn owned(text: String) -> Self {
        Cell::Text(Cow::Owned(text))
    }

    fn share(part: u64, whole: u64) -> Self {
        if whole == 0 { Cell::Unknown } else { Cell::Share(part as f64 / whole as f64) }
    }

    /// As a person reads it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => shown(text),
            Self::Bytes(bytes) => si_bytes(Bytes::new(*bytes)),
            Self::Count(count) => thousands(*count as f64),
            Self::Bits(bits) => number(*bits),
            Self::Share(share) => percent(*share),
            Self::Unknown => "–".to_owned(),
        }
    }

    /// As a program reads it.
    pub(super) fn plain(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Bytes(n) | Self::Count(n) => Cow::Owned(n.to_string()),
            Self::Bits(value) => Cow::Owned(decimal::fixed(*value, 4)),
            Self::Share(value) => Cow::Owned(decimal::fixed(*value, 6)),
            Self::Unknown => Cow::Borrowed(""),
        }
    }

    /// What it is ordered by; the unknown comes before every number.
    pub(super) fn value(&self) -> f64 {
        match self {
            Self::Bytes(n) | Self::Count(n) => *n as f64,
            Self::Bits(value) | Self::Share(value) => *value,
            Self::Text(_) | Self::Unknown => -1.0,
        }
    }
}

/// A name from a file, fit to be shown: nothing that changes the direction of text, and no longer than anyone reads.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => clean(text.get(..end).unwrap_or_default()) + "…",
        None => clean(text),
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{} %", if share == 0.0 { "0".to_owned() } else { number(share * 100.0) })
}

/// Rows of cells.
pub(super) trait Listing {
    fn len(&self) -> usize;
    fn cell(&self, row: usize, column: usize) -> Cell<'_>;
}

const fn words(name: &'static str) -> (&'static str, Content) {
    (name, Content::Text)
}

const fn count(name: &'static str) -> (&'static str, Content) {
    (name, Content::Number)
}

pub(super) fn columns(kind: ListingKind) -> &'static [(&'static str, Content)] {
    // What people look for comes first: a phone shows two columns.
    const WEIGHTS: &[(&str, Content)] = &[
        words(text::WEIGHT),
        count(text::STORED),
        count(text::SHARE),
        count(text::BITS),
        words(text::ENCODING),
        words(text::SHAPE),
        words(text::KIND),
        count(text::PARAMETERS),
        words(text::READ_BY),
    ];
    const OPS: &[(&str, Content)] = &[
        words(text::RESULT),
        words(text::OPERATION),
        words(text::TYPE_AND_SHAPE),
        count(text::WEIGHTS_READ),
        words(text::FUNCTION),
    ];
    const KINDS: &[(&str, Content)] =
        &[words(text::OPERATION), count(text::HOW_MANY), count(text::SHARE), count(text::WEIGHTS_READ)];
    const SHARED: &[(&str, Content)] = &[
        words(text::WEIGHT),
        words(text::WHAT_IS_SHARED),
        count(text::STORED),
        count(text::OPERATIONS),
        count(text::FUNCTIONS),
    ];
    const BYTES: &[(&str, Content)] = &[words(text::WHAT), words(text::FILE), count(text::SIZE), count(text::SHARE)];
    const PLACED: &[(&str, Content)] = &[
        words(text::RESULT),
        words(text::OPERATION),
        words(text::UNIT),
        words(text::CONFIDENCE),
        count(text::COST),
        words(text::COULD_RUN),
        words(text::WHY),
        count(text::NUMBER),
    ];
    match kind {
        ListingKind::Weights => WEIGHTS,
        ListingKind::Ops => OPS,
        ListingKind::Kinds => KINDS,
        ListingKind::Shared => SHARED,
        ListingKind::Bytes => BYTES,
        ListingKind::Placed(_) => PLACED,
    }
}

/// A listing before its rows are asked for.
pub(super) fn head(kind: ListingKind, n_rows: usize) -> ListingHead {
    let (title, empty, sort) = match kind {
        ListingKind::Weights => (text::WEIGHTS_TITLE, text::WEIGHTS_NONE, Some(1)),
        ListingKind::Ops => (text::OPS_TITLE, text::OPS_NONE, None),
        ListingKind::Kinds => (text::KINDS_TITLE, text::OPS_NONE, Some(1)),
        ListingKind::Shared => (text::SHARED_TITLE, text::SHARED_NONE, Some(2)),
        ListingKind::Bytes => (text::BYTES_TITLE, text::BYTES_NONE, Some(2)),
        ListingKind::Placed(_) => (text::OPS_TITLE, text::PLACED_NONE, None),
    };
    let columns = columns(kind).iter().map(|(name, content)| Column { name: (*name).to_owned(), content: *content });
    ListingHead {
        title: title.to_owned(),
        count: thousands(n_rows as f64),
        empty: empty.to_owned(),
        columns: columns.collect(),
        view: ListingView { which: kind, sort, order: Order::Descending, search: String::new() },
    }
}

/// The rows of a listing.
pub(super) fn listing(inspection: &Inspection, kind: ListingKind) -> Box<dyn Listing + '_> {
    match kind {
        ListingKind::Weights => Box::new(Weights(inspection)),
        ListingKind::Ops => Box::new(Ops::new(inspection)),
        ListingKind::Kinds => Box::new(Kinds::new(inspection)),
        ListingKind::Shared => Box::new(Shared::new(inspection)),
        ListingKind::Bytes => Box::new(Ledger(inspection)),
        ListingKind::Placed(_) => Box::new(Nothing),
    }
}

/// `1 × 64 × 128`.
fn shape(sizes: &[u64]) -> String {
    let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
    if sizes.is_empty() { text::SCALAR.to_owned() } else { sizes.join(" × ") }
}

struct Weights<'a>(&'a Inspection);

impl Listing for Weights<'_> {
    fn len(&self) -> usize {
        self.0.package.model.weights.len()
    }

    fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let Some(weight) = self.0.package.model.weights.get(row) else { return Cell::Unknown };
        match column {
            0 => Cell::text(&weight.name),
            1 => Cell::Bytes(weight.stored_bytes()),
            2 => Cell::share(self.0.stored.get(row).copied().unwrap_or(0), self.0.package.total_bytes()),
            3 if weight.elements() == 0 => Cell::Unknown,
            3 => Cell::Bits(weight.stored_bytes() as f64 * 8.0 / weight.elements() as f64),
            4 => Cell::owned(weight.encoding.label(weight.dtype)),
            5 => Cell::owned(shape(&weight.shape)),
            6 => Cell::text(weight.dtype.name()),
            7 => Cell::Count(weight.elements()),
            8 => weight.consumer.as_ref().map_or(Cell::Unknown, |reader| {
                let name = match reader.op.known_name() {
                    Some(name) => name,
                    None => self.0.package.model.op_name(reader.op),
                };
                Cell::owned(format!("{name}, {}", reader.param))
            }),
            _ => Cell::Unknown,
        }
    }
}

struct Ops<'a> {
    inspection: &'a Inspection,
    rows: Vec<(&'a Function, &'a Op)>,
}

impl<'a> Ops<'a> {
    fn new(inspection: &'a Inspection) -> Self {
        let mut rows = Vec::new();
        for function in &inspection.package.model.functions {
            function.visit(&mut |_, op| rows.push((function, op)));
        }
        Self { inspection, rows }
    }
}

impl Listing for Ops<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let Some((function, op)) = self.rows.get(row) else { return Cell::Unknown };
        let result = op.outputs.first().and_then(|id| function.value(*id));
        match column {
            0 => result.map_or(Cell::Unknown, |value| Cell::text(&value.name)),
            1 => Cell::text(self.inspection.package.model.op_name(op.kind)),
            2 => result.map_or(Cell::Unknown, |value| Cell::owned(type_of(&value.ty))),
            3 => match self.inspection.bytes_read(function, op) {
                0 => Cell::Unknown,
                bytes => Cell::Bytes(bytes),
            },
            4 => Cell::text(&function.name),
            _ => Cell::Unknown,
        }
    }
}

fn type_of(ty: &ValueType) -> String {
    match ty {
        ValueType::Tensor(tensor) => {
            let size = |dim: &Dim| match dim {
                Dim::Fixed(size) => size.to_string(),
                Dim::Flexible => "?".to_owned(),
            };
            let sizes: Vec<String> = tensor.shape.iter().map(size).collect();
            if sizes.is_empty() {
                tensor.dtype.name().to_owned()
            } else {
                format!("{} {}", tensor.dtype.name(), sizes.join(" × "))
            }
        }
        ValueType::Other => text::NO_TENSOR.to_owned(),
    }
}

/// Operations of one kind: name, how many, bytes of weights they read.
pub(super) struct Kinds<'a> {
    pub(super) rows: Vec<(&'a str, u64, u64)>,
    n_ops: u64,
}

impl<'a> Kinds<'a> {
    pub(super) fn new(inspection: &'a Inspection) -> Self {
        let model = &inspection.package.model;
        let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let mut n_ops = 0_u64;
        for function in &model.functions {
            function.visit(&mut |times, op| {
                let (n, bytes) = kinds.entry(model.op_name(op.kind)).or_default();
                *n = n.saturating_add(u64::from(times));
                *bytes = bytes.saturating_add(inspection.bytes_read(function, op));
                n_ops = n_ops.saturating_add(u64::from(times));
            });
        }
        let mut rows: Vec<_> = kinds.into_iter().map(|(name, (n, bytes))| (name, n, bytes)).collect();
        rows.sort_by_key(|(_, n, _)| std::cmp::Reverse(*n));
        Self { rows, n_ops }
    }
}

impl Listing for Kinds<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let Some((name, n, bytes)) = self.rows.get(row) else { return Cell::Unknown };
        match column {
            0 => Cell::text(name),
            1 => Cell::Count(*n),
            2 => Cell::share(*n, self.n_ops),
            3 if *bytes > 0 => Cell::Bytes(*bytes),
            _ => Cell::Unknown,
        }
    }
}

struct Shared<'a> {
    inspection: &'a Inspection,
    /// The weight, and how many weights lie in the same blob.
    rows: Vec<(usize, &'a Weight, u32)>,
}

impl<'a> Shared<'a> {
    fn new(inspection: &'a Inspection) -> Self {
        let weights = &inspection.package.model.weights;
        let mut users: BTreeMap<&Place, u32> = BTreeMap::new();
        for part in weights.iter().flat_map(|weight| &weight.parts) {
            *users.entry(&part.place).or_default() += 1;
        }
        let rows = weights.iter().enumerate().filter_map(|(idx, weight)| {
            let in_blob = |place: &Place| match place {
                Place::Blob { .. } => users.get(place).copied().unwrap_or(0),
                Place::Inline | Place::Planned => 0,
            };
            let together = weight.parts.iter().map(|part| in_blob(&part.place)).max().unwrap_or(0);
            let use_of = inspection.uses.get(idx).copied().unwrap_or_default();
            (together > 1 || use_of.ops > 1 || use_of.functions > 1).then_some((idx, weight, together))
        });
        Self { inspection, rows: rows.collect() }
    }
}

impl Listing for Shared<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let Some((idx, weight, together)) = self.rows.get(row) else { return Cell::Unknown };
        let use_of = self.inspection.uses.get(*idx).copied().unwrap_or_default();
        match column {
            0 => Cell::text(&weight.name),
            1 if *together > 1 => Cell::owned(text::shared_bytes(&together.to_string())),
            1 => Cell::text(text::SHARED_WEIGHT),
            2 => Cell::Bytes(weight.stored_bytes()),
            3 => Cell::Count(use_of.ops.into()),
            4 => Cell::Count(use_of.functions.into()),
            _ => Cell::Unknown,
        }
    }
}

/// What an inspection has of a plan.
struct Nothing;

impl Listing for Nothing {
    fn len(&self) -> usize {
        0
    }

    fn cell(&self, _: usize, _: usize) -> Cell<'_> {
        Cell::Unknown
    }
}

struct Ledger<'a>(&'a Inspection);

impl Listing for Ledger<'_> {
    fn len(&self) -> usize {
        self.0.package.bytes.len()
    }

    fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let Some(entry) = self.0.package.bytes.get(row) else { return Cell::Unknown };
        match column {
            0 => Cell::text(weights::kind_name(entry.kind)),
            1 => self.0.package.files.get(entry.file as usize).map_or(Cell::Unknown, |file| Cell::text(&file.path)),
            2 => Cell::Bytes(entry.bytes),
            3 => Cell::share(entry.bytes, self.0.package.total_bytes()),
            _ => Cell::Unknown,
        }
    }
}
