//! "Why this number?": the formula, the inputs with their ranges, and the sources of one figure of one cell.

use crate::{
    catalog::{Catalog, Fact, Law, Source},
    machine::{Coef, Machine, Unit},
    model::Role,
    placement::{Plan, Prepared, Terms},
    texts::{view as figures, why as text},
    units::{
        Bytes, BytesPerSec, Figure, OpsPerSec, Quantity, Seconds,
        format::{iec_bytes, number, rate, seconds, si_bytes, tera},
    },
    variant::{Runtime, Stored},
};

use super::{answer::Cell, view::FigureKey, words};

/// The explanation of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// What is explained.
    pub title: String,
    /// The figure with its range.
    pub answer: String,
    /// How it is computed, in one line.
    pub formula: &'static str,
    /// What goes in, part by part.
    pub inputs: Vec<Input>,
    /// What a reader should keep in mind.
    pub caveat: &'static str,
}

/// One input of a formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Its range, when it has one.
    pub range: String,
    /// Who says so, when it is a fact.
    pub source: Option<&'static Source>,
    /// What a reader should know with it.
    pub note: String,
}

impl Input {
    fn plain(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), value, range: String::new(), source: None, note: String::new() }
    }

    fn noted(name: &str, value: String, note: &str) -> Self {
        Self { note: note.to_owned(), ..Self::plain(name, value) }
    }

    fn coefficient(coef: Coef) -> Option<Self> {
        let row = coef.row()?;
        let scale = |value: f64| number(value / unit_factor(&row.unit));
        let source = Catalog::get().source(row.fact.source);
        let range = if row.fact.low < row.fact.high {
            format!("{}–{}", scale(row.fact.low), scale(row.fact.high))
        } else {
            String::new()
        };
        Some(Self {
            name: row.what.clone(),
            value: format!("{} {}", scale(row.fact.value), row.unit),
            range,
            source,
            note: row.fact.note.clone(),
        })
    }

    fn fact(name: &str, fact: &Fact, unit: &str) -> Self {
        let range =
            if fact.low < fact.high { format!("{}–{}", number(fact.low), number(fact.high)) } else { String::new() };
        Self {
            name: name.to_owned(),
            value: format!("{} {unit}", number(fact.value)),
            range,
            source: Catalog::get().source(fact.source),
            note: fact.note.clone(),
        }
    }
}

/// What one of the unit is in the base unit that coefficients are packed in.
fn unit_factor(unit: &str) -> f64 {
    match unit {
        "ms" => 1e-3,
        "MB" => 1e6,
        "GB/s" | "Gweights/s" => 1e9,
        "TFLOPS" => 1e12,
        _ => 1.0,
    }
}

