//! Where the bytes of a package are: a treemap by layer, by role or by encoding, and the same as a table.
//!
//! Layers are found in the names of weights alone: `model_layers_0_mlp_weight` is cut at its separators, and what has
//! the same beginning belongs together. Beginnings that all share are skipped.

use std::collections::BTreeMap;

use super::{
    Inspection,
    listing::{percent, shown},
    query::{Picture, SplitBy},
};
use crate::{
    chart::{Frame, Ink, Leads, Table, Tile, treemap},
    format::ByteKind,
    model::Encoding,
    report::weights,
    texts::treemap as words,
    units::{
        Bytes,
        format::{number, si_bytes, thousands},
    },
};

/// Most tiles of a picture; the smallest share one tile.
const TILES: usize = 80;
/// Most rows of the table under it.
const ROWS: usize = 500;

/// Some bytes that stand together.
struct Piece<'a> {
    label: &'a str,
    bytes: u64,
    n_weights: u64,
    n_elements: u64,
    /// Bytes by kind of encoding.
    inks: [u64; INKS.len()],
    leads: Leads,
}

/// The legend: what a colour stands for.
const INKS: [(Ink, &str); 6] = [
    (Ink::Series1, words::PLAIN),
    (Ink::Series2, words::PALETTIZED),
    (Ink::Series3, words::QUANTIZED),
    (Ink::Series4, words::SPARSE),
    (Ink::Series5, words::OTHER),
    (Ink::Series6, words::NO_WEIGHTS),
];

fn ink_of(encoding: &Encoding) -> usize {
    match encoding {
        Encoding::Dense => 0,
        Encoding::Palettized { .. } => 1,
        Encoding::Linear { .. } => 2,
        Encoding::Sparse { .. } => 3,
        Encoding::Other => 4,
    }
}

impl<'a> Piece<'a> {
    fn new(label: &'a str) -> Self {
        Self { label, bytes: 0, n_weights: 0, n_elements: 0, inks: [0; INKS.len()], leads: Leads::Nowhere }
    }

    fn plain(label: &'a str, bytes: u64) -> Self {
        let mut piece = Self::new(label);
        piece.bytes = bytes;
        if let Some(last) = piece.inks.last_mut() {
            *last = bytes;
        }
        piece
    }

    fn add(&mut self, inspection: &Inspection, idx: usize) {
        let Some(weight) = inspection.package.model.weights.get(idx) else { return };
        let bytes = inspection.stored.get(idx).copied().unwrap_or(0);
        self.bytes = self.bytes.saturating_add(bytes);
        self.n_weights += 1;
        self.n_elements = self.n_elements.saturating_add(weight.elements());
        if let Some(ink) = self.inks.get_mut(ink_of(&weight.encoding)) {
            *ink = ink.saturating_add(bytes);
        }
    }

    /// The colour of most of it.
    fn ink(&self) -> usize {
        let most = self.inks.iter().enumerate().max_by_key(|(idx, bytes)| (**bytes, std::cmp::Reverse(*idx)));
        most.map_or(0, |(idx, _)| idx)
    }
}

/// Whether bytes of a kind belong to weights.
fn is_weight(kind: ByteKind) -> bool {
    match kind {
        ByteKind::Values | ByteKind::Tables | ByteKind::Scales | ByteKind::Offsets | ByteKind::Masks => true,
        ByteKind::Headers
        | ByteKind::Padding
        | ByteKind::Graph
        | ByteKind::Description
        | ByteKind::Learned
        | ByteKind::Manifest
        | ByteKind::Metadata
        | ByteKind::Unreferenced => false,
    }
}

/// The bytes of all files, by what they are for.
fn of_kinds(inspection: &Inspection, wanted: impl Fn(ByteKind) -> bool) -> Vec<Piece<'static>> {
    let mut pieces: Vec<Piece> = Vec::new();
    for row in inspection.package.bytes.iter().filter(|row| wanted(row.kind) && row.bytes > 0) {
        let name = weights::kind_name(row.kind);
        match pieces.iter_mut().find(|piece| piece.label == name) {
            Some(piece) => *piece = Piece::plain(name, piece.bytes.saturating_add(row.bytes)),
            None => pieces.push(Piece::plain(name, row.bytes)),
        }
    }
    pieces
}

