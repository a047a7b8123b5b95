//! Counts what a variant of a model stores.
//!
//! [`Storage::of`] reads the model once; [`Storage::store`] then costs arithmetic alone, so a whole matrix of variants is
//! cheap. Absent on purpose: values, so equal tensors count once for each row of the table.

use super::{
    Compression, GgufType, Precision, Variant,
    file::{ALIGN, File, GGUF_ALIGN, plain},
    gguf, mlx,
    row::{Dialect, Params, Row, Use, find_heads, number_layers},
    spec,
    stored::{Pieces, Reason, Stored, StoredAs, Touch},
};
use crate::{
    model::{Def, Model},
    units::{Bytes, Figure},
};

/// What one call of [`Storage::store`] gives, for those who need only one.
#[must_use]
pub fn store(variant: &Variant, model: &Model) -> Stored {
    Storage::of(model).store(variant)
}

/// A model, read for storing: rows with their consumers, and the size of the program.
pub struct Storage<'m> {
    rows: Vec<Row<'m>>,
    spec_version: u32,
    program: spec::Program,
    /// Rows of the largest embedding: the vocabulary.
    vocabulary: u64,
}

impl<'m> Storage<'m> {
    /// Reads a model.
    #[must_use]
    pub fn of(model: &'m Model) -> Self {
        let mut rows: Vec<Row<'m>> = model.weights.iter().map(Row::new).collect();
        let params = Params::of(&model.names);
        let mut program = spec::Program { from_file: model.spec_version > 0, ..spec::Program::default() };
        for function in &model.functions {
            let mut seen = vec![false; function.values.len()];
            function.visit(&mut |times, op| {
                if op.kind.is_constant() {
                    return;
                }
                program.note(function, op, times, (params.x, params.y), &mut seen);
                for (param, values) in &op.inputs {
                    for value in values {
                        let row = function.weight(*value).and_then(|id| rows.get_mut(id.0 as usize));
                        if let Some(row) = row {
                            row.note(op, *param, function, &params);
                        }
                    }
                }
            });
            let constant = |def: &Def| match def {
                Def::Const(_) | Def::Weight(_) => 1,
                Def::Input | Def::State | Def::Op => 0,
            };
            program.n_consts += function.values.iter().map(|value| constant(&value.def)).sum::<u64>();
        }
        for row in &mut rows {
            row.note_stated();
            row.usage = row.usage();
        }
        let vocabulary = rows.iter().filter(|row| row.looked_up).filter_map(|row| row.weight.shape.first()).max();
        let vocabulary = vocabulary.copied().unwrap_or(0);
        find_heads(&mut rows, vocabulary);
        number_layers(&mut rows);
        Self { rows, spec_version: model.spec_version, program, vocabulary }
    }

    /// Counts what a variant stores.
    #[must_use]
    pub fn store(&self, variant: &Variant) -> Stored {
        match variant.compression {
            Compression::Gguf(kind) => self.store_gguf(kind),
            Compression::MlxGroup { bits, group } => self.store_mlx(bits, group),
            Compression::None
            | Compression::Palettized { .. }
            | Compression::Linear { .. }
            | Compression::Sparse { .. }
            | Compression::SparsePalettized { .. } => self.store_core_ml(variant),
        }
    }

    fn store_core_ml(&self, variant: &Variant) -> Stored {
        let spec_version = self.spec_version.max(variant.min_spec().spec_version);
        let dialect = if spec_version >= 9 { Dialect::Inputs } else { Dialect::Attributes };
        let mut file = File::new(ALIGN, self.rows.len());
        let mut added = spec::Added::default();
        for row in &self.rows {
            let (stored_as, pieces, touch) = row.core_ml(variant, dialect);
            if touch == Touch::Compressed {
                added.note(stored_as, dialect, row.copies);
            }
            file.push(stored_as, pieces, touch, row);
        }
        if variant.precision == Precision::W8A8 {
            added.note_pairs(&self.program);
        }
        let spec_added = added.bytes();
        let inline = Figure::exact(Bytes::new(file.inline));
        let spec = self.program.bytes().plus(spec_added).plus(inline);
        let range = match variant.compression {
            // Equal values at the threshold are pruned too: real files are a little smaller (tests/variant_sizes.rs).
            Compression::Sparse { .. } | Compression::SparsePalettized { .. } => 0.01,
            Compression::None
            | Compression::Palettized { .. }
            | Compression::Linear { .. }
            | Compression::Gguf(_)
            | Compression::MlxGroup { .. } => 0.0,
        };
        file.finish(ALIGN, spec, spec_added, spec::MANIFEST_BYTES, range)
    }

