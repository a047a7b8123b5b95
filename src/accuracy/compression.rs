//! A row's words for precision and compression, as a variant; what lies between two variants is a multiple of one.

use crate::variant::{Compression, GgufType, Precision, Runtime, ScaleScope, TableScope, Variant};

/// A variant, and the bytes of the row's own format as a multiple of the variant's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Format {
    pub(super) variant: Variant,
    pub(super) scale: f64,
}

/// Bits for a weight of the formats of llama.cpp, scales included; from the block layouts and published file sizes.
const GGUF_BITS: &[(&str, f64)] = &[
    ("q8_0", 8.5),
    ("q6_k", 6.56),
    ("q5_k_m", 5.69),
    ("q5_k_s", 5.54),
    ("q5_1", 6.0),
    ("q5_0", 5.5),
    ("q5_k", 5.69),
    ("q4_k_m", 4.85),
    ("q4_k_xl", 4.95),
    ("q4_k_s", 4.58),
    ("q4_k", 4.85),
    ("q4_1", 5.0),
    ("q4_0", 4.55),
    ("iq4_nl", 4.55),
    ("iq4_xs", 4.3),
    ("mxfp4", 4.4),
    ("q3_k_l", 4.27),
    ("q3_k_m", 3.91),
    ("q3_k_s", 3.5),
    ("q3_k", 3.91),
    ("iq3", 3.4),
    ("q2_k", 3.0),
    ("iq2", 2.5),
    ("iq1", 1.75),
    ("8-bit", 8.5),
    ("8bit", 8.5),
    ("int8", 8.5),
    ("q8", 8.5),
    ("q6", 6.56),
    ("q5", 5.69),
    ("4-bit", 4.85),
    ("4bit", 4.85),
    ("int4", 4.85),
    ("q4", 4.85),
    ("bf16", 16.0),
    ("f16", 16.0),
    ("fp16", 16.0),
    ("f32", 32.0),
    ("none", 16.0),
];

/// Finds the format of a row; the model's own name may hold it (`Qwen3-4B-4bit`).
pub(super) fn read(runtime: Runtime, precision: &str, compression: &str, model: &str) -> Option<Format> {
    let text = format!("{precision} {compression}").to_ascii_lowercase();
    let named = model.to_ascii_lowercase();
    match runtime {
        Runtime::LlamaCpp => gguf(&text).or_else(|| gguf(&named)),
        Runtime::Mlx => mlx(&text).or_else(|| mlx(&named)),
        Runtime::CoreMl => core(&format!("{text} {}", if compression.is_empty() { named.as_str() } else { "" })),
    }
}

fn gguf(text: &str) -> Option<Format> {
    let bits = GGUF_BITS.iter().find(|(name, _)| text.contains(name)).map(|(_, bits)| *bits)?;
    let (kind, own) = match bits {
        bits if bits > 12.0 => (GgufType::F16, 16.0),
        bits if bits > 7.0 => (GgufType::Q8_0, 8.5),
        _ => (GgufType::Q4KM, 4.85),
    };
    let variant =
        Variant { runtime: Runtime::LlamaCpp, precision: Precision::Fp16, compression: Compression::Gguf(kind) };
    Some(Format { variant, scale: bits / own })
}

fn mlx(text: &str) -> Option<Format> {
    let mlx = |compression, scale| Format {
        variant: Variant { runtime: Runtime::Mlx, precision: Precision::Fp16, compression },
        scale,
    };
    let group = after(text, "gs").or_else(|| after(text, " g")).filter(|group| [32.0, 64.0, 128.0].contains(group));
    let group = group.unwrap_or(64.0) as u32;
    let bits = [2_u32, 3, 4, 5, 6, 8].into_iter().find(|bits| {
        [format!("{bits}-bit"), format!("{bits}bit"), format!("int{bits}"), format!("q{bits}"), format!("mxfp{bits}")]
            .iter()
            .any(|form| text.contains(form.as_str()))
    });
    match bits {
        // No variant of the list has five bits: the bytes are counted from four.
        Some(5) => Some(mlx(Compression::MlxGroup { bits: 4, group }, if group == 32 { 6.0 / 5.0 } else { 5.5 / 4.5 })),
        Some(bits) => Some(mlx(Compression::MlxGroup { bits, group }, 1.0)),
        None if ["bf16", "fp16", "f16", "none"].iter().any(|form| text.contains(form)) => {
            Some(mlx(Compression::None, 1.0))
        }
        None => None,
    }
}

