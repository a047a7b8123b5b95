//! The words that measured rows use for metrics, runtimes, compute units, contexts and units of measure.
//!
//! Every author has their own: spelling, case, spaces and signs do not matter here, and a word that is not understood is a
//! reason to skip the row, never a guess.

use super::{
    case::{Metric, Speed},
    compression::{after, before},
    parse::Row,
    resolve::{Skip, skip},
};
use crate::{lower::Workload, machine::Unit, scenario::Units, variant::Runtime};

/// What a metric's word asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Of(Metric),
    /// Bytes a second over the weights of one call.
    Stream,
    /// The size of the plain package as a multiple.
    SizeRatio,
}

/// Lower-case words with one underscore between them.
fn plain(word: &str) -> String {
    let lower = word.trim().to_ascii_lowercase();
    let parts: Vec<&str> = lower.split([' ', '_', '-', '/', '(', ')']).filter(|part| !part.is_empty()).collect();
    parts.join("_")
}

pub(super) fn asked(row: &Row) -> Result<Asked, Skip> {
    let word = plain(&row.metric);
    // A unit at the end says nothing that the column of units does not.
    let units = ["_ms", "_us", "_s", "_mb", "_gb", "_mib", "_gib", "_w", "_mw", "_j", "_mj"];
    let bare = units.iter().find_map(|unit| word.strip_suffix(unit)).unwrap_or(&word);
    let counts_tokens = row.unit.to_ascii_lowercase().contains("tok") || row.unit.eq_ignore_ascii_case("t/s");
    let metric = match bare {
        "throughput" if counts_tokens => Metric::Decode,
        "decode"
        | "decode_latency"
        | "decode_tps"
        | "decode_tok_s"
        | "decode_speed"
        | "generation"
        | "generate"
        | "token_generation"
        | "tg"
        | "eval"
        | "tpot"
        | "decode_time"
        | "tokens_per_second"
        | "tokens_per_sec"
        | "tokens"
        | "tokens_sec"
        | "tok"
        | "tok_per"
        | "tps"
        | "generation_tps"
        | "generation_speed"
        | "generation_rate"
        | "gen_tps"
        | "eval_rate"
        | "eval_speed"
        | "output_tokens_per_second" => Metric::Decode,
        "prefill"
        | "prefill_tps"
        | "prefill_tok_s"
        | "prefill_speed"
        | "prompt"
        | "prompt_processing"
        | "prompt_eval"
        | "pp"
        | "prefill_latency"
        | "prefill_time"
        | "prompt_tps"
        | "prompt_speed"
        | "prompt_rate"
        | "prompt_eval_rate"
        | "input_tokens_per_second" => Metric::Prefill,
        "ttft" | "time_to_first_token" | "first_token" | "first_token_latency" => Metric::FirstToken,
        "latency" | "throughput" | "latency_per_layer" | "inference" | "inference_time" | "forward" | "predict"
        | "prediction" | "prediction_time" | "latency_median" | "fps" => Metric::Latency,
        "e2e_latency" | "end_to_end" | "end_to_end_latency" | "e2e" | "pipeline_latency" => Metric::EndToEnd,
        "peak_memory" | "app_memory" | "memory" | "footprint" | "resident_memory" | "ram" | "memory_peak"
        | "peak_footprint" | "phys_footprint" | "memory_footprint" => Metric::Memory,
        "size_on_disk"
        | "size_on_disk_declared"
        | "size"
        | "bundle"
        | "bundle_size"
        | "file_size"
        | "disk_size"
        | "model_size"
        | "package_size" => Metric::Size,
        "load" | "load_cached" | "load_time" | "cached_load" | "warm_load" | "load_warm" => Metric::Load,
        "load_first" | "compile" | "first_load" | "cold_load" | "load_cold" | "compile_time" | "first_compile" => {
            Metric::FirstLoad
        }
        "power" | "mean_power" | "average_power" => Metric::Power,
        "energy" | "energy_per_token" | "energy_per_inference" => Metric::Energy,
        "weight_stream" | "weight_bandwidth" => return Ok(Asked::Stream),
        "size_ratio_vs_fp16" | "size_ratio" | "compression_ratio" => return Ok(Asked::SizeRatio),
        quality if quality.starts_with("q_") => {
            return skip("quality is looked up in published tables (assets/data/quality.csv), not predicted");
        }
        "" => return skip("the row names no metric"),
        test if after(test, "tg").is_some() && test.starts_with("tg") => Metric::Decode,
        test if after(test, "pp").is_some() && test.starts_with("pp") => Metric::Prefill,
        longer if longer.starts_with("decode_") => Metric::Decode,
        longer if longer.starts_with("prefill_") => Metric::Prefill,
        longer if longer.starts_with("ttft_") || longer.contains("first_token") => Metric::FirstToken,
        longer if longer.ends_with("_latency") || longer.starts_with("latency_") => Metric::Latency,
        longer if longer.ends_with("memory_delta") || longer.starts_with("system_memory") => {
            return skip(format!("the planner does not predict `{}`", row.metric));
        }
        longer if longer.ends_with("_memory") || longer.starts_with("memory_") => Metric::Memory,
        _ => return skip(format!("the planner does not predict `{}`", row.metric)),
    };
    let is_in_app = metric == Metric::Latency && in_app(row);
    Ok(Asked::Of(if is_in_app { Metric::InApp } else { metric }))
}

