//! An open package as the page shows it: a line that sums it up, tables, and what is odd about it.

use crate::{
    chart::Table,
    format::Package,
    units::{
        Bytes,
        format::{number, si_bytes, thousands},
    },
};

use super::inspect::{self, FeatureRow, FunctionRow, InspectDocument, WeightsSummary, clean};

/// A package, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageView {
    /// Its name.
    pub name: String,
    /// What it is, in one line.
    pub summary: String,
    /// Its tables, each with its title.
    pub tables: Vec<(String, Table)>,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

/// The view of a package.
#[must_use]
pub fn view(package: &Package) -> PackageView {
    let document = inspect::document(package);
    let mut tables = vec![("Interface".to_owned(), interface(&document.functions))];
    for function in document.functions.iter().filter(|function| function.n_ops > 0) {
        let n_ops = thousands(function.n_ops as f64);
        let title = if document.functions.len() > 1 {
            format!("Operations of {} by kind ({n_ops})", clean(&function.name))
        } else {
            format!("Operations by kind ({n_ops})")
        };
        tables.push((title, operations(function)));
    }
    tables.push(("Weights by encoding".to_owned(), weights(&document.weights)));
    tables.push(("Files".to_owned(), files(&document)));
    let mut warnings: Vec<String> = document.warnings.iter().map(|warning| clean(warning)).collect();
    if document.unaccounted_bytes > 0 {
        let bytes = si_bytes(Bytes::new(document.unaccounted_bytes));
        warnings.push(format!("{bytes} of the package are named by nothing in its specification"));
    }
    PackageView {
        name: clean(&document.name),
        summary: format!(
            "{}, {}, specification {} ({} and later), {}",
            document.format,
            clean(&document.model_type),
            document.spec_version,
            document.min_os,
            si_bytes(Bytes::new(document.total_bytes)),
        ),
        tables,
        warnings,
    }
}

fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn interface(functions: &[FunctionRow]) -> Table {
    let mut rows = Vec::new();
    for function in functions {
        let kinds = [("input", &function.inputs), ("output", &function.outputs), ("state", &function.states)];
        for (kind, features) in kinds {
            rows.extend(features.iter().map(|feature| {
                vec![
                    clean(&feature.name),
                    kind.to_owned(),
                    feature.dtype.clone(),
                    shape(feature),
                    clean(&function.name),
                ]
            }));
        }
    }
    Table { head: head(&["name", "kind", "type", "shape", "function"]), rows }
}

/// `1 × 3 × 224 × 224`.
fn shape(feature: &FeatureRow) -> String {
    let dims: Vec<String> = feature.shape.iter().map(ToString::to_string).collect();
    dims.join(" × ")
}

fn operations(function: &FunctionRow) -> Table {
    let mut ops: Vec<(&String, &u64)> = function.ops.iter().collect();
    ops.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let rows = ops.into_iter().map(|(name, n)| vec![clean(name), thousands(*n as f64)]).collect();
    Table { head: head(&["operation", "how many"]), rows }
}

fn weights(weights: &WeightsSummary) -> Table {
    let row = |name: &str, n_tensors: u64, n_params: u64, bytes: u64| {
        let bits = if n_params > 0 { number(bytes as f64 * 8.0 / n_params as f64) } else { "–".to_owned() };
        vec![
            name.to_owned(),
            thousands(n_tensors as f64),
            thousands(n_params as f64),
            si_bytes(Bytes::new(bytes)),
            bits,
        ]
    };
    let each = weights.by_encoding.iter();
    let mut rows: Vec<Vec<String>> =
        each.map(|one| row(&one.encoding, one.n_tensors, one.n_params, one.stored_bytes)).collect();
    rows.push(row("together", weights.n_tensors, weights.n_params, weights.stored_bytes));
    Table { head: head(&["encoding", "tensors", "parameters", "stored", "bits each"]), rows }
}

fn files(document: &InspectDocument) -> Table {
    let row = |path: &str, bytes: u64| vec![clean(path), si_bytes(Bytes::new(bytes))];
    let mut rows: Vec<Vec<String>> = document.files.iter().map(|file| row(&file.path, file.bytes)).collect();
    rows.push(row("together", document.total_bytes));
    Table { head: head(&["file", "size"]), rows }
}
