//! `constexpr_*` operations: what a compressed weight is made of.
//!
//! A weight is a tree of these operations (a table that is itself quantized, a mask around a palette). Its parts are the
//! distinct leaves of the tree; its encoding is read off the root.

use crate::model::{DType, Dim, Encoding, Granularity, OpKind, Part, PartRole, Place, TensorType, Weight};

use super::value::Parsed;

/// A `constexpr_*` operation with what it has taken in so far.
#[derive(Clone, Debug)]
pub(super) struct Node {
    kind: OpKind,
    parts: Vec<Part>,
    /// Elements and element type of the values or indices.
    data: Option<(u64, DType, Vec<u64>)>,
    table: Option<Vec<u64>>,
    int8_table: bool,
    scale: Option<Vec<u64>>,
    nonzero: Option<u64>,
    inner: Option<Encoding>,
}

/// What a parameter is for; `None` for those that store nothing (`axis`, `shape`, `output_dtype` …).
pub(super) fn role(name: &str) -> Option<PartRole> {
    match name {
        "quantized_data" | "indices" | "nonzero_data" | "data" | "source_val" | "indices_nonzero_data" => {
            Some(PartRole::Data)
        }
        "lut" => Some(PartRole::Table),
        "scale" => Some(PartRole::Scale),
        "zero_point" | "offset" => Some(PartRole::Offset),
        "mask" | "indices_mask" | "data_mask" => Some(PartRole::Mask),
        _ => None,
    }
}

pub(super) fn shape_of(tensor: Option<&TensorType>) -> Vec<u64> {
    let dims = tensor.map(|tensor| tensor.shape.as_slice()).unwrap_or_default();
    dims.iter().map(|dim| if let Dim::Fixed(size) = dim { *size } else { 1 }).collect()
}

impl Node {
    pub(super) fn new(kind: OpKind) -> Self {
        Self {
            kind,
            parts: Vec::new(),
            data: None,
            table: None,
            int8_table: false,
            scale: None,
            nonzero: None,
            inner: None,
        }
    }

    /// A parameter written in place or in a weight file.
    pub(super) fn take(&mut self, name: &str, held: &Parsed, part: Option<Part>) {
        let dtype = held.tensor().map_or(DType::Unknown, |tensor| tensor.dtype);
        self.note(name, held.elements(), dtype, shape_of(held.tensor()));
        self.keep(part);
    }

    /// A parameter that is the result of another `constexpr_*`.
    pub(super) fn take_node(&mut self, name: &str, inner: &Self) {
        match role(name) {
            Some(PartRole::Table) => {
                self.table = inner.data.as_ref().map(|(_, _, shape)| shape.clone());
                self.int8_table = true;
            }
            Some(PartRole::Data) => {
                self.inner = Some(inner.encoding(&[]));
                if self.nonzero.is_none() {
                    self.nonzero = inner.data.as_ref().map(|(elements, _, _)| *elements);
                }
            }
            Some(PartRole::Scale | PartRole::Offset | PartRole::Mask) | None => {}
        }
        for part in &inner.parts {
            let mut part = part.clone();
            if self.int8_table && role(name) == Some(PartRole::Table) && part.role == PartRole::Data {
                part.role = PartRole::Table;
            }
            self.keep(Some(part));
        }
    }

    /// A parameter that is a plain stored constant.
    pub(super) fn take_weight(&mut self, name: &str, weight: &Weight) {
        self.note(name, weight.elements(), weight.dtype, weight.shape.clone());
        if let Some(role) = role(name) {
            for part in &weight.parts {
                self.keep(Some(Part { role, ..part.clone() }));
            }
        }
    }

    fn note(&mut self, name: &str, elements: u64, dtype: DType, shape: Vec<u64>) {
        match name {
            "nonzero_data" | "indices_nonzero_data" => {
                self.nonzero = Some(elements);
                self.data = Some((elements, dtype, shape));
            }
            "lut" => self.table = Some(shape),
            "scale" => self.scale = Some(shape),
            _ if role(name) == Some(PartRole::Data) => self.data = Some((elements, dtype, shape)),
            _ => {}
        }
    }