/// Whether a call was timed as an app makes it, with what the app does around it: the same network takes 1.8 ms in an
/// isolated report, 3.2 ms in an app's call and 7 ms behind a camera (measured on one phone).
fn in_app(row: &Row) -> bool {
    let text = format!("{} {}", row.context, row.notes).to_ascii_lowercase();
    let words =
        ["camera", "vision scaling", "sdk", "in-app", "app-level", "app p50", "tokenise", "tokenize", "app blog"];
    words.iter().any(|word| text.contains(word))
}

/// Whether a speed was taken after minutes of work, when a phone is warm.
pub(super) fn is_warm(row: &Row) -> bool {
    let text = format!("{} {}", row.context, row.notes).to_ascii_lowercase();
    ["throttled", "thermal serious", "thermal critical", "min sustained"].iter().any(|word| text.contains(word))
}

pub(super) fn runtime(word: &str, model: &str) -> Result<Runtime, Skip> {
    let letters = letters(word);
    let model = model.to_ascii_lowercase();
    match letters.as_str() {
        "coreml" | "executorchcoreml" | "coremltools" | "coremlswift" | "coremlane" | "coremlgpu" | "anemll"
        | "coremlllm" | "whisperkit" | "argmax" | "argmaxwhisperkit" | "swifttransformers" | "fluidaudio"
        | "coremlstateful" => Ok(Runtime::CoreMl),
        "mlx" | "mlxlm" | "mlxswift" | "mlxvlm" | "mlxpython" | "lmstudiomlx" | "mlxswiftlm" | "mlxengine"
        | "mlxserver" => Ok(Runtime::Mlx),
        "llamacpp" | "ggml" | "ollama" | "llamabench" | "gguf" | "llamacppmetal" | "lmstudiogguf" | "llamaccp"
        | "llamafile" | "koboldcpp" | "llamacppserver" | "llamacpppython" => Ok(Runtime::LlamaCpp),
        "na" | "" if model.contains("gguf") => Ok(Runtime::LlamaCpp),
        "na" | "" if model.contains("mlx") => Ok(Runtime::Mlx),
        "na" | "" if model.contains("mlpackage") || model.contains("mlmodel") => Ok(Runtime::CoreMl),
        "na" | "" => skip("the row names no runtime"),
        _ => skip(format!("the planner has no runtime `{word}`")),
    }
}

