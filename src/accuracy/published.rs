//! Rows about quality: what published pairs of other rows let one expect.
//!
//! The plain value of the model is looked up; the compressed one is that times the median of what the same method and bits
//! did to models of the table, by the same measure; the range is what they span. A row is never told its own value.
//! Absent on purpose: a measure carried over to another, and a model without a published plain value.

use super::{
    compression,
    known::key,
    parse::Row,
    resolve::{Skip, skip},
};
use crate::{
    estimate::law::Answer,
    report::{effect::wanted, quality::Pair},
    variant::Runtime,
};

/// The words of the table for a metric of a row.
fn measure(metric: &str) -> Option<&'static str> {
    Some(match metric {
        "q_top1" => "ImageNet top-1 accuracy, percent",
        "q_wer" => "word error rate, percent",
        "q_ppl_c4" => "perplexity on C4",
        "q_ppl_wikitext2" => "perplexity on WikiText-2",
        "q_zeroshot11_avg" => "average accuracy of 11 zero-shot tasks, percent",
        "q_mmlu_pro" => "MMLU-Pro accuracy, percent",
        _ => return None,
    })
}

/// What a row about quality is expected to state.
pub(super) fn expected(row: &Row, pairs: &[Pair]) -> Result<Answer, Skip> {
    let Some(measure) = measure(&row.metric) else {
        return skip("no published pairs of this measure");
    };
    let name = key(&row.model);
    let own = |pair: &&Pair| pair.measure == measure && key(&pair.model) == name;
    let origin = |pair: &&Pair| pair.source.starts_with(row.origin());
    let plain = pairs.iter().filter(own).find(origin).or_else(|| pairs.iter().find(own));
    let Some(plain) = plain.map(|pair| pair.plain) else {
        return skip(format!("no published plain value of `{}` by this measure", row.model));
    };
    let word = row.compression.to_ascii_lowercase();
    if ["none", "f16", "bf16", "fp16", "none (fp16)", "none (fp32)"].contains(&word.as_str()) {
        return Ok(Answer { value: plain, low: plain * 0.98, high: plain * 1.02 });
    }
    let runtime = match row.runtime.as_str() {
        "mlx" => Runtime::Mlx,
        "llama.cpp" => Runtime::LlamaCpp,
        _ => Runtime::CoreMl,
    };
    let format = compression::read(runtime, &row.precision, &row.compression, &row.model);
    let Some((method, bits, group)) = format.and_then(|format| wanted(&format.variant)) else {
        return skip(format!("no published pairs for compression `{}`", row.compression));
    };
    let training = match word.as_str() {
        word if word.contains("qat") || word.contains("dkm") => "retrained",
        word if ["sensitive", "gptq", "awq", "autoround", "omniquant"].iter().any(|own| word.contains(own)) => {
            "calibrated"
        }
        _ => "none",
    };
    let perplexity = |words: &str| words.starts_with("perplexity");
    let bits = bits.to_string();
    let alike: Vec<&Pair> = pairs
        .iter()
        .filter(|pair| pair.row != row.id && pair.method == method && pair.bits == bits && pair.training == training)
        .filter(|pair| pair.measure == measure || perplexity(&pair.measure) && perplexity(measure))
        .collect();
    let same_group: Vec<&Pair> = alike.iter().copied().filter(|pair| pair.group == group).collect();
    let used = if same_group.is_empty() { alike } else { same_group };
    let mut ratios: Vec<f64> = used.iter().map(|pair| pair.compressed / pair.plain).collect();
    ratios.sort_by(f64::total_cmp);
    let (Some(least), Some(median), Some(most)) = (ratios.first(), ratios.get(ratios.len() / 2), ratios.last()) else {
        return skip(format!("no published pairs of {method} at {bits} bits by this measure"));
    };
    // A few pairs do not show all that can happen: the effect may be half as strong or half as strong again.
    let effect = |ratio: f64, by: f64| (1.0 + (ratio - 1.0) * by).max(0.0) * plain;
    let ends = [effect(*least, 0.5), effect(*least, 1.5), effect(*most, 0.5), effect(*most, 1.5)];
    Ok(Answer {
        value: median * plain,
        low: ends.iter().copied().fold(plain * 0.995, f64::min).min(median * plain),
        high: ends.iter().copied().fold(plain * 1.005, f64::max).max(median * plain),
    })
}