    fn store_gguf(&self, kind: GgufType) -> Stored {
        let mut file = File::new(GGUF_ALIGN, self.rows.len());
        let mut names_known = false;
        for row in &self.rows {
            names_known |= row.sensitive != gguf::Sensitive::No;
            let types = gguf::types(row, kind, row.layers);
            let touch = match row.usage {
                Use::Vector => Touch::Left(Reason::OneDimensional),
                Use::Table | Use::Convolution => Touch::Left(Reason::UnsupportedConsumer),
                Use::Matrix | Use::Embedding | Use::TiedEmbedding => Touch::Compressed,
            };
            if row.usage == Use::Table {
                file.push_computed(row, touch);
            } else {
                let parts = types.map(|(kind, copies)| (StoredAs::Ggml(kind), gguf::pieces(row, kind), copies));
                file.push_parts(row, parts, touch);
            }
        }
        let header = spec::gguf_header(file.n_blobs, self.vocabulary);
        // Without names, the weights that get 6 bits in half of the layers are taken for 4-bit ones.
        let range = if kind == GgufType::Q4KM && !names_known { 0.1 } else { 0.0 };
        let mut stored = file.finish(0, header, Figure::exact(Bytes::ZERO), 0, 0.0);
        let high = Bytes::new(stored.weight_file) * range;
        let basis = stored.package.basis;
        stored.package = Figure::range(stored.package.value, stored.package.low, stored.package.high + high, basis);
        stored
    }

