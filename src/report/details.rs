//! What lies behind the answer: where the work goes, how the variants compare, and what is known of chip and model.

use crate::{
    catalog::{Catalog, Fact, TopsMeaning},
    estimate::law::main_unit,
    machine::{Machine, Unit},
    placement::{Prepared, RuleIdx},
    texts::{facts as text, view::picked},
    units::{
        Quantity,
        format::{number, thousands},
    },
    variant::Runtime,
};

use super::{
    answer::{Answer, Cell, Chosen, keeps_quality},
    frontier::{self, PlanPoint},
    start::{self, Start},
    view::{Line, percents},
    words,
};

/// Everything the page shows about one scenario besides its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// What the picked cell is called.
    pub picked_name: String,
    /// Where the work of the picked cell goes, function by function.
    pub placement: Vec<FunctionView>,
    /// Bundle size and speed by variant, at the picked cell's units where the variant has them.
    pub series: Vec<SeriesRow>,
    /// Every cell of the matrix by size and speed; those of one variant that are alike stand once.
    pub points: Vec<PlanPoint>,
    /// What a start of the picked cell is made of.
    pub start: Start,
    /// Whether the speed of the series is tokens a second; otherwise it is the time of one run.
    pub writes_tokens: bool,
    /// What the speed of the series is called.
    pub speed_name: &'static str,
    /// What the catalogue says of the chip.
    pub chip: Vec<Line>,
    /// What the model is made of.
    pub model: Vec<Line>,
}

/// Where the work of a function goes.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionView {
    /// Function name.
    pub name: String,
    /// Time of a call.
    pub time: String,
    /// Number of operations on Neural Engine, GPU and CPU.
    pub n_ops: [u64; 3],
    /// Share of the time on each, in percent.
    pub shares: [u32; 3],
    /// Changes of unit in a call.
    pub n_hops: u64,
    /// Why operations stay off the Neural Engine, most frequent first: the reason and how many.
    pub refusals: Vec<(&'static str, u64)>,
    /// Share and number of operations on Neural Engine, GPU and CPU, in words.
    pub shares_text: [String; 3],
    /// The changes of unit in words.
    pub hops_text: String,
    /// [`Self::refusals`] in words.
    pub refusals_text: Vec<String>,
}

/// Bundle and speed of one variant, for the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// Variant id.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Which cell of the answer.
    pub idx: usize,
    /// Bytes: value, low, high.
    pub bundle: (f64, f64, f64),
    /// Tokens a second, or seconds of one job: value, low, high.
    pub speed: Option<(f64, f64, f64)>,
    /// The unit that does most of the work of a call.
    pub unit: Option<Unit>,
    /// The bundle in words.
    pub bundle_text: String,
    /// The speed in words, or why there is none.
    pub speed_text: String,
    /// Whether it is the picked variant.
    pub is_picked: bool,
    /// Whether usable quality can be expected without retraining or calibration.
    pub keeps_quality: bool,
}

/// The details of the picked cell of an answer.
#[must_use]
pub fn details(chosen: &Chosen, machine: &Machine, answer: &Answer, functions: &[Prepared<'_>]) -> Option<Details> {
    let cell = answer.picked.and_then(|idx| answer.cells.get(idx))?;
    let writes_tokens = cell.estimate.decode.is_ok();
    Some(Details {
        picked_name: picked(&cell.label(), words::on_units(cell.units)),
        placement: placement(cell, functions),
        series: series(answer, cell),
        points: frontier::points(answer),
        start: start::start(machine, &cell.variant, &cell.estimate, functions),
        writes_tokens,
        speed_name: if writes_tokens { text::DECODE_SPEED } else { text::RUN_TIME },
        chip: chip(machine),
        model: model_lines(chosen),
    })
}

fn placement(cell: &Cell, functions: &[Prepared<'_>]) -> Vec<FunctionView> {
    let each = functions.iter().zip(&cell.estimate.plans);
    each.map(|(function, plan)| {
        let mut refusals: Vec<(&'static str, u64)> = Vec::new();
        for segment in plan.segments.iter().filter(|segment| segment.unit != Unit::Ane) {
            for op in function.ops.get(segment.ops.clone()).unwrap_or_default() {
                let Some(reason) = op.refusal.or(op.full_refusal).map(RuleIdx::short) else { continue };
                let n = u64::from(segment.times);
                match refusals.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, count)) => *count += n,
                    None => refusals.push((reason, n)),
                }
            }
        }
        crate::order::by(&mut refusals, |a, b| a.1 > b.1);
        let shares = percents(plan.seconds);
        let share = |unit: Unit| {
            let share = shares.get(unit.idx()).copied().unwrap_or(0);
            let n_ops = plan.n_ops.get(unit.idx()).copied().unwrap_or(0);
            text::share(&share.to_string(), &n_operations(n_ops))
        };
        FunctionView {
            name: function.function.name.clone(),
            time: words::time_range(&plan.time),
            n_ops: plan.n_ops,
            shares,
            n_hops: plan.n_hops,
            shares_text: Unit::EVERY.map(share),
            hops_text: hops(plan.n_hops),
            refusals_text: refusals.iter().map(|(_, count)| n_operations(*count)).collect(),
            refusals,
        }
    })
    .collect()
}

