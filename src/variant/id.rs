//! The short names of variants: what stands in links, documents and column heads.

use super::{Compression, GgufType, Precision, Runtime, ScaleScope, TableScope, Variant};
use crate::texts::names;

/// Every variant that is shown, in the order in which it is shown.
pub const EVERY: &[Variant] = &[
    core(Precision::Fp32, Compression::None),
    core(Precision::Fp16, Compression::None),
    table(8, TableScope::PerTensor, 1),
    table(6, TableScope::PerTensor, 1),
    table(4, TableScope::PerTensor, 1),
    table(3, TableScope::PerTensor, 1),
    table(2, TableScope::PerTensor, 1),
    table(1, TableScope::PerTensor, 1),
    table(8, TableScope::PerGroupedChannel(16), 1),
    table(6, TableScope::PerGroupedChannel(16), 1),
    table(4, TableScope::PerGroupedChannel(16), 1),
    table(3, TableScope::PerGroupedChannel(16), 1),
    table(2, TableScope::PerGroupedChannel(16), 1),
    table(1, TableScope::PerGroupedChannel(16), 1),
    table(6, TableScope::PerTensor, 2),
    table(4, TableScope::PerTensor, 2),
    table(8, TableScope::PerTensor, 4),
    table(4, TableScope::PerTensor, 4),
    scale(8, ScaleScope::PerTensor),
    scale(8, ScaleScope::PerChannel),
    scale(4, ScaleScope::PerBlock(32)),
    scale(4, ScaleScope::PerChannel),
    core(Precision::W8A8, Compression::Linear { bits: 8, scope: ScaleScope::PerChannel }),
    core(Precision::Fp16, Compression::Sparse { percent: 50 }),
    core(Precision::Fp16, Compression::Sparse { percent: 75 }),
    core(Precision::Fp16, Compression::SparsePalettized { percent: 50, bits: 8 }),
    core(Precision::Fp16, Compression::SparsePalettized { percent: 50, bits: 4 }),
    core(Precision::Fp16, Compression::SparsePalettized { percent: 75, bits: 8 }),
    core(Precision::Fp16, Compression::SparsePalettized { percent: 75, bits: 4 }),
    gguf(GgufType::F16),
    gguf(GgufType::Q8_0),
    gguf(GgufType::Q4KM),
    mlx(8, 64),
    mlx(4, 64),
];

const fn core(precision: Precision, compression: Compression) -> Variant {
    Variant { runtime: Runtime::CoreMl, precision, compression }
}

const fn table(bits: u32, scope: TableScope, vector: u32) -> Variant {
    core(Precision::Fp16, Compression::Palettized { bits, scope, vector })
}

const fn scale(bits: u32, scope: ScaleScope) -> Variant {
    core(Precision::Fp16, Compression::Linear { bits, scope })
}

const fn gguf(kind: GgufType) -> Variant {
    Variant { runtime: Runtime::LlamaCpp, precision: Precision::Fp16, compression: Compression::Gguf(kind) }
}

const fn mlx(bits: u32, group: u32) -> Variant {
    Variant { runtime: Runtime::Mlx, precision: Precision::Fp16, compression: Compression::MlxGroup { bits, group } }
}