    /// The same blob is often read by two operations of a chain; it is stored once.
    fn keep(&mut self, part: Option<Part>) {
        if let Some(part) = part {
            let is_known =
                matches!(part.place, Place::Blob { .. }) && self.parts.iter().any(|known| known.place == part.place);
            let is_twin = part.place == Place::Inline
                && part.role == PartRole::Mask
                && self.parts.iter().any(|known| known.role == PartRole::Mask && known.bytes == part.bytes);
            if !is_known && !is_twin {
                self.parts.push(part);
            }
        }
    }

    /// The weight that a result of this operation is.
    pub(super) fn weight(&self, name: String, tensor: Option<&TensorType>) -> Weight {
        let shape = shape_of(tensor);
        Weight {
            name,
            encoding: self.encoding(&shape),
            dtype: tensor.map_or(DType::Unknown, |tensor| tensor.dtype),
            shape,
            parts: self.parts.clone(),
            copies: 1,
            consumer: None,
        }
    }

    fn encoding(&self, shape: &[u64]) -> Encoding {
        match self.kind {
            OpKind::ConstexprAffineDequantize => {
                let per_tensor = self.scale.as_ref().is_none_or(|scale| scale.iter().product::<u64>() <= 1);
                Encoding::Linear {
                    bits: 8,
                    granularity: if per_tensor { Granularity::PerTensor } else { Granularity::PerChannel },
                }
            }
            OpKind::ConstexprBlockwiseShiftScale | OpKind::ConstexprSparseBlockwiseShiftScale => {
                let bits = self.data.as_ref().and_then(|(_, dtype, _)| dtype.bits()).unwrap_or(8);
                Encoding::Linear { bits, granularity: self.blocks(shape) }
            }
            OpKind::ConstexprLutToDense | OpKind::ConstexprLutToSparse => self.palette(),
            OpKind::ConstexprSparseToDense => {
                let whole: u64 = shape.iter().fold(1, |product, size| product.saturating_mul(*size));
                let left = self.nonzero.unwrap_or(whole);
                let sparsity = if whole > 0 { 1.0 - left.min(whole) as f64 / whole as f64 } else { 0.0 };
                Encoding::Sparse { values: Box::new(self.inner.clone().unwrap_or(Encoding::Dense)), sparsity }
            }
            _ => Encoding::Other,
        }
    }

    /// Up to iOS 17 one table with packed indices; from iOS 18 tables of [groups…, entries, vector].
    fn palette(&self) -> Encoding {
        let table = self.table.as_deref().unwrap_or_default();
        let (entries, vector, tables) = match table {
            [entries] => (*entries, 1, 1),
            [groups @ .., entries, vector] => {
                (*entries, *vector, groups.iter().fold(1, |product: u64, size| product.saturating_mul(*size)))
            }
            [] => (0, 1, 1),
        };
        let bits = if entries > 1 { 64 - (entries - 1).leading_zeros() } else { 1 };
        let vector = u32::try_from(vector).unwrap_or(u32::MAX).max(1);
        Encoding::Palettized { bits, tables: tables.max(1), vector, int8_table: self.int8_table }
    }

    /// What shares a scale, from the shapes of scale and data.
    fn blocks(&self, output: &[u64]) -> Granularity {
        let own = self.data.as_ref().map(|(_, _, shape)| shape.as_slice()).unwrap_or_default();
        // The values of a sparse weight are a list; its shape is the result's.
        let shape = if own.len() == output.len() { own } else { output };
        let scale = self.scale.as_deref().unwrap_or_default();
        if scale.iter().all(|size| *size <= 1) {
            return Granularity::PerTensor;
        }
        let mut block = 0;
        for (data, scale) in shape.iter().zip(scale) {
            if *scale > 1 && *scale < *data && data % scale == 0 {
                block = data / scale;
            }
        }
        match u32::try_from(block) {
            Ok(block) if block > 1 => Granularity::PerBlock(block),
            _ => Granularity::PerChannel,
        }
    }
}