    fn store_mlx(&self, bits: u32, group: u32) -> Stored {
        let mut file = File::new(1, self.rows.len());
        for row in &self.rows {
            if row.usage == Use::Table {
                file.push_computed(row, Touch::Left(Reason::UnsupportedConsumer));
                continue;
            }
            let (stored_as, pieces, touch) = match mlx::quantize(row, bits, group) {
                Ok(pieces) => (StoredAs::Group { bits, group }, pieces, Touch::Compressed),
                Err(reason) => {
                    let data = plain(row.elements.saturating_mul(mlx::VALUE_BYTES));
                    (StoredAs::Dense, Pieces { data, ..Pieces::default() }, Touch::Left(reason))
                }
            };
            file.push(stored_as, pieces, touch, row);
        }
        let header = spec::mlx_header(file.n_blobs, self.vocabulary);
        file.finish(0, header, Figure::exact(Bytes::ZERO), 0, 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DType, Encoding, FunctionBuilder, OpKind, PartRole, Place, Role};

    fn one(kind: OpKind, param: &str, shape: &[u64]) -> Model {
        let mut model = Model::default();
        let mut f = FunctionBuilder::new(&mut model, "main", Role::Single);
        let x = f.input("x", DType::Fp16, &[1]);
        let weight = f.weight("w", DType::Fp16, shape);
        let y = f.op(kind, &[("x", x), (param, weight)], DType::Fp16, &[1]);
        f.finish(&[y]);
        model
    }

    fn touch(model: &Model, id: &str) -> Option<Touch> {
        Variant::from_id(id)
            .map(|variant| store(&variant, model))
            .and_then(|stored| stored.weights.first().map(|w| w.touch))
    }

    #[test]
    fn small_weights_and_vectors_stay_as_they_are() {
        for variant in super::super::EVERY.iter().filter(|variant| variant.runtime == super::super::Runtime::CoreMl) {
            let id = variant.id();
            let small = touch(&one(OpKind::Linear, "weight", &[32, 64]), &id);
            let vector = touch(&one(OpKind::Linear, "bias", &[4096]), &id);
            let nothing = matches!(variant.compression, Compression::None);
            let expect = |reason| Some(Touch::Left(if nothing { Reason::NothingToDo } else { reason }));
            assert_eq!(small, expect(Reason::TooSmall), "{id}");
            assert_eq!(vector, expect(Reason::OneDimensional), "{id}");
        }
    }

    #[test]
    fn what_does_not_divide_is_left() {
        let conv = one(OpKind::Conv, "weight", &[64, 3, 7, 7]);
        assert_eq!(touch(&conv, "int4-block32"), Some(Touch::Left(Reason::BlockDoesNotDivide)));
        assert_eq!(touch(&conv, "lut4-g16"), Some(Touch::Compressed));
        let head = one(OpKind::Linear, "weight", &[1000, 2048]);
        assert_eq!(touch(&head, "lut4-g16"), Some(Touch::Left(Reason::GroupDoesNotDivide)));
        assert_eq!(touch(&head, "int4-block32"), Some(Touch::Compressed));
        let odd = one(OpKind::Linear, "weight", &[1001, 2048]);
        assert_eq!(touch(&odd, "lut4-v2"), Some(Touch::Left(Reason::VectorDoesNotDivide)));
    }

    #[test]
    fn a_zero_point_is_stored_only_up_to_ios_17() {
        let mut model = one(OpKind::Linear, "weight", &[256, 64]);
        let variant = Variant::from_id("int8-channel").unwrap_or_else(|| unreachable!());
        // 16,384 codes, 256 scales, 256 zero points, three records, the header; all multiples of 64.
        assert_eq!(store(&variant, &model).weight_file, 64 + 3 * 64 + 16_384 + 512 + 256);
        model.spec_version = 9;
        assert_eq!(store(&variant, &model).weight_file, 64 + 2 * 64 + 16_384 + 512);
    }

    #[test]
    fn a_compressed_upload_keeps_its_parts_until_another_variant_is_chosen() {
        let mut model = one(OpKind::Linear, "weight", &[256, 64]);
        if let Some(weight) = model.weights.first_mut() {
            weight.encoding = Encoding::Palettized { bits: 4, tables: 1, vector: 1, int8_table: false };
            let part = |role, dtype, bytes| crate::model::Part { role, dtype, bytes, place: Place::Planned };
            weight.parts = vec![part(PartRole::Data, DType::UInt4, 8192), part(PartRole::Table, DType::Fp16, 32)];
        }
        let size = |id: &str| Variant::from_id(id).map(|variant| store(&variant, &model).payload);
        assert_eq!(size("fp16"), Some(8224));
        assert_eq!(size("lut6"), Some(16_384 * 6 / 8 + 128));
    }

    #[test]
    fn copies_count_with_their_own_padding() {
        let mut model = one(OpKind::Linear, "bias", &[33]);
        if let Some(weight) = model.weights.first_mut() {
            weight.copies = 3;
        }
        let stored = store(&Variant::from_id("fp16").unwrap_or_else(|| unreachable!()), &model);
        // 66 bytes each; the last one is not padded.
        assert_eq!((stored.payload, stored.padding, stored.records, stored.n_blobs), (198, 2 * 62, 192, 3));
    }

    #[test]
    fn q4_k_m_gives_the_head_and_half_of_the_values_six_bits() {
        let mut model = Model::default();
        let mut f = FunctionBuilder::new(&mut model, "decode", Role::Decode { context: 8 });
        let x = f.input("x", DType::Int32, &[1]);
        let embedding = f.weight("embed", DType::Fp16, &[1024, 256]);
        let x = f.op(OpKind::Gather, &[("x", embedding), ("indices", x)], DType::Fp16, &[1, 256]);
        f.section(8);
        let values = f.weight("v_proj", DType::Fp16, &[256, 256]);
        let x = f.op(OpKind::Linear, &[("x", x), ("weight", values)], DType::Fp16, &[1, 256]);
        f.section(1);
        let head = f.weight("lm_head", DType::Fp16, &[1024, 256]);
        let y = f.op(OpKind::Linear, &[("x", x), ("weight", head)], DType::Fp16, &[1, 1024]);
        f.finish(&[y]);
        let stored = store(&Variant::from_id("llama.cpp-q4_k_m").unwrap_or_else(|| unreachable!()), &model);
        let bytes: Vec<u64> = stored.weights.iter().map(|weight| weight.bytes).collect();
        // Rows of one block each: 144 bytes at 4 bits, 210 at 6.
        assert_eq!(bytes, [1024 * 144, 4 * 256 * 210 + 4 * 256 * 144, 1024 * 210]);
        assert_eq!(
            store(&Variant::from_id("mlx-4bit").unwrap_or_else(|| unreachable!()), &model).weights[2].bytes,
            1024 * (128 + 16)
        );
    }
}