/// See [`super::Query::Treemap`].
pub(super) fn draw(inspection: &Inspection, by: SplitBy, at: &str, width: u32) -> Picture {
    let mut pieces = match by {
        SplitBy::Layer => layers(inspection, at),
        SplitBy::Role => {
            let mut roles = of_kinds(inspection, is_weight);
            // Their colours are those of no encoding: they only tell neighbours apart.
            for (idx, piece) in roles.iter_mut().enumerate() {
                piece.inks = [0; INKS.len()];
                if let Some(ink) = piece.inks.get_mut(idx.min(INKS.len() - 2)) {
                    *ink = piece.bytes;
                }
            }
            roles
        }
        SplitBy::Encoding => Vec::new(),
    };
    let labels: Vec<String> = match by {
        SplitBy::Layer | SplitBy::Role => Vec::new(),
        SplitBy::Encoding => {
            inspection.package.model.weights.iter().map(|weight| weight.encoding.label(weight.dtype)).collect()
        }
    };
    let mut encodings: BTreeMap<&str, Piece> = BTreeMap::new();
    for (idx, label) in labels.iter().enumerate() {
        let piece = encodings.entry(label).or_insert_with(|| Piece::new(label));
        piece.leads = Leads::Row(label.clone());
        piece.add(inspection, idx);
    }
    pieces.extend(encodings.into_values());
    if at.is_empty() {
        pieces.extend(of_kinds(inspection, |kind| !is_weight(kind)));
    }
    // Equals stay in the order of the file, which is mostly the order of the layers.
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.bytes));
    let total = pieces.iter().fold(0_u64, |sum, piece| sum.saturating_add(piece.bytes));
    let mut keys: Vec<(Ink, String)> = Vec::new();
    if by != SplitBy::Role {
        for (idx, (ink, name)) in INKS.iter().enumerate() {
            if pieces.iter().any(|piece| piece.bytes > 0 && piece.ink() == idx) {
                keys.push((*ink, (*name).to_owned()));
            }
        }
    }
    let name = shown(&inspection.package.name);
    let frame = Frame {
        id: "bytes".to_owned(),
        title: words::title(&if at.is_empty() { name.clone() } else { shown(at) }),
        description: String::new(),
        width,
    };
    let mut trail = vec![(name, String::new())];
    if by == SplitBy::Layer {
        trail.extend(steps(inspection, at));
    }
    Picture { svg: treemap(&frame, &tiles(&pieces, total)), keys, table: table(&pieces, total), trail }
}

fn tiles(pieces: &[Piece], total: u64) -> Vec<Tile> {
    let text = |bytes: u64| format!("{}, {}", si_bytes(Bytes::new(bytes)), share(bytes, total));
    let tile = |piece: &Piece| Tile {
        label: shown(piece.label),
        text: text(piece.bytes),
        value: piece.bytes as f64,
        ink: INKS.get(piece.ink()).map_or(Ink::Plain, |(ink, _)| *ink),
        leads: piece.leads.clone(),
    };
    let drawn: Vec<&Piece> = pieces.iter().filter(|piece| piece.bytes > 0).collect();
    let n = if drawn.len() > TILES { TILES - 1 } else { drawn.len() };
    let mut tiles: Vec<Tile> = drawn.iter().take(n).map(|piece| tile(piece)).collect();
    let rest = drawn.get(n..).unwrap_or_default();
    if !rest.is_empty() {
        let bytes = rest.iter().fold(0_u64, |sum, piece| sum.saturating_add(piece.bytes));
        tiles.push(Tile {
            label: words::smaller(&thousands(rest.len() as f64)),
            text: text(bytes),
            value: bytes as f64,
            ink: Ink::Series5,
            leads: Leads::Nowhere,
        });
    }
    tiles
}

fn share(bytes: u64, total: u64) -> String {
    if total == 0 { "–".to_owned() } else { percent(bytes as f64 / total as f64) }
}

fn table(pieces: &[Piece], total: u64) -> Table {
    let row = |piece: &Piece| {
        let bits = match piece.n_elements {
            0 => "–".to_owned(),
            n => number(piece.bytes as f64 * 8.0 / n as f64),
        };
        vec![
            shown(piece.label),
            si_bytes(Bytes::new(piece.bytes)),
            share(piece.bytes, total),
            if piece.n_weights > 0 { thousands(piece.n_weights as f64) } else { "–".to_owned() },
            bits,
        ]
    };
    Table {
        head: [words::PART, words::SIZE, words::SHARE, words::WEIGHTS, words::BITS].map(str::to_owned).to_vec(),
        rows: pieces.iter().take(ROWS).map(row).collect(),
    }
}