/// Letters and digits of a word, in lower case.
fn letters(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

pub(super) fn units(word: &str, runtime: Runtime) -> Result<(Units, Option<Unit>), Skip> {
    let letters = letters(word);
    let has = |word: &str| letters.contains(word);
    let ane = has("ane") || has("neural") || letters.ends_with("ne") || letters.starts_with("npu");
    let (gpu, cpu) = (has("gpu") || has("metal"), has("cpu"));
    Ok(match (runtime, ane, gpu, cpu) {
        (Runtime::LlamaCpp | Runtime::Mlx, false, false, true) => (Units::CpuOnly, Some(Unit::Cpu)),
        (Runtime::LlamaCpp | Runtime::Mlx, true, _, _) => {
            return skip(format!("this runtime does not use the compute unit `{word}`"));
        }
        (Runtime::LlamaCpp | Runtime::Mlx, ..) => (Units::CpuAndGpu, Some(Unit::Gpu)),
        (Runtime::CoreMl, true, true, _) => (Units::All, None),
        (Runtime::CoreMl, true, false, _) => (Units::CpuAndNe, Some(Unit::Ane)),
        (Runtime::CoreMl, false, true, _) => (Units::CpuAndGpu, Some(Unit::Gpu)),
        (Runtime::CoreMl, false, false, true) => (Units::CpuOnly, Some(Unit::Cpu)),
        (Runtime::CoreMl, false, false, false) => match letters.as_str() {
            "" | "na" | "all" | "any" | "default" | "auto" | "mlcomputeunitsall" | "computeunitsall" => {
                (Units::All, None)
            }
            _ => return skip(format!("no compute unit `{word}`")),
        },
    })
}

/// Tokens a call of a small prefill takes (`T=4 chunks`), if the row says.
pub(super) fn chunk(row: &Row) -> Option<f64> {
    let text = row.context.to_ascii_lowercase();
    let chunk = after(&text, "t=").or_else(|| before(&text, "-token chunk"));
    chunk.filter(|tokens| *tokens >= 1.0 && text.contains("chunk"))
}

/// Tokens of an encoder's input, if the row says.
pub(super) fn sequence(row: &Row) -> Option<u32> {
    let text = row.context.to_ascii_lowercase();
    let tokens = after(&text, "seq").or_else(|| before(&text, " token")).or_else(|| before(&text, "-token"));
    tokens.filter(|tokens| (1.0..=65_536.0).contains(tokens)).map(|tokens| tokens as u32)
}

/// Pixels of a side of a network's square input, if the row says: `640 batch1`, `224x224`, `FastViT-T8 256`.
pub(super) fn side(row: &Row) -> Option<f64> {
    let usual = [160, 192, 224, 240, 256, 288, 299, 320, 384, 416, 448, 480, 512, 518, 608, 640, 768, 896, 1024, 1280];
    let said = |text: &str| {
        let text = text.replace('×', "x");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).map(|word| word.trim_end_matches("px"));
        // `640x480` is no square.
        let sides = words.filter_map(|word| match word.split_once(['x', 'X']) {
            Some((a, b)) if a == b => a.parse().ok(),
            Some(_) => None,
            None => word.parse().ok(),
        });
        sides.filter(|side| usual.contains(side)).map(f64::from).next()
    };
    said(&row.context).or_else(|| said(&row.model))
}

/// Tokens that a row's words for its context speak of: prompt, and capacity while it writes.
pub(super) fn workload(row: &Row, runtime: Runtime) -> Workload {
    let text = row.context.to_ascii_lowercase();
    let thousand =
        |number: f64| if text.contains("k context") || text.contains("k tokens") { number * 1024.0 } else { number };
    let prompt = after(&text, "pp")
        .or_else(|| after(&plain(&row.metric), "pp"))
        .or_else(|| after(&text, "prompt"))
        .or_else(|| after(&text, "context"))
        .or_else(|| before(&text, "k context").map(thousand))
        .or_else(|| before(&text, "-token"))
        .or_else(|| before(&text, " token"))
        .or_else(|| before(&text, " prompt"))
        .or_else(|| after(&text, "seq"))
        .or_else(|| after(&text, "input"))
        .or_else(|| text.trim().parse().ok());
    let prompt = prompt.filter(|prompt| *prompt > 0.0);
    let written = after(&text, "gen").or_else(|| after(&text, "tg"));
    let held = after(&text, "kv length").or_else(|| after(&text, "ctx")).or_else(|| after(&text, "depth"));
    let depth = after(&text, "@ d").or_else(|| after(&text, "@d"));
    let context = held.unwrap_or_else(|| match (prompt, written) {
        (None, None) if runtime == Runtime::CoreMl => 512.0,
        // `tg128` alone starts from nothing, as llama-bench does.
        (None, Some(_)) if after(&text, "tg").is_some() => depth.unwrap_or(0.0) + written.unwrap_or(128.0) / 2.0,
        _ => depth.unwrap_or(0.0) + prompt.unwrap_or(64.0) + written.unwrap_or(128.0) / 2.0,
    });
    // A package has a cache of a fixed capacity, 2048 in most that are published, unless the row says its length.
    let is_stated = held.is_some() || text.contains("context");
    let context = if runtime == Runtime::CoreMl && !is_stated { context.min(2048.0) } else { context };
    let limit = |tokens: f64| tokens.clamp(1.0, 131_072.0) as u32;
    let usual = match asked(row) {
        Ok(Asked::Of(Metric::FirstToken)) => 20.0,
        // A prompt that nobody speaks of must not make the cache of a decode longer.
        Ok(Asked::Of(Metric::Decode)) => context.min(512.0),
        Ok(_) | Err(_) => 512.0,
    };
    Workload { context: limit(context), prompt: limit(prompt.unwrap_or(usual)) }
}

/// A unit of time, or of its inverse.
pub(super) fn time(word: &str) -> Result<Speed, Skip> {
    let letters: String = word.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    Ok(match letters.as_str() {
        "ms" | "ms/token" | "ms/tok" | "ms/inf" | "ms/call" | "msec" | "millisecond" | "milliseconds" | "ms/step"
        | "ms/image" | "ms/frame" | "mspertoken" => Speed::Times(1e3),
        "s" | "sec" | "secs" | "second" | "seconds" | "s/token" | "s/call" | "s/step" | "s/image" => Speed::Times(1.0),
        "us" | "µs" | "μs" | "usec" | "microseconds" => Speed::Times(1e6),
        "it/s" | "fps" | "inf/s" | "img/s" | "images/s" | "hz" | "infer/s" | "calls/s" | "steps/s" | "iter/s" => {
            Speed::Per(1.0)
        }
        _ if is_tokens(&letters) => Speed::Per(1.0),
        "" => return skip("the row names no unit"),
        _ => return skip(format!("unit `{word}` is no time")),
    })
}

