//! `planner plan`: the matrix as a document and as a table.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    catalog::{Catalog, Law},
    estimate::{Absent, Status, law::Metric},
    machine::Machine,
    scenario::{DeviceRef, ModelRef, Scenario},
    texts::starting::{NO_POWER, ONLY_PHONES},
    units::{Basis, Figure, Quantity},
    variant::{Compression, Precision, Runtime, Variant},
};

use super::{
    answer::{Answer, Cell},
    quality::{Pair, QualityDocument, quality},
    words,
};

/// The document of `planner plan --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanDocument {
    /// `coreml-planner/plan/1`.
    pub schema: &'static str,
    /// What was asked.
    pub scenario: ScenarioDocument,
    /// One row for each variant and choice of units.
    pub rows: Vec<RowDocument>,
    /// The row that the planner recommends, counted from 0.
    pub recommended: Option<usize>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioDocument {
    /// Preset id, or the name of the package.
    pub model: String,
    /// Device id, or `custom`.
    pub device: String,
    /// Operating system with its version.
    pub os: String,
    /// RAM in bytes, if known.
    pub ram_bytes: Option<f64>,
    /// KV cache capacity in tokens.
    pub context: u32,
    /// Prompt tokens.
    pub prompt: u32,
    /// Whether the app has the increased-memory entitlement.
    pub increased_memory_limit: bool,
    /// The scenario as a link: the part after `#`.
    pub link: String,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowDocument {
    /// Variant id.
    pub variant: String,
    /// `fp32`, `fp16`, `w8a8`.
    pub precision: &'static str,
    /// `none`, `lut4-g16` …
    pub compression: String,
    /// `all`, `cpu-only`, `cpu-and-gpu`, `cpu-and-ne`.
    pub units: &'static str,
    /// `coreml`, `llama.cpp`, `mlx`.
    pub runtime: &'static str,
    /// The worst of the verdicts that decide.
    pub status: &'static str,
    /// Package, GGUF or safetensors file.
    pub bundle_bytes: Option<FigureDocument>,
    /// What the App Store delivers.
    pub download_bytes: Option<FigureDocument>,
    /// Run-time memory.
    pub memory_bytes: Option<FigureDocument>,
    /// Run-time memory by part; the parts sum to `memory_bytes`.
    pub memory_parts: BTreeMap<&'static str, FigureDocument>,
    /// Prompt tokens a second.
    pub prefill_tokens_per_s: Option<FigureDocument>,
    /// Time to the first token.
    pub ttft_s: Option<FigureDocument>,
    /// Generated tokens a second.
    pub decode_tokens_per_s: Option<FigureDocument>,
    /// Generated tokens a second after about ten minutes without a pause; null where nobody measured what is left.
    pub sustained_tokens_per_s: Option<FigureDocument>,
    /// Energy of one token while the device writes without a pause; null where nobody measured the power of its like.
    pub energy_per_token_j: Option<FigureDocument>,
    /// Power of the device while it does.
    pub power_w: Option<FigureDocument>,
    /// Time of one job.
    pub latency_s: Option<FigureDocument>,
    /// Share of the predicted time on each unit, over all functions.
    pub time_share: BTreeMap<&'static str, f64>,
    /// What published tables say the compression does to answers, models of the same kind; null where
    /// the table is not at hand.
    pub quality: Option<QualityDocument>,
    /// Why a figure is null.
    pub reasons: BTreeMap<&'static str, &'static str>,
    /// What each limit says.
    pub verdicts: Vec<VerdictDocument>,
}

/// A figure in a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureDocument {
    /// The best single answer.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Unit of all three.
    pub unit: &'static str,
    /// `exact`, `measured`, `derived` or `assumed`.
    pub basis: &'static str,
    /// Median error on measured rows of sources that the fit had not seen, in percent; absent where nothing was fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typical_error_pct: Option<f64>,
}

impl FigureDocument {
    /// With the error of the law that it goes by.
    fn with_error_of(self, law: Option<&Law>) -> Self {
        Self { typical_error_pct: law.map(|law| f64::from(law.error) / 10.0), ..self }
    }
}

