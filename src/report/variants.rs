//! The list of variants: `planner variants`, as a document and as a table.

use serde::Serialize;

use crate::variant::{Compression, EVERY, GgufType, MinSpec, Precision, Runtime, ScaleScope, TableScope, Variant};

/// Version of the document.
pub const SCHEMA: &str = "coreml-planner/variants/1";

/// Every variant, with what a person needs to choose one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// In the order in which they are shown.
    pub variants: Vec<Row>,
}

/// One variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its id in links and on the command line.
    pub id: String,
    /// What a person calls it.
    pub label: String,
    /// The software that runs it.
    pub runtime: &'static str,
    /// The type it computes in.
    pub precision: &'static str,
    /// What is done to the weights.
    pub compression: &'static str,
    /// The oldest systems, `iOS 16, macOS 13`; empty when the runtime decides.
    pub min_os: String,
    /// What to know before choosing it.
    pub note: &'static str,
}

/// The document.
#[must_use]
pub fn document() -> Document {
    Document { schema: SCHEMA, variants: EVERY.iter().map(row).collect() }
}

/// The table: a line for each variant under a head line, columns apart by two spaces.
#[must_use]
pub fn table() -> String {
    let rows: Vec<Row> = EVERY.iter().map(row).collect();
    let cells = |row: &Row| [row.id.clone(), row.label.clone(), row.runtime.to_owned(), row.min_os.clone()];
    let mut lines = vec![["id".to_owned(), "variant".to_owned(), "runtime".to_owned(), "needs".to_owned()]];
    lines.extend(rows.iter().map(cells));
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let mut out = String::new();
    for line in &lines {
        let mut text = String::new();
        for (cell, width) in line.iter().zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

/// The oldest systems in words.
#[must_use]
pub fn min_os(min: MinSpec) -> String {
    if min.ios == 0 { String::new() } else { format!("iOS {}, macOS {}", min.ios, min.macos) }
}

/// A variant as a terminal and its document have it.
fn row(variant: &Variant) -> Row {
    Row {
        id: variant.id(),
        label: variant.label(),
        runtime: match variant.runtime {
            Runtime::CoreMl => "Core ML",
            Runtime::LlamaCpp => "llama.cpp",
            Runtime::Mlx => "MLX",
        },
        precision: match variant.precision {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
            Precision::W8A8 => "int8",
        },
        compression: match variant.compression {
            Compression::None => "none",
            Compression::Palettized { .. } => "palettized",
            Compression::Linear { .. } => "linear",
            Compression::Sparse { .. } => "sparse",
            Compression::SparsePalettized { .. } => "sparse + palettized",
            Compression::Gguf(_) => "gguf",
            Compression::MlxGroup { .. } => "mlx",
        },
        min_os: min_os(variant.min_spec()),
        note: note(variant),
    }
}

/// One sentence on what decides for or against a variant, for a terminal and its document.
fn note(variant: &Variant) -> &'static str {
    match variant.compression {
        Compression::None => match variant.precision {
            Precision::Fp32 => "Never on the Neural Engine.",
            Precision::Fp16 => "The default of coremltools.",
            Precision::W8A8 => "Only activations are quantized; the weights stay fp16.",
        },
        Compression::Palettized { bits, scope, vector } => {
            if vector > 1 {
                "One index stands for several weights; newer Neural Engines only."
            } else {
                match (bits, scope) {
                    (8, _) => "As good as fp16 in published tests.",
                    (6, _) => "Usually as good as fp16; check language models.",
                    (4, TableScope::PerTensor) => "Loses accuracy without calibration.",
                    (4, TableScope::PerGroupedChannel(_)) => "The usual 4-bit choice for the Neural Engine.",
                    (3, _) => "Needs calibration.",
                    _ => "Needs training with compression.",
                }
            }
        }
        Compression::Linear { bits, scope } => match (variant.precision, scope) {
            (Precision::W8A8, _) => "Faster arithmetic on A17 Pro, M4 and later; needs calibration data.",
            (Precision::Fp32 | Precision::Fp16, ScaleScope::PerBlock(_)) => "Meant for the GPU of a Mac.",
            (Precision::Fp32 | Precision::Fp16, ScaleScope::PerChannel) if bits < 8 => {
                "Loses accuracy without calibration."
            }
            (Precision::Fp32 | Precision::Fp16, ScaleScope::PerTensor | ScaleScope::PerChannel) => {
                "As good as fp16 in most published tests."
            }
        },
        Compression::Sparse { .. } => "Needs a model that was trained to be sparse.",
        Compression::SparsePalettized { .. } => {
            "Needs a model that was trained to be sparse; slower than tables alone."
        }
        Compression::Gguf(GgufType::F16) => "GPU; matrices in F16, vectors in F32.",
        Compression::Gguf(GgufType::Q8_0) => "GPU; 8.5 bits for each weight.",
        Compression::Gguf(GgufType::Q4KM) => {
            "GPU; 4.5 bits, and 6.6 for the head and half of the value and down projections."
        }
        Compression::MlxGroup { .. } => "GPU; a scale and a bias for each group of weights in a row.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_every_variant_once_with_a_note() {
        let document = document();
        assert_eq!(document.variants.len(), EVERY.len());
        for row in &document.variants {
            assert!(!row.note.is_empty() && !row.label.is_empty());
            assert_eq!(row.min_os.is_empty(), row.runtime != "Core ML");
        }
        let json = serde_json::to_string(&document).unwrap_or_default();
        assert!(json.contains(r#"{"id":"lut3","label":"3-bit palettized, per tensor","runtime":"Core ML","precision":"fp16","compression":"palettized","min_os":"iOS 18, macOS 15""#));
    }

    #[test]
    fn the_table_has_a_line_for_each_variant() {
        let table = table();
        assert_eq!(table.lines().count(), EVERY.len() + 1);
        assert!(table.lines().any(|line| line.starts_with("fp16  ") && line.ends_with("iOS 15, macOS 12")), "{table}");
    }
}