/// Whether a unit is tokens a second.
pub(super) fn is_tokens(word: &str) -> bool {
    let letters: String = word.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    let known = ["tok/s", "tokens/s", "token/s", "t/s", "tok/sec", "tokens/sec", "tps", "toks/s", "tokenspersecond"];
    known.contains(&letters.as_str())
}

/// A unit of size.
pub(super) fn size(word: &str) -> Result<Speed, Skip> {
    Ok(match word.trim() {
        "MB" | "" | "mb" | "Mb" | "megabytes" => Speed::Times(1.0),
        "GB" | "gb" | "G" | "gigabytes" => Speed::Times(1e-3),
        "MiB" | "mib" => Speed::Times(1e6 / 1_048_576.0),
        "GiB" | "gib" => Speed::Times(1e6 / 1_073_741_824.0),
        "KB" | "kB" | "kb" => Speed::Times(1e3),
        "KiB" => Speed::Times(1e6 / 1024.0),
        "B" | "bytes" | "byte" => Speed::Times(1e6),
        other => return skip(format!("unit `{other}` is no size")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(metric: &str, context: &str) -> Row {
        let text = format!("id,model,metric,value,context_or_batch\nx,m,{metric},1,{context}\n");
        crate::accuracy::read(&text).unwrap().remove(0)
    }

    #[test]
    fn words_are_understood_however_they_are_spelled() {
        let check = |word: &str, metric| assert_eq!(asked(&row(word, "")), Ok(Asked::Of(metric)), "{word}");
        check("Decode", Metric::Decode);
        check("time to first token", Metric::FirstToken);
        check("size-on-disk", Metric::Size);
        check("tg128", Metric::Decode);
        check("generation tps", Metric::Decode);
        check("prompt_tps", Metric::Prefill);
        check("encoder latency", Metric::Latency);
        assert_eq!(asked(&row("latency", "sustained live camera")), Ok(Asked::Of(Metric::InApp)));
        assert!(asked(&row("rtfx", "")).is_err());
    }

    #[test]
    fn a_warm_phone_is_seen_in_the_words() {
        assert!(is_warm(&row("decode", "after ~10 min sustained (throttled)")));
        assert!(!is_warm(&row("decode", "sustained-generation: prompt 25 gen 512")));
    }

    #[test]
    fn units_are_understood_however_they_are_spelled() {
        let check = |word: &str, unit| assert_eq!(units(word, Runtime::CoreMl).map(|own| own.1), Ok(unit), "{word}");
        check("cpuAndNeuralEngine", Some(Unit::Ane));
        check("CPU_AND_NE", Some(Unit::Ane));
        check(".all", None);
        check("cpu + gpu", Some(Unit::Gpu));
        check("Metal GPU", Some(Unit::Gpu));
        assert!(units("abacus", Runtime::CoreMl).is_err());
        assert!(units("ANE", Runtime::Mlx).is_err());
    }

    #[test]
    fn the_side_of_an_image_is_read_from_its_words() {
        let check = |context: &str, found| assert_eq!(side(&row("latency", context)), found, "{context}");
        check("640 batch1 incl. Vision scaling", Some(640.0));
        check("sustained camera frame 480", Some(480.0));
        check("224x224", Some(224.0));
        check("640x480", None);
        check("seq128 batch1", None);
        check("100 runs", None);
    }

    #[test]
    fn a_context_is_read_from_its_words() {
        let check = |context: &str, runtime, tokens, prompt| {
            let found = workload(&row("decode", context), runtime);
            assert_eq!((found.context, found.prompt), (tokens, prompt), "{context}");
        };
        check("pp512", Runtime::LlamaCpp, 576, 512);
        check("prompt 2048 gen 128", Runtime::Mlx, 2112, 2048);
        check("1 token; KV length 1024", Runtime::CoreMl, 1024, 1);
        check("context 4096", Runtime::CoreMl, 4160, 4096);
        check("4k context", Runtime::Mlx, 4160, 4096);
        check("prompt 7084 gen 11776", Runtime::CoreMl, 2048, 7084);
        check("tg128", Runtime::LlamaCpp, 64, 64);
        check("", Runtime::CoreMl, 512, 512);
    }
}
