//! A package in a few lines: what it is, what is odd about it, what a call takes, and what it is made of.

use super::{
    Inspection,
    listing::{self, Kinds, listing, shown},
    query::{Fact, KindCount, ListingKind, Summary},
};
use crate::{
    chart::Table,
    report::inspect::{self, DimDocument, InspectDocument, clean},
    units::{
        Bytes,
        format::{number, si_bytes, thousands},
    },
};

/// See [`super::Query::Summary`].
pub(super) fn summary(inspection: &Inspection) -> Summary {
    let document = inspect::document(&inspection.package);
    let kinds = Kinds::new(inspection);
    let most = kinds.rows.first().map_or(1, |(_, n, _)| (*n).max(1));
    let bar = |(name, n, _): &(&str, u64, u64)| KindCount {
        name: shown(name),
        count: thousands(*n as f64),
        permille: u32::try_from(n.saturating_mul(1000) / most).unwrap_or(1000),
    };
    let listings = ListingKind::ALL.iter().map(|kind| listing::head(*kind, listing(inspection, *kind).len()));
    let mut warnings: Vec<String> = document.warnings.iter().map(|warning| clean(warning)).collect();
    if document.unaccounted_bytes > 0 {
        let bytes = si_bytes(Bytes::new(document.unaccounted_bytes));
        warnings.push(format!("{bytes} of the package are named by nothing in its specification"));
    }
    Summary {
        name: shown(&document.name),
        line: format!(
            "{}, {}, specification {} ({} and later), {}",
            document.format,
            shown(&document.model_type),
            document.spec_version,
            document.min_os,
            si_bytes(Bytes::new(document.total_bytes)),
        ),
        facts: facts(&document),
        warnings,
        interface: interface(&document),
        kinds: kinds.rows.iter().map(bar).collect(),
        listings: listings.collect(),
    }
}

fn facts(document: &InspectDocument) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String, note: String| {
        facts.push(Fact { name: name.to_owned(), value, note });
    };
    let files = document.files.len();
    let files = if files == 1 { "in one file".to_owned() } else { format!("in {} files", thousands(files as f64)) };
    fact("Type", shown(&document.model_type), format!("specification {}", document.spec_version));
    fact("Needs", document.min_os.to_owned(), "or later".to_owned());
    fact("Size", si_bytes(Bytes::new(document.total_bytes)), files);
    let weights = &document.weights;
    let tensors = if weights.n_tensors == 1 { "weight" } else { "weights" };
    let tensors = format!("{} {tensors}", thousands(weights.n_tensors as f64));
    fact("Weights", si_bytes(Bytes::new(weights.stored_bytes)), tensors);
    fact("Parameters", thousands(weights.n_params as f64), "each stored weight once".to_owned());
    if weights.n_params > 0 {
        let bytes = weights.stored_bytes.saturating_add(weights.inline_parameter_bytes);
        let bits = number(bytes as f64 * 8.0 / weights.n_params as f64);
        let encodings: Vec<&str> = weights.by_encoding.iter().map(|row| row.encoding.as_str()).take(3).collect();
        let more = if weights.by_encoding.len() > 3 { " and more" } else { "" };
        fact("Bits each", bits, encodings.join(", ") + more);
    }
    let n_ops: u64 = document.functions.iter().map(|function| function.n_ops).sum();
    let n_states: usize = document.functions.iter().map(|function| function.states.len()).sum();
    let functions = match document.functions.len() {
        1 => "one function".to_owned(),
        n => format!("{} functions", thousands(n as f64)),
    };
    let states = match n_states {
        0 => String::new(),
        1 => ", one state".to_owned(),
        n => format!(", {} states", thousands(n as f64)),
    };
    fact("Operations", thousands(n_ops as f64), functions + &states);
    facts
}

fn interface(document: &InspectDocument) -> Table {
    /// The rest is in the exports.
    const ROWS: usize = 500;
    let mut rows = Vec::new();
    for function in &document.functions {
        let kinds = [("input", &function.inputs), ("output", &function.outputs), ("state", &function.states)];
        for (kind, features) in kinds {
            rows.extend(features.iter().take(ROWS.saturating_sub(rows.len())).map(|feature| {
                let dims: Vec<String> = feature.shape.iter().map(DimDocument::to_string).collect();
                let row = [&feature.name, kind, &feature.dtype, &dims.join(" × "), &function.name];
                row.map(shown).to_vec()
            }));
        }
    }
    Table { head: ["name", "kind", "type", "shape", "function"].map(str::to_owned).to_vec(), rows }
}