impl Variant {
    /// The id in documents and links: `fp16`, `lut4-g16`, `lut4-v2`, `int4-block32`, `w8a8`, `sparse75-lut4`,
    /// `llama.cpp-q4_k_m`, `mlx-4bit` …
    #[must_use]
    pub fn id(&self) -> String {
        match self.compression {
            Compression::None => match self.precision {
                Precision::Fp32 => "fp32".to_owned(),
                Precision::Fp16 => "fp16".to_owned(),
                Precision::W8A8 => "a8".to_owned(),
            },
            Compression::Palettized { bits, scope, vector } => {
                let group = match scope {
                    TableScope::PerTensor => String::new(),
                    TableScope::PerGroupedChannel(group) => format!("-g{group}"),
                };
                let vector = if vector > 1 { format!("-v{vector}") } else { String::new() };
                format!("lut{bits}{group}{vector}")
            }
            Compression::Linear { bits, scope } => match (self.precision, scope) {
                (Precision::W8A8, _) => "w8a8".to_owned(),
                (Precision::Fp32 | Precision::Fp16, ScaleScope::PerTensor) => format!("int{bits}-tensor"),
                (Precision::Fp32 | Precision::Fp16, ScaleScope::PerChannel) => format!("int{bits}-channel"),
                (Precision::Fp32 | Precision::Fp16, ScaleScope::PerBlock(size)) => format!("int{bits}-block{size}"),
            },
            Compression::Sparse { percent } => format!("sparse{percent}"),
            Compression::SparsePalettized { percent, bits } => format!("sparse{percent}-lut{bits}"),
            Compression::Gguf(GgufType::F16) => "llama.cpp-f16".to_owned(),
            Compression::Gguf(GgufType::Q8_0) => "llama.cpp-q8_0".to_owned(),
            Compression::Gguf(GgufType::Q4KM) => "llama.cpp-q4_k_m".to_owned(),
            Compression::MlxGroup { bits, group: 64 } => format!("mlx-{bits}bit"),
            Compression::MlxGroup { bits, group } => format!("mlx-{bits}bit-g{group}"),
        }
    }

    /// The variant of an id, also of ones that are not in [`EVERY`] (`lut4-g8`, `sparse60`).
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        let found = parse(id)?;
        // `lut04` and the like are read as numbers but are no ids.
        (found.id() == id).then_some(found)
    }

    /// What a person calls it.
    #[must_use]
    pub fn label(&self) -> String {
        let of = |n: u32| n.to_string();
        match self.compression {
            Compression::None => match self.precision {
                Precision::Fp32 => names::FP32.to_owned(),
                Precision::Fp16 => names::FP16.to_owned(),
                Precision::W8A8 => names::W8A8_ACTIVATIONS.to_owned(),
            },
            Compression::Palettized { bits, scope, vector } => {
                let scope = match scope {
                    TableScope::PerTensor => names::PER_TENSOR.to_owned(),
                    TableScope::PerGroupedChannel(group) => names::per_channels(&of(group)),
                };
                if vector > 1 {
                    names::palettized_vectors(&of(bits), &of(vector), &scope)
                } else {
                    names::palettized(&of(bits), &scope)
                }
            }
            Compression::Linear { bits, scope } => {
                let scope = match scope {
                    ScaleScope::PerTensor => names::PER_TENSOR.to_owned(),
                    ScaleScope::PerChannel => names::PER_CHANNEL.to_owned(),
                    ScaleScope::PerBlock(size) => names::per_block(&of(size)),
                };
                match self.precision {
                    Precision::W8A8 => names::W8A8.to_owned(),
                    Precision::Fp32 | Precision::Fp16 => names::linear(&of(bits), &scope),
                }
            }
            Compression::Sparse { percent } => names::sparse(&of(percent)),
            Compression::SparsePalettized { percent, bits } => names::sparse_palettized(&of(percent), &of(bits)),
            Compression::Gguf(GgufType::F16) => names::gguf("F16"),
            Compression::Gguf(GgufType::Q8_0) => names::gguf("Q8_0"),
            Compression::Gguf(GgufType::Q4KM) => names::gguf("Q4_K_M"),
            Compression::MlxGroup { bits, group } => names::mlx(&of(bits), &of(group)),
        }
    }
}

