//! The weights of a package row by row, and the bytes of its files by purpose.
//!
//! Invariants: the stored bytes of all rows sum to what the weight files and the specification hold for weights, each
//! stored blob once; what several rows or functions share says so. Absent on purpose: drawing.

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    format::{ByteKind, Package},
    model::{Def, Encoding, Granularity, PartRole, Place, Weight},
    texts::bytes as text,
};

/// One stored weight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightRow {
    /// The MIL name, or layer and parameter.
    pub name: String,
    /// The operation and parameter that read it first: `linear.weight`; empty when nothing reads it.
    pub used_by: String,
    /// Operations that read it, over all functions.
    pub n_readers: u32,
    /// Functions that read it.
    pub functions: Vec<String>,
    /// Logical shape.
    pub shape: Vec<u64>,
    /// Logical element type.
    pub dtype: &'static str,
    /// `fp16`, `lut4`, `int4-block32` …
    pub encoding: String,
    /// The same in numbers.
    pub how: How,
    /// Logical elements.
    pub elements: u64,
    /// Bytes of values or indices.
    pub value_bytes: u64,
    /// Bytes of lookup tables.
    pub table_bytes: u64,
    /// Bytes of scales, zero points and offsets.
    pub scale_bytes: u64,
    /// Bytes of the bit mask.
    pub mask_bytes: u64,
    /// Sum of the four.
    pub stored_bytes: u64,
    /// Stored bits for each logical element; `null` for a weight without elements.
    pub bits_per_weight: Option<f64>,
    /// Rows that share a blob with this one.
    pub shares_with: u32,
    /// Where its values are: a path, or `null` when they are in the specification.
    pub file: Option<String>,
    /// Offset of the record of its values in that file.
    pub offset: Option<u64>,
}

/// The numbers of an encoding; whatever does not apply is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct How {
    /// Bits of a stored element or index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// Lookup tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<u64>,
    /// Elements that one index stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<u32>,
    /// Elements that share a scale along the input channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u32>,
    /// Share of zeros that are not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<f64>,
}

impl How {
    fn of(encoding: &Encoding, bits: Option<u32>) -> Self {
        match encoding {
            Encoding::Dense | Encoding::Other => Self { bits, ..Self::default() },
            Encoding::Palettized { bits, tables, vector, .. } => {
                Self { bits: Some(*bits), tables: Some(*tables), vector: Some(*vector), ..Self::default() }
            }
            Encoding::Linear { bits, granularity } => {
                let block = match granularity {
                    Granularity::PerBlock(size) => Some(*size),
                    Granularity::PerTensor | Granularity::PerChannel => None,
                };
                Self { bits: Some(*bits), block, ..Self::default() }
            }
            // Zeros in zeros are no encoding that exists: one step down is enough.
            Encoding::Sparse { values, sparsity } => {
                let inner = match values.as_ref() {
                    Encoding::Sparse { .. } => Self::default(),
                    other => Self::of(other, bits),
                };
                Self { sparsity: Some(*sparsity), ..inner }
            }
        }
    }
}

/// Who reads the weights of a package.
struct Readers {
    /// By weight: how many operations, and which functions.
    by_weight: Vec<(u32, Vec<u32>)>,
    /// Rows that have a part at a place.
    by_place: HashMap<(u32, u64), u32>,
}

impl Readers {
    fn of(package: &Package) -> Self {
        let model = &package.model;
        let mut by_weight: Vec<(u32, Vec<u32>)> = vec![(0, Vec::new()); model.weights.len()];
        for (at, function) in (0..).zip(&model.functions) {
            function.visit(&mut |_, op| {
                for value in op.inputs.iter().flat_map(|(_, values)| values) {
                    let Some(Def::Weight(id)) = function.value(*value).map(|value| &value.def) else { continue };
                    if let Some((n, functions)) = by_weight.get_mut(id.0 as usize) {
                        *n = n.saturating_add(1);
                        if functions.last() != Some(&at) {
                            functions.push(at);
                        }
                    }
                }
            });
        }
        let mut by_place = HashMap::new();
        for weight in &model.weights {
            let mut own: Vec<(u32, u64)> = weight.parts.iter().filter_map(|part| place(&part.place)).collect();
            own.sort_unstable();
            own.dedup();
            for key in own {
                *by_place.entry(key).or_insert(0) += 1;
            }
        }
        Self { by_weight, by_place }
    }
}