/// Explains one figure of a cell; `None` when the cell has no such figure.
#[must_use]
pub fn why(key: FigureKey, cell: &Cell, stored: &Stored, machine: &Machine, functions: &[Prepared<'_>]) -> Option<Why> {
    match key {
        FigureKey::Bundle => Some(bundle(cell, stored)),
        FigureKey::Download => Some(download(cell)),
        FigureKey::Memory => Some(memory(cell, machine)),
        FigureKey::Decode => {
            let decode = cell.estimate.decode.ok()?;
            let (_, plan) = with_role(cell, functions, |role| matches!(role, Role::Decode { .. }))?;
            let formula = text::DECODE_FORMULA;
            Some(speed(text::DECODE, words::token_range(&decode), formula, cell, machine, plan))
        }
        FigureKey::Prefill | FigureKey::FirstToken => {
            let ttft = cell.estimate.ttft.ok()?;
            let (_, plan) = with_role(cell, functions, |role| matches!(role, Role::Prefill { .. }))?;
            let formula = text::FIRST_TOKEN_FORMULA;
            Some(speed(text::FIRST_TOKEN, words::time_range(&ttft), formula, cell, machine, plan))
        }
        FigureKey::Latency => {
            let latency = cell.estimate.latency.ok()?;
            let (_, plan) = with_role(cell, functions, |role| matches!(role, Role::Step { .. }))
                .or_else(|| with_role(cell, functions, |role| matches!(role, Role::Single)))?;
            let formula = text::RUN_FORMULA;
            Some(speed(text::RUN, words::time_range(&latency), formula, cell, machine, plan))
        }
    }
}

fn with_role<'c>(
    cell: &'c Cell,
    functions: &[Prepared<'_>],
    wanted: impl Fn(Role) -> bool,
) -> Option<(usize, &'c Plan)> {
    let at = functions.iter().position(|function| wanted(function.function.role))?;
    cell.estimate.plans.get(at).map(|plan| (at, plan))
}

fn bundle(cell: &Cell, stored: &Stored) -> Why {
    Why {
        title: text::bundle(&cell.label()),
        answer: words::size_range(&cell.estimate.bundle),
        formula: text::BUNDLE_FORMULA,
        inputs: stored_lines(stored),
        caveat: text::BUNDLE_CAVEAT,
    }
}

fn stored_lines(stored: &Stored) -> Vec<Input> {
    let counted = |name: &str, bytes: u64| (bytes > 0).then(|| Input::plain(name, si_bytes(Bytes::new(bytes))));
    let mut inputs: Vec<Input> = [
        (text::WEIGHT_FILE, stored.payload),
        (text::RECORDS, stored.records),
        (text::ALIGNMENT, stored.padding),
        (text::HEADER, stored.header),
        (text::MANIFEST, stored.manifest),
    ]
    .into_iter()
    .filter_map(|(name, bytes)| counted(name, bytes))
    .collect();
    inputs.push(Input {
        range: words::size_range(&stored.spec),
        ..Input::noted(text::SPECIFICATION, si_bytes(stored.spec.value), text::SPECIFICATION_NOTE)
    });
    let bits = number(stored.bits_per_weight());
    inputs.push(Input::plain(text::STORED_BITS, bits));
    inputs
}

fn download(cell: &Cell) -> Why {
    let mut inputs = vec![Input::plain(figures::BUNDLE, si_bytes(cell.estimate.bundle.value))];
    inputs.extend(Input::coefficient(Coef::DownloadShare));
    Why {
        title: text::DOWNLOAD.to_owned(),
        answer: words::size_range(&cell.estimate.download),
        formula: text::DOWNLOAD_FORMULA,
        inputs,
        caveat: text::DOWNLOAD_CAVEAT,
    }
}

fn memory(cell: &Cell, machine: &Machine) -> Why {
    let memory = &cell.estimate.memory;
    let part = |name: &str, figure: &Figure<Bytes>, note: &str| Input {
        range: words::memory_range(figure),
        ..Input::noted(name, iec_bytes(figure.value), note)
    };
    let mut inputs = vec![
        part(figures::PART_WEIGHTS, &memory.weights, text::WEIGHTS_NOTE),
        part(figures::PART_CACHE, &memory.cache, text::CACHE_NOTE),
        part(figures::PART_ACTIVATIONS, &memory.activations, text::ACTIVATIONS_NOTE),
    ];
    inputs.extend(Input::coefficient(match cell.variant.runtime {
        Runtime::CoreMl => Coef::RuntimeMemoryCoreml,
        Runtime::LlamaCpp | Runtime::Mlx => Coef::RuntimeMemoryOther,
    }));
    for (name, limit) in [(text::LIMIT_APP, machine.app_memory), (text::LIMIT_ENTITLED, machine.app_memory_entitled)] {
        if let Some(limit) = limit {
            let note = text::LIMIT_NOTE;
            inputs
                .push(Input { range: words::memory_range(&limit), ..Input::noted(name, iec_bytes(limit.value), note) });
        }
    }
    Why {
        title: text::MEMORY.to_owned(),
        answer: words::memory_range(&memory.total()),
        formula: text::MEMORY_FORMULA,
        inputs,
        caveat: text::MEMORY_CAVEAT,
    }
}

fn speed(title: &str, answer: String, formula: &'static str, cell: &Cell, machine: &Machine, plan: &Plan) -> Why {
    let Terms { compute, weights, cache, activations, fixed, hops, arithmetic: _, reading: _ } = plan.terms;
    let time = |name: &str, value: f64| Input::plain(name, seconds(Seconds::of(value)));
    let mut inputs =
        vec![Input { range: words::time_range(&plan.time), ..Input::plain(text::CALL, seconds(plan.time.value)) }];
    inputs.extend(plan.law.into_iter().flat_map(fitted));
    let terms = [
        (text::ARITHMETIC, compute),
        (text::READING_WEIGHTS, weights),
        (text::READING_CACHE, cache),
        (text::ACTIVATIONS, activations),
        (text::FIXED, fixed),
        (text::HOPS, hops),
    ];
    inputs.extend(terms.into_iter().filter(|(_, value)| *value > 0.0).map(|(name, value)| time(name, value)));
    for unit in Unit::EVERY {
        let n_ops = plan.n_ops.get(unit.idx()).copied().unwrap_or(0);
        if n_ops == 0 {
            continue;
        }
        let on_unit = plan.seconds.get(unit.idx()).copied().unwrap_or(0.0);
        inputs.push(Input::plain(
            &text::predicted_ops(unit.name()),
            format!("{n_ops} ({})", seconds(Seconds::of(on_unit))),
        ));
        inputs.extend(unit_inputs(unit, cell.variant.runtime, machine));
    }
    Why { title: title.to_owned(), answer, formula, inputs, caveat: text::SPEED_CAVEAT }
}

/// The law that measured rows gave, and how far it was off on rows that it had not seen.
fn fitted(law: &Law) -> [Input; 2] {
    let times = |thousandths: u32| ["× ", &number(f64::from(thousandths) / 1000.0)].concat();
    let by = text::multiples(&times(law.stream), &times(law.compute), &times(law.traffic), &times(law.fixed));
    let rows = text::rows(&law.n.to_string(), &law.n_sources.to_string());
    let percent = |thousandths: u32| [&*number(f64::from(thousandths) / 10.0), " %"].concat();
    [
        Input::noted(text::FITTED, rows, &[&*by, " (", &law.class, ")"].concat()),
        Input::noted(text::UNSEEN_ERROR, percent(law.error), text::UNSEEN_NOTE),
    ]
}

/// The rates of a unit, and the coefficients behind them.
fn unit_inputs(unit: Unit, runtime: Runtime, machine: &Machine) -> Vec<Input> {
    let mut inputs = Vec::new();
    let Some(engine) = machine.engine(runtime, unit) else { return inputs };
    let bandwidth = |name: &str, figure: &Figure<BytesPerSec>| Input {
        range: format!("{}–{}", rate(figure.low), rate(figure.high)),
        ..Input::noted(name, rate(figure.value), words::basis(figure.basis.word()))
    };
    let arithmetic = |name: &str, figure: &Figure<OpsPerSec>| Input {
        range: format!("{}–{}", tera(figure.low, "TFLOPS"), tera(figure.high, "TFLOPS")),
        ..Input::noted(name, tera(figure.value, "TFLOPS"), words::basis(figure.basis.word()))
    };
    inputs.push(bandwidth(text::WEIGHT_BANDWIDTH, &engine.weights));
    inputs.push(arithmetic(text::DENSE_RATE, &engine.dense));
    let soc = machine.soc;
    if let Some(fact) = soc.and_then(|soc| soc.memory_gbs.as_ref()) {
        inputs.push(Input::fact(text::CHIP_BANDWIDTH, fact, "GB/s"));
    }
    let coefs: &[Coef] = match (unit, runtime) {
        (Unit::Ane, _) => {
            if let Some(fact) = soc.and_then(|soc| soc.ane_weight_read_gbs.as_ref()) {
                inputs.push(Input::fact(text::ANE_WEIGHT_READ, fact, "GB/s"));
                &[Coef::AneWeightShare, Coef::AneDenseShare, Coef::CacheShareAne]
            } else {
                &[Coef::AneDramShare, Coef::AneDenseShare, Coef::CacheShareAne]
            }
        }
        (Unit::Gpu, Runtime::CoreMl) => &[
            Coef::GpuWeightShare,
            Coef::GpuDenseShareCoreml,
            Coef::GpuOpCoreml,
            Coef::CacheShareCoremlGpu,
            Coef::CacheMostCoremlGpu,
        ],
        (Unit::Gpu, Runtime::LlamaCpp) => {
            &[Coef::GpuWeightShare, Coef::GpuDenseShareLlamacpp, Coef::GpuOpLlamacpp, Coef::CacheShareOther]
        }
        (Unit::Gpu, Runtime::Mlx) => {
            &[Coef::GpuWeightShare, Coef::GpuDenseShareMlx, Coef::GpuOpMlx, Coef::CacheShareOther]
        }
        (Unit::Cpu, _) => &[Coef::CpuBandwidthShare, Coef::CpuDenseShare, Coef::CpuOp],
    };
    inputs.extend(coefs.iter().filter_map(|coef| Input::coefficient(*coef)));
    inputs
}