fn parse(id: &str) -> Option<Variant> {
    match id {
        "fp32" => return Some(core(Precision::Fp32, Compression::None)),
        "fp16" => return Some(core(Precision::Fp16, Compression::None)),
        "a8" => return Some(core(Precision::W8A8, Compression::None)),
        "w8a8" => {
            let compression = Compression::Linear { bits: 8, scope: ScaleScope::PerChannel };
            return Some(core(Precision::W8A8, compression));
        }
        "llama.cpp-f16" => return Some(gguf(GgufType::F16)),
        "llama.cpp-q8_0" => return Some(gguf(GgufType::Q8_0)),
        "llama.cpp-q4_k_m" => return Some(gguf(GgufType::Q4KM)),
        _ => {}
    }
    let (head, tail) = id.split_once('-').map_or((id, None), |(head, tail)| (head, Some(tail)));
    if head == "mlx" {
        let (bits, group) = tail?.split_once('-').map_or((tail?, None), |(bits, group)| (bits, Some(group)));
        let bits = one_of(number(bits.strip_suffix("bit")?)?, &[2, 3, 4, 6, 8])?;
        let group = group.map_or(Some(64), |group| one_of(number(group.strip_prefix('g')?)?, &[32, 64, 128]))?;
        Some(mlx(bits, group))
    } else if let Some(bits) = head.strip_prefix("lut") {
        let bits = palette_bits(bits)?;
        let (mut scope, mut vector) = (TableScope::PerTensor, 1);
        for part in tail.into_iter().flat_map(|tail| tail.split('-')) {
            if let Some(group) = part.strip_prefix('g') {
                scope = TableScope::PerGroupedChannel(number(group).filter(|group| *group > 0)?);
            } else {
                vector = one_of(number(part.strip_prefix('v')?)?, &[2, 4])?;
            }
        }
        Some(table(bits, scope, vector))
    } else if let Some(bits) = head.strip_prefix("int") {
        let bits = one_of(number(bits)?, &[4, 8])?;
        let scope = match tail? {
            "tensor" => ScaleScope::PerTensor,
            "channel" => ScaleScope::PerChannel,
            block => ScaleScope::PerBlock(number(block.strip_prefix("block")?).filter(|size| *size > 0)?),
        };
        Some(scale(bits, scope))
    } else {
        let percent = number(head.strip_prefix("sparse")?).filter(|percent| (1..100).contains(percent))?;
        let compression = match tail {
            None => Compression::Sparse { percent },
            Some(tail) => Compression::SparsePalettized { percent, bits: palette_bits(tail.strip_prefix("lut")?)? },
        };
        Some(core(Precision::Fp16, compression))
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn one_of(value: u32, known: &[u32]) -> Option<u32> {
    known.contains(&value).then_some(value)
}

fn palette_bits(text: &str) -> Option<u32> {
    one_of(number(text)?, &[1, 2, 3, 4, 6, 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_finds_its_variant_again_and_no_two_are_equal() {
        for (at, variant) in EVERY.iter().enumerate() {
            assert_eq!(Variant::from_id(&variant.id()), Some(*variant), "{}", variant.id());
            assert!(
                EVERY.iter().take(at).all(|earlier| earlier.id() != variant.id() && earlier.label() != variant.label())
            );
        }
    }

    #[test]
    fn ids_outside_the_list_are_read_and_nonsense_is_not() {
        for id in ["lut4-g8", "lut2-g32-v4", "sparse60", "int8-block64", "mlx-3bit-g32", "sparse30-lut6"] {
            assert_eq!(Variant::from_id(id).map(|variant| variant.id()).as_deref(), Some(id));
        }
        for id in [
            "",
            "lut",
            "lut5",
            "lut04",
            "lut4-",
            "lut4-g0",
            "lut4-v3",
            "int4",
            "int16-tensor",
            "sparse",
            "sparse100",
            "sparse0",
            "mlx",
            "mlx-4",
            "fp64",
            "int4-block0",
            "lut4-v2-g16",
            "lut4-g16-g8",
        ] {
            assert_eq!(Variant::from_id(id), None, "{id}");
        }
    }

    #[test]
    fn the_system_gates_are_those_of_coremltools() {
        let check = |id: &str, ios: u8| assert_eq!(Variant::from_id(id).map(|v| v.min_spec().ios), Some(ios), "{id}");
        for id in ["lut1", "lut2", "lut4", "lut6", "lut8", "int8-tensor", "int8-channel", "sparse50"] {
            check(id, 16);
        }
        for id in ["lut3", "lut4-g16", "lut4-v2", "int4-block32", "int4-channel", "int8-block32", "sparse75-lut4"] {
            check(id, 18);
        }
        check("fp16", 15);
        check("w8a8", 17);
        check("mlx-4bit", 0);
    }
}