/// A verdict in a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerdictDocument {
    /// Which limit.
    pub limit: &'static str,
    /// `fits`, `tight`, `does not fit` or `unknown`.
    pub status: &'static str,
    /// Whether the variant does not ship when this fails.
    pub decides: bool,
    /// In one sentence.
    pub text: String,
}

impl<U: Quantity> From<Figure<U>> for FigureDocument {
    fn from(figure: Figure<U>) -> Self {
        Self {
            value: figure.value.get(),
            low: figure.low.get(),
            high: figure.high.get(),
            unit: U::UNIT,
            basis: basis(figure.basis),
            typical_error_pct: None,
        }
    }
}

fn basis(basis: Basis) -> &'static str {
    basis.word()
}

/// The document of an answer; `pairs` are the published effects on quality, where the caller has them.
#[must_use]
pub fn document(scenario: &Scenario, machine: &Machine, answer: &Answer, pairs: &[Pair]) -> PlanDocument {
    let preset = match &scenario.model {
        ModelRef::Preset(id) => Catalog::get().preset(id),
        ModelRef::Package(_) => None,
    };
    let arch = preset.map(|preset| &preset.arch);
    let of = |variant: &Variant| (!pairs.is_empty()).then(|| quality(pairs, variant, arch));
    PlanDocument {
        schema: "coreml-planner/plan/1",
        scenario: ScenarioDocument {
            model: match &scenario.model {
                ModelRef::Preset(id) => id.clone(),
                ModelRef::Package(name) => name.clone(),
            },
            device: match &scenario.device {
                DeviceRef::Known { id, .. } => id.clone(),
                DeviceRef::Custom(_) => "custom".to_owned(),
            },
            os: words::os(machine.os, machine.os_version),
            ram_bytes: machine.ram.map(Quantity::get),
            context: scenario.context,
            prompt: scenario.prompt,
            increased_memory_limit: scenario.entitled,
            link: crate::scenario::url::encode(scenario),
        },
        rows: answer.cells.iter().map(|cell| row(cell, machine, of(&cell.variant))).collect(),
        recommended: answer.recommended,
    }
}

fn row(cell: &Cell, machine: &Machine, quality: Option<QualityDocument>) -> RowDocument {
    let estimate = &cell.estimate;
    let mut reasons = BTreeMap::new();
    let mut or_reason = |key: &'static str, absent: Option<Absent>| {
        if let Some(absent) = absent {
            reasons.insert(key, words::absent(absent));
        }
    };
    or_reason("prefill_tokens_per_s", estimate.prefill.err());
    or_reason("ttft_s", estimate.ttft.err());
    or_reason("decode_tokens_per_s", estimate.decode.err());
    or_reason("latency_s", estimate.latency.err());
    let sustained = estimate.sustained(machine, cell.variant.runtime);
    if sustained.is_none() && estimate.decode.is_ok() {
        reasons.insert("sustained_tokens_per_s", ONLY_PHONES);
    }
    let fitted = |figure: Option<FigureDocument>, metric| Some(figure?.with_error_of(estimate.law(metric)));
    let energy = estimate.energy(machine, cell.variant.runtime);
    if energy.is_none() {
        for key in ["energy_per_token_j", "power_w"] {
            reasons.insert(key, NO_POWER);
        }
    }
    let mut seconds = [0.0; 3];
    for plan in &estimate.plans {
        for (sum, own) in seconds.iter_mut().zip(plan.seconds) {
            *sum += own;
        }
    }
    let whole: f64 = seconds.iter().sum();
    let mut time_share = BTreeMap::new();
    if whole > 0.0 {
        for (name, own) in ["ane", "gpu", "cpu"].into_iter().zip(seconds) {
            time_share.insert(name, own / whole);
        }
    }
    let memory = &estimate.memory;
    let parts = [
        ("weights", memory.weights),
        ("cache", memory.cache),
        ("activations", memory.activations),
        ("runtime", memory.runtime),
    ];
    RowDocument {
        variant: cell.variant.id(),
        precision: match cell.variant.precision {
            Precision::Fp32 => "fp32",
            Precision::Fp16 => "fp16",
            Precision::W8A8 => "w8a8",
        },
        compression: compression_id(&cell.variant),
        units: cell.units.id(),
        runtime: match cell.variant.runtime {
            Runtime::CoreMl => "coreml",
            Runtime::LlamaCpp => "llama.cpp",
            Runtime::Mlx => "mlx",
        },
        status: words::status(cell.status()),
        bundle_bytes: Some(estimate.bundle.into()),
        download_bytes: Some(estimate.download.into()),
        memory_bytes: Some(memory.total().into()),
        memory_parts: parts.into_iter().map(|(name, figure)| (name, figure.into())).collect(),
        prefill_tokens_per_s: fitted(estimate.prefill.ok().map(Into::into), Metric::Prefill),
        ttft_s: fitted(estimate.ttft.ok().map(Into::into), Metric::Prefill),
        decode_tokens_per_s: fitted(estimate.decode.ok().map(Into::into), Metric::Decode),
        sustained_tokens_per_s: sustained.map(Into::into),
        energy_per_token_j: energy.map(|own| own.token.into()),
        power_w: energy.map(|own| own.power.into()),
        latency_s: fitted(estimate.latency.ok().map(Into::into), Metric::Latency),
        time_share,
        quality,
        reasons,
        verdicts: estimate
            .verdicts
            .iter()
            .map(|verdict| VerdictDocument {
                limit: words::limit_id(verdict.kind),
                status: words::status(verdict.status),
                decides: verdict.weight == crate::estimate::VerdictWeight::Decides,
                text: words::verdict(verdict, machine),
            })
            .collect(),
    }
}