fn place(place: &Place) -> Option<(u32, u64)> {
    match place {
        Place::Blob { file, offset } => Some((*file, *offset)),
        Place::Inline | Place::Planned => None,
    }
}

/// Every stored weight, in the order of the table.
#[must_use]
pub fn rows(package: &Package) -> Vec<WeightRow> {
    let readers = Readers::of(package);
    let weights = package.model.weights.iter().enumerate();
    weights.map(|(at, weight)| row(package, &readers, at, weight)).collect()
}

fn row(package: &Package, readers: &Readers, at: usize, weight: &Weight) -> WeightRow {
    let model = &package.model;
    let bytes = |roles: &[PartRole]| -> u64 {
        let parts = weight.parts.iter().filter(|part| roles.contains(&part.role));
        parts.map(|part| part.bytes).fold(0, u64::saturating_add)
    };
    let value_bytes = bytes(&[PartRole::Data]);
    let table_bytes = bytes(&[PartRole::Table]);
    let scale_bytes = bytes(&[PartRole::Scale, PartRole::Offset]);
    let mask_bytes = bytes(&[PartRole::Mask]);
    let stored_bytes = [value_bytes, table_bytes, scale_bytes, mask_bytes].into_iter().fold(0, u64::saturating_add);
    let elements = weight.elements();
    let (n_readers, functions) = readers.by_weight.get(at).cloned().unwrap_or_default();
    let name_of = |at: &u32| model.functions.get(*at as usize).map(|function| function.name.clone());
    let data = weight.parts.iter().find(|part| part.role == PartRole::Data).and_then(|part| place(&part.place));
    let shared = weight.parts.iter().filter_map(|part| place(&part.place));
    let shared = shared.filter_map(|key| readers.by_place.get(&key)).max().copied().unwrap_or(1);
    WeightRow {
        name: weight.name.clone(),
        used_by: weight
            .consumer
            .as_ref()
            .map_or_else(String::new, |consumer| format!("{}.{}", model.op_name(consumer.op), consumer.param)),
        n_readers,
        functions: functions.iter().filter_map(name_of).collect(),
        shape: weight.shape.clone(),
        dtype: weight.dtype.name(),
        encoding: weight.encoding.label(weight.dtype),
        how: How::of(&weight.encoding, weight.dtype.bits()),
        elements,
        value_bytes,
        table_bytes,
        scale_bytes,
        mask_bytes,
        stored_bytes,
        bits_per_weight: (elements > 0).then(|| stored_bytes as f64 * 8.0 / elements as f64),
        shares_with: shared.saturating_sub(1),
        file: data.and_then(|(file, _)| package.files.get(file as usize)).map(|file| file.path.clone()),
        offset: data.map(|(_, offset)| offset),
    }
}

/// The id of a kind of bytes in documents.
#[must_use]
pub fn kind_id(kind: ByteKind) -> &'static str {
    match kind {
        ByteKind::Values => "values",
        ByteKind::Tables => "tables",
        ByteKind::Scales => "scales",
        ByteKind::Offsets => "offsets",
        ByteKind::Masks => "masks",
        ByteKind::Headers => "headers",
        ByteKind::Padding => "padding",
        ByteKind::Graph => "graph",
        ByteKind::Description => "description",
        ByteKind::Learned => "learned",
        ByteKind::Manifest => "manifest",
        ByteKind::Metadata => "metadata",
        ByteKind::Unreferenced => "unreferenced",
    }
}

/// What a kind of bytes is called.
#[must_use]
pub fn kind_name(kind: ByteKind) -> &'static str {
    match kind {
        ByteKind::Values => text::VALUES,
        ByteKind::Tables => text::TABLES,
        ByteKind::Scales => text::SCALES,
        ByteKind::Offsets => text::OFFSETS,
        ByteKind::Masks => text::MASKS,
        ByteKind::Headers => text::HEADERS,
        ByteKind::Padding => text::PADDING,
        ByteKind::Graph => text::GRAPH,
        ByteKind::Description => text::DESCRIPTION,
        ByteKind::Learned => text::LEARNED,
        ByteKind::Manifest => text::MANIFEST,
        ByteKind::Metadata => text::METADATA,
        ByteKind::Unreferenced => text::UNREFERENCED,
    }
}
