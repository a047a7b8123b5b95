//! A package in a few lines: what it is, what is odd about it, what a call takes, and what it is made of.

use super::{
    Inspection,
    listing::{self, Kinds, listing, shown},
    query::{Fact, KindCount, ListingKind, Summary},
};
use crate::{
    chart::Table,
    report::inspect::{self, DimDocument, InspectDocument, clean},
    texts::summary as text,
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
        warnings.push(text::unnamed_bytes(&bytes));
    }
    Summary {
        name: shown(&document.name),
        line: text::line(
            document.format,
            &shown(&document.model_type),
            &document.spec_version.to_string(),
            document.min_os,
            &si_bytes(Bytes::new(document.total_bytes)),
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
    let files = if files == 1 { text::ONE_FILE.to_owned() } else { text::files(&thousands(files as f64)) };
    fact(text::KIND, shown(&document.model_type), text::specification(&document.spec_version.to_string()));
    fact(text::NEEDS, document.min_os.to_owned(), text::OR_LATER.to_owned());
    fact(text::SIZE, si_bytes(Bytes::new(document.total_bytes)), files);
    let weights = &document.weights;
    let tensors = if weights.n_tensors == 1 { text::one_weight } else { text::n_weights };
    let tensors = tensors(&thousands(weights.n_tensors as f64));
    fact(text::WEIGHTS, si_bytes(Bytes::new(weights.stored_bytes)), tensors);
    fact(text::PARAMETERS, thousands(weights.n_params as f64), text::STORED_ONCE.to_owned());
    if weights.n_params > 0 {
        let bytes = weights.stored_bytes.saturating_add(weights.inline_parameter_bytes);
        let bits = number(bytes as f64 * 8.0 / weights.n_params as f64);
        let encodings: Vec<&str> = weights.by_encoding.iter().map(|row| row.encoding.as_str()).take(3).collect();
        let encodings = encodings.join(", ");
        let more = weights.by_encoding.len() > 3;
        fact(text::BITS, bits, if more { text::more_encodings(&encodings) } else { encodings });
    }
    let n_ops: u64 = document.functions.iter().map(|function| function.n_ops).sum();
    let n_states: usize = document.functions.iter().map(|function| function.states.len()).sum();
    let functions = match document.functions.len() {
        1 => text::ONE_FUNCTION.to_owned(),
        n => text::functions(&thousands(n as f64)),
    };
    let functions = match n_states {
        0 => functions,
        1 => text::one_state(&functions),
        n => text::states(&functions, &thousands(n as f64)),
    };
    fact(text::OPERATIONS, thousands(n_ops as f64), functions);
    facts
}

fn interface(document: &InspectDocument) -> Table {
    /// The rest is in the exports.
    const ROWS: usize = 500;
    let mut rows = Vec::new();
    for function in &document.functions {
        let kinds =
            [(text::INPUT, &function.inputs), (text::OUTPUT, &function.outputs), (text::STATE, &function.states)];
        for (kind, features) in kinds {
            rows.extend(features.iter().take(ROWS.saturating_sub(rows.len())).map(|feature| {
                let dims: Vec<String> = feature.shape.iter().map(DimDocument::to_string).collect();
                let row = [&feature.name, kind, &feature.dtype, &dims.join(" × "), &function.name];
                row.map(shown).to_vec()
            }));
        }
    }
    Table {
        head: [text::HEAD_NAME, text::HEAD_KIND, text::HEAD_TYPE, text::HEAD_SHAPE, text::HEAD_FUNCTION]
            .map(str::to_owned)
            .to_vec(),
        rows,
    }
}