/// The compression alone: `none`, `lut4-g16`, `int8-channel`, `q4_k_m` …
fn compression_id(variant: &Variant) -> String {
    // What happens to the weights: the precision has a field of its own.
    let weights = Variant { precision: Precision::Fp16, ..*variant };
    if variant.compression == Compression::None { "none".to_owned() } else { weights.id() }
}

/// The answer as a table for a terminal.
#[must_use]
pub fn text(scenario: &Scenario, machine: &Machine, model_name: &str, answer: &Answer) -> String {
    let mut out = String::new();
    let link = crate::scenario::url::encode(scenario);
    let ram = machine.ram.map_or_else(|| "RAM unknown".to_owned(), crate::units::format::iec_bytes);
    let line = format!("{model_name} on {} ({}, {ram})\n", machine.name, words::os(machine.os, machine.os_version));
    out.push_str(&line);
    if let Some(cell) = answer.recommended.and_then(|idx| answer.cells.get(idx)) {
        out.push_str(&super::view::sentence(model_name, machine, cell).to_string());
        out.push('\n');
    }
    out.push_str("Every number is a prediction; the range is what published measurements leave open.\n\n");
    let mut rows = vec![[
        "variant".to_owned(),
        "units".to_owned(),
        "bundle".to_owned(),
        "memory".to_owned(),
        "first token".to_owned(),
        "speed".to_owned(),
        "verdict".to_owned(),
    ]];
    for (idx, cell) in answer.cells.iter().enumerate() {
        let estimate = &cell.estimate;
        let speed = match (&estimate.decode, &estimate.latency) {
            (Ok(decode), _) => words::token_range(decode),
            (_, Ok(latency)) => words::time_range(latency),
            (Err(_), Err(absent)) => words::absent(*absent).to_owned(),
        };
        let mark = if Some(idx) == answer.recommended { " *" } else { "" };
        let binding = crate::estimate::overall(&estimate.verdicts)
            .filter(|verdict| verdict.status != Status::Fits)
            .map_or(String::new(), |verdict| format!(" ({})", words::limit_name(verdict.kind)));
        rows.push([
            format!("{}{mark}", cell.variant.id()),
            cell.units.id().to_owned(),
            words::size_range(&estimate.bundle),
            words::memory_range(&estimate.memory.total()),
            estimate.ttft.as_ref().map_or_else(|_| "–".to_owned(), words::time_range),
            speed,
            format!("{}{binding}", words::status(cell.status())),
        ]);
    }
    table(&rows, &mut out);
    out.push_str(&format!("\n* recommended   link: #{link}\n"));
    out
}

/// Lays out rows in columns as wide as their widest cell.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], out: &mut String) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            for _ in cell.chars().count()..*width + 2 {
                line.push(' ');
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