/// The parts of the weights whose names begin with `at`.
fn layers<'a>(inspection: &'a Inspection, at: &str) -> Vec<Piece<'a>> {
    let start = common(inspection, at).map_or(at.len(), str::len);
    let mut found: Vec<(&str, &str, Piece)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (idx, weight) in inspection.package.model.weights.iter().enumerate() {
        let name = weight.name.as_str();
        if !begins(name, at) {
            continue;
        }
        let key = name.get(..next_cut(name, start)).unwrap_or(name);
        let place = *places.entry(key).or_insert(found.len());
        if place == found.len() {
            found.push((key, name, Piece::new(name)));
        }
        if let Some((_, shared, piece)) = found.get_mut(place) {
            *shared = shared_start(shared, name);
            piece.add(inspection, idx);
        }
    }
    let finish = |(_, shared, mut piece): (&'a str, &'a str, Piece<'a>)| {
        let (label, leads) = match piece.n_weights {
            1 => (piece.label, Leads::Row(piece.label.to_owned())),
            // Weights of the same name cannot be told apart by it.
            _ if shared.len() <= start => (piece.label, Leads::Row(piece.label.to_owned())),
            _ => (shared, Leads::Inside(shared.to_owned())),
        };
        piece.label = after(label, start);
        piece.leads = leads;
        piece
    };
    found.into_iter().map(finish).collect()
}

const SEPARATORS: [char; 4] = ['_', '.', '/', ':'];

/// Whether a name is `at`, or goes on after it at a separator.
fn begins(name: &str, at: &str) -> bool {
    name.strip_prefix(at).is_some_and(|rest| at.is_empty() || rest.is_empty() || rest.starts_with(SEPARATORS))
}

/// What a name says beyond its first `start` bytes, which are said above the picture. A number keeps the word it counts:
/// `layers_0`, not `0`.
fn after(name: &str, start: usize) -> &str {
    let known = name.get(..start).unwrap_or_default();
    let rest = name.get(start..).unwrap_or_default().trim_start_matches(SEPARATORS);
    match rest.as_bytes().first() {
        None => name,
        Some(first) if first.is_ascii_digit() => {
            let word = known.trim_end_matches(SEPARATORS);
            name.get(word.rfind(SEPARATORS).map_or(0, |at| at + 1)..).unwrap_or(rest)
        }
        Some(_) => rest,
    }
}

/// The end of the first word of a name after `start`.
fn next_cut(name: &str, start: usize) -> usize {
    let rest = name.get(start..).unwrap_or_default();
    let word = rest.trim_start_matches(SEPARATORS);
    let skipped = rest.len() - word.len();
    word.find(SEPARATORS).map_or(name.len(), |at| start + skipped + at)
}

/// The words that two names begin with.
fn shared_start<'a>(a: &'a str, b: &str) -> &'a str {
    let mut end = 0;
    while end < a.len() {
        let next = next_cut(a, end);
        if next <= end || next_cut(b, end) != next || a.get(..next) != b.get(..next) {
            break;
        }
        end = next;
    }
    a.get(..end).unwrap_or_default()
}

/// The longest beginning that all weights under `at` share, when they are several.
fn common<'a>(inspection: &'a Inspection, at: &str) -> Option<&'a str> {
    let names = inspection.package.model.weights.iter().map(|weight| weight.name.as_str());
    let mut names = names.filter(|name| begins(name, at));
    let first = names.next()?;
    let second = names.next()?;
    let shared = names.fold(shared_start(first, second), shared_start);
    (shared.len() > at.len()).then_some(shared)
}

/// The way down to `at`: every beginning where names part.
fn steps(inspection: &Inspection, at: &str) -> Vec<(String, String)> {
    /// Nobody follows more; a name may have a million words.
    const MOST: usize = 12;
    let mut steps = Vec::new();
    let mut from = String::new();
    while from.len() < at.len() && steps.len() < MOST {
        let start = common(inspection, &from).map_or(from.len(), str::len);
        let mut next = at.get(..next_cut(at, start)).unwrap_or(at).to_owned();
        if let Some(whole) = common(inspection, &next) {
            next = whole.to_owned();
        }
        if next.len() <= from.len() || next.len() > at.len() {
            next = at.to_owned();
        }
        steps.push((shown(after(&next, start)), next.clone()));
        from = next;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_at_their_words() {
        let check = |a, b, expected: &str| assert_eq!(shared_start(a, b), expected);
        check("model_layers_1_x", "model_layers_10_x", "model_layers");
        check("a.b.c", "a.b.d", "a.b");
        check("a", "a", "a");
        check("a_b", "a", "a");
        check("x", "y", "");
        check("é_1", "é_2", "é");
        check("__a", "__b", "");
    }

    #[test]
    fn a_beginning_ends_at_a_word() {
        let check = |name, at, expected| assert_eq!(begins(name, at), expected, "{name} {at}");
        check("layers_10_w", "layers_1", false);
        check("layers_1_w", "layers_1", true);
        check("layers_1", "layers_1", true);
        check("anything", "", true);
    }
}