fn n_operations(n: u64) -> String {
    let say = if n == 1 { text::operation } else { text::operations };
    say(&thousands(n as f64))
}

fn hops(n: u64) -> String {
    let say = if n == 1 { text::change } else { text::changes };
    say(&thousands(n as f64))
}

fn series(answer: &Answer, picked: &Cell) -> Vec<SeriesRow> {
    let mut rows = Vec::new();
    for (idx, cell) in answer.cells.iter().enumerate() {
        if cell.variant.runtime == Runtime::CoreMl && cell.units != picked.units {
            continue;
        }
        let estimate = &cell.estimate;
        let bundle = estimate.bundle;
        let speed = match (&estimate.decode, &estimate.latency) {
            (Ok(decode), _) => Some((decode.value.get(), decode.low.get(), decode.high.get())),
            (_, Ok(latency)) => Some((latency.value.get(), latency.low.get(), latency.high.get())),
            (Err(_), Err(_)) => None,
        };
        let speed_text = match (&estimate.decode, &estimate.latency) {
            (Ok(decode), _) => words::token_range(decode),
            (_, Ok(latency)) => words::time_range(latency),
            (Err(_), Err(absent)) => words::absent(*absent).to_owned(),
        };
        rows.push(SeriesRow {
            id: cell.variant.id(),
            label: cell.label(),
            idx,
            bundle: (bundle.value.get(), bundle.low.get(), bundle.high.get()),
            speed,
            unit: estimate.plans.last().map(main_unit),
            bundle_text: words::size_range(&bundle),
            speed_text,
            is_picked: cell.variant == picked.variant,
            keeps_quality: keeps_quality(&cell.variant),
        });
    }
    rows
}

fn line(label: &str, text: String) -> Line {
    Line { label: label.to_owned(), text, status: None }
}

/// What the catalogue says of the chip: TOPS as stated, what they mean, bandwidths.
fn chip(machine: &Machine) -> Vec<Line> {
    let Some(soc) = machine.soc else {
        return vec![line(text::CHIP, text::OWN_NUMBERS.to_owned())];
    };
    let catalog = Catalog::get();
    let cited = |fact: &Fact, unit: &str| {
        let source = catalog.source(fact.source).map_or("", |source| source.title.as_str());
        let range = if fact.low < fact.high {
            format!(" ({}–{})", number(fact.low), number(fact.high))
        } else {
            String::new()
        };
        format!("{} {unit}{range} — {source}", number(fact.value))
    };
    let mut lines = vec![line(text::CHIP, format!("{} ({})", soc.name, soc.year))];
    if let Some(stated) = &soc.ane_tops_stated {
        let meaning = match soc.ane_tops_meaning {
            TopsMeaning::Fp16 => text::COUNTS_FP16,
            TopsMeaning::Int8 => text::COUNTS_INT8,
            TopsMeaning::Unknown => text::COUNTS_UNKNOWN,
        };
        lines.push(line(text::STATED, format!("{} TOPS; {meaning}", number(stated.value))));
    } else {
        lines.push(line(text::STATED, text::NOT_STATED.to_owned()));
    }
    let mut fact = |label: &str, fact: &Option<Fact>, unit: &str| {
        if let Some(fact) = fact {
            lines.push(line(label, cited(fact, unit)));
        }
    };
    fact(text::FP16_DERIVED, &soc.ane_fp16_derived_tflops, "TFLOPS");
    fact(text::FP16_MEASURED, &soc.ane_fp16_measured_tflops, "TFLOPS");
    fact(text::INT8_MEASURED, &soc.ane_int8_measured_tops, "TOPS");
    fact(text::ANE_READ, &soc.ane_weight_read_gbs, "GB/s");
    fact(text::BANDWIDTH, &soc.memory_gbs, "GB/s");
    fact(text::GPU_FP16, &soc.gpu_fp16_tflops, "TFLOPS");
    for note in &soc.notes {
        lines.push(line(text::NOTE, note.clone()));
    }
    lines
}

fn model_lines(chosen: &Chosen) -> Vec<Line> {
    let model = &chosen.model;
    let mut lines = vec![line(text::PARAMETERS, thousands(model.n_params() as f64))];
    if let Some(preset) = chosen.preset {
        let source = Catalog::get().source(preset.params.source).map_or("", |source| source.title.as_str());
        lines.push(line(text::PUBLISHED, format!("{} — {source}", thousands(preset.params.value))));
        if !preset.note.is_empty() {
            lines.push(line(text::NOTE, preset.note.clone()));
        }
    }
    for function in &model.functions {
        let n_ops: u64 =
            function.sections.iter().map(|section| section.ops.len() as u64 * u64::from(section.times)).sum();
        lines.push(line(&text::function(&function.name), text::operations(&thousands(n_ops as f64))));
    }
    lines
}