fn core(text: &str) -> Option<Format> {
    let own = |precision, compression, scale| {
        Some(Format { variant: Variant { runtime: Runtime::CoreMl, precision, compression }, scale })
    };
    let fp16 = Precision::Fp16;
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let group = after(text, "gs").or_else(|| after(text, "block")).or_else(|| after(text, "block-"));
    let group = group.or_else(|| after(text, "blk")).or_else(|| after(text, " g"));
    let bits = bits(text);
    // Rows of the Neural Engine that mix tables of 4 and 8 bits, and rows that say no more than a number of bits, are about
    // tables: what is not is called int, linear or blocks.
    let is_mixed = text.contains("4/8");
    let bits = if is_mixed { Some(5.0) } else { bits };
    let is_plain = !has(&["int", "linear", "blk", "block", "w8", "affine", "per-channel", "per channel"]);
    if has(&["w8a8", "a8w8"]) {
        let compression = Compression::Linear { bits: 8, scope: ScaleScope::PerChannel };
        return own(Precision::W8A8, compression, 1.0);
    }
    let percent = before(text, "%").filter(|percent| (1.0..100.0).contains(percent)).map(|percent| percent as u32);
    let is_sparse = has(&["sparse", "prun"]);
    let is_palettized = has(&["lut", "pal"]);
    if let (true, true, Some(percent), Some(bits)) = (is_sparse, is_palettized, percent, bits) {
        return own(fp16, Compression::SparsePalettized { percent, bits: bits as u32 }, 1.0);
    }
    if is_mixed
        || has(&["palett", "lut", "kmeans", "k-means", "sensitive"])
        || is_plain && bits.is_some_and(|bits| bits < 16.0) && !is_sparse
    {
        for (form, bits, vector) in [("2x64", 6, 2), ("2x16", 4, 2), ("4x64", 6, 4), ("4x16", 4, 4)] {
            if text.contains(form) {
                return own(fp16, Compression::Palettized { bits, scope: TableScope::PerTensor, vector }, 1.0);
            }
        }
        let wanted = bits?;
        let whole = [1_u32, 2, 3, 4, 6, 8].into_iter().rfind(|whole| f64::from(*whole) <= wanted)?;
        let scope = match group {
            Some(group) => TableScope::PerGroupedChannel(group as u32),
            None if has(&["per-channel", "per channel"]) => TableScope::PerGroupedChannel(1),
            None => TableScope::PerTensor,
        };
        return own(fp16, Compression::Palettized { bits: whole, scope, vector: 1 }, wanted / f64::from(whole));
    }
    if let (true, Some(percent)) = (is_sparse, percent) {
        return own(fp16, Compression::Sparse { percent }, 1.0);
    }
    match bits {
        Some(bits) if bits < 16.0 => {
            let whole = if bits > 4.5 { 8 } else { 4 };
            let scope = match group {
                Some(size) => ScaleScope::PerBlock(size as u32),
                None if has(&["per-tensor", "per tensor"]) => ScaleScope::PerTensor,
                None => ScaleScope::PerChannel,
            };
            own(fp16, Compression::Linear { bits: whole, scope }, bits.max(1.0) / f64::from(whole))
        }
        Some(_) | None if has(&["fp32", "float32"]) && !has(&["fp16"]) => own(Precision::Fp32, Compression::None, 1.0),
        Some(_) | None if has(&["fp16", "float16", "bf16", "none", "original", "mixed", "act"]) => {
            own(fp16, Compression::None, 1.0)
        }
        Some(_) | None => None,
    }
}

/// Bits of a weight: `4b`, `4-bit`, `4.04b`, `int4`, `palette_6bit`.
fn bits(text: &str) -> Option<f64> {
    let plausible = |bits: &f64| (1.0..=8.0).contains(bits);
    let named = ["int4", "int8", "int3", "int2", "int1"].iter().find(|name| text.contains(**name));
    let named = named.and_then(|name| name.strip_prefix("int")?.parse().ok());
    ["-bit", "bit", " bit", "b "]
        .iter()
        .find_map(|unit| before(text, unit).filter(plausible))
        .or_else(|| {
            text.trim_end().strip_suffix('b').and_then(|rest| before(&format!("{rest}|"), "|")).filter(plausible)
        })
        .or(named)
        .or_else(|| ["lut", "pal", "w"].iter().find_map(|word| after(text, word).filter(plausible)))
}

/// The number that stands right before a word.
pub(super) fn before(text: &str, word: &str) -> Option<f64> {
    text.match_indices(word).find_map(|(at, _)| {
        let head = text.get(..at)?;
        let digits: Vec<char> = head.chars().rev().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        digits.iter().rev().collect::<String>().trim_start_matches('.').parse().ok()
    })
}

/// The number that stands right after a word.
pub(super) fn after(text: &str, word: &str) -> Option<f64> {
    text.match_indices(word).find_map(|(at, _)| {
        let tail = text.get(at + word.len()..)?.trim_start_matches([' ', '-', '=', ':']);
        let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_measured_rows_find_their_variants() {
        let check = |runtime, precision: &str, compression: &str, id: &str, scale: f64| {
            let found = read(runtime, precision, compression, "").expect(compression);
            assert_eq!((found.variant.id().as_str(), found.scale), (id, scale), "{precision} {compression}");
        };
        check(Runtime::CoreMl, "fp16", "palettized 4b gs8", "lut4-g8", 1.0);
        check(Runtime::CoreMl, "fp16", "w8 palettized", "lut8", 1.0);
        check(Runtime::CoreMl, "Float16", "LUT6", "lut6", 1.0);
        check(Runtime::CoreMl, "fp16", "palettized 6b per-tensor", "lut6", 1.0);
        check(Runtime::CoreMl, "fp16", "mixed palettized ~4.5b (~4GB)", "lut4", 1.125);
        check(Runtime::CoreMl, "fp16", "int4 linear per-block-32", "int4-block32", 1.0);
        check(Runtime::CoreMl, "fp16", "sparse 75%", "sparse75", 1.0);
        check(Runtime::CoreMl, "fp16", "sparse50%+palettized 4b gs16", "sparse50-lut4", 1.0);
        check(Runtime::CoreMl, "fp16", "none (fp32)", "fp16", 1.0);
        check(Runtime::CoreMl, "fp16 act", "palette_6bit", "lut6", 1.0);
        check(Runtime::CoreMl, "W8A8", "W8A8 int8", "w8a8", 1.0);
        check(Runtime::LlamaCpp, "Q4_K_M", "Q4_K_M", "llama.cpp-q4_k_m", 1.0);
        check(Runtime::LlamaCpp, "fp16", "none", "llama.cpp-f16", 1.0);
        check(Runtime::Mlx, "q4 gs32", "q4 gs32", "mlx-4bit-g32", 1.0);
        check(Runtime::Mlx, "4bit-float16", "4-bit", "mlx-4bit", 1.0);
    }
}
