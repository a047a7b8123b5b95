//! From a row's words to the question that the planner would be asked, or the reason why it cannot be asked.

use super::{
    case::{Case, Metric, Speed},
    compression::{self, Format, before},
    identifiers::{Named, product},
    known::{Fallback, Known, key},
    parse::Row,
    words::{self, Asked},
};
use crate::{
    catalog::{Catalog, Device, DeviceKind, OsFamily},
    estimate::{
        Subject,
        law::{self, Class, Parts},
        sustained,
    },
    machine::{self, Machine, Unit},
    model::{Def, Model, Role},
    placement::Plan,
    scenario::{DeviceRef, Units},
    units::{Figure, Quantity},
    variant::{Compression, Precision, Runtime, Storage, Variant},
};

/// Why a row cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(pub String);

pub(super) fn skip<T>(why: impl Into<String>) -> Result<T, Skip> {
    Err(Skip(why.into()))
}

/// The device of a row: by name among those with its chip, else any with its chip.
fn machine_of(row: &Row) -> Result<Machine, Skip> {
    let catalog = Catalog::get();
    let named = product(&row.device);
    let words = match named {
        Named::Product(words) => words,
        Named::Unlisted | Named::Plain => row.device.as_str(),
    };
    let name = ordinal(words);
    let soc = key(&row.soc).replace("apple", "").replace("bionic", "");
    let by_name = |device: &&Device| {
        let own = ordinal(&device.name);
        !name.is_empty() && (own == name || name.contains(&own))
    };
    let soc = match catalog.socs.iter().find(|own| key(&own.id) == soc) {
        Some(soc) => Some(soc),
        None if named == Named::Unlisted => {
            return skip(format!(
                "nobody told the chip of the hardware identifier `{}`: state it in `soc`",
                row.device
            ));
        }
        None => catalog.socs.iter().filter(|soc| name.contains(&key(&soc.id))).max_by_key(|soc| soc.id.len()),
    };
    let cores = before(&row.device, "c").or_else(|| before(&row.device, "-core")).filter(|cores| *cores >= 4.0);
    let pick = |device: &Device| {
        let same = |cores: f64| {
            let most = soc.and_then(|soc| soc.gpu_cores.last()).copied().unwrap_or(0);
            f64::from(device.gpu_cores.unwrap_or(most)) == cores
        };
        let ram = before(&row.device, "GB").is_some_and(|ram| device.ram_gib.contains(&ram));
        (by_name(&device), cores.is_none_or(same), device.gpu_cores.is_none(), ram, device.name.len())
    };
    let device = match soc {
        Some(soc) => catalog.devices.iter().filter(|device| device.soc == soc.id).max_by_key(|device| pick(device)),
        None => catalog.devices.iter().filter(by_name).max_by_key(|device| device.name.len()),
    };
    let Some(device) = device else {
        return skip(format!("no device or chip `{}` `{}` in the catalogue", row.device, row.soc));
    };
    let stated = row.os.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty());
    let fallback = crate::report::answer::default_os(&DeviceRef::Known { id: device.id.clone(), ram_gib: None });
    let is_right = match device.os {
        OsFamily::Macos => row.os.to_ascii_lowercase().contains("mac"),
        _ => !row.os.to_ascii_lowercase().contains("mac"),
    };
    let os = stated.and_then(|digits| digits.parse().ok()).filter(|_| is_right).unwrap_or(fallback);
    let reference = DeviceRef::Known { id: device.id.clone(), ram_gib: None };
    let mut machine = machine::resolve(&reference, os).map_err(|unknown| Skip(unknown.to_string()))?;
    if let (Some(cores), Some(most)) = (cores, soc.and_then(|soc| soc.gpu_cores.last()).copied()) {
        let own = device.gpu_cores.unwrap_or(most);
        let share = cores / f64::from(own.max(1));
        if (0.4..1.01).contains(&share) {
            for engine in [&mut machine.gpu, &mut machine.gpu_llamacpp, &mut machine.gpu_mlx].into_iter().flatten() {
                engine.dense = times(engine.dense, share);
            }
        }
    }
    Ok(machine)
}

/// A device's name as a key, without the word that follows its ordinal: `iPhone SE (3rd generation)` is `iPhone SE 3` to many.
fn ordinal(name: &str) -> String {
    let key = key(name);
    ["st", "nd", "rd", "th"].iter().fold(key, |key, end| key.replace(&format!("{end}generation"), ""))
}

fn times<Q: Quantity>(figure: Figure<Q>, share: f64) -> Figure<Q> {
    figure.map(|value| Q::of(value.get() * share))
}

/// Finds what a row measures and asks the planner for its parts.
pub fn resolve(row: &Row, known: &Known) -> Result<Case, Skip> {
    let asked = words::asked(row)?;
    let Some(value) = row.value.filter(|value| *value > 0.0) else { return skip("the value is no number above 0") };
    let runtime = words::runtime(&row.runtime, &row.model)?;
    let (units, stated) = words::units(&row.compute_unit, runtime)?;
    let needs_no_device = matches!(asked, Asked::Of(Metric::Size) | Asked::SizeRatio);
    let machine = match machine_of(row) {
        Ok(machine) => machine,
        Err(_) if needs_no_device => {
            let any = DeviceRef::Known { id: "iphone-15-pro".to_owned(), ram_gib: None };
            machine::resolve(&any, 18).map_err(|unknown| Skip(unknown.to_string()))?
        }
        Err(skip) => return Err(skip),
    };
    let fallback = match asked {
        Asked::Of(Metric::Decode | Metric::Prefill | Metric::FirstToken) => Fallback::Decoder,
        _ if runtime != Runtime::CoreMl => Fallback::Decoder,
        Asked::Of(Metric::Size | Metric::Memory | Metric::Load | Metric::FirstLoad) | Asked::SizeRatio => {
            Fallback::Bytes
        }
        Asked::Of(_) | Asked::Stream => Fallback::None,
    };
    let Some(design) = known.design(&row.model, &row.params, fallback) else {
        return skip(format!("nothing is known of the architecture or size of `{}`", row.model));
    };
    let Some(format) = compression::read(runtime, &row.precision, &row.compression, &row.model) else {
        return skip(format!("no variant for precision `{}`, compression `{}`", row.precision, row.compression));
    };
    let workload = words::workload(row, runtime);
    let Some(model) = design.lower(&row.model, &workload, words::sequence(row), words::side(row)) else {
        return skip("the preset does not exist");
    };
    let is_part = row.model.to_ascii_lowercase().contains("unet");
    let model = if is_part { only_steps(&model) } else { model };
    let question = Question { row, asked, runtime, units, stated, machine: &machine, format, model: &model };
    let mut case = question.case(value)?;
    if design.stands_in() {
        let floor = if case.class.unit == "ane" && case.parts.compute > 0.0 { STAND_IN_FLOOR } else { 0.0 };
        (case.parts.compute, case.parts.chain) = (0.0, case.parts.compute + floor);
    }
    Ok(case)
}

/// Seconds that an app spends around the prompt before it shows a token, to begin the fit with.
const FIRST_TOKEN: f64 = 0.02;

/// Seconds that a network on the Neural Engine takes beside its multiply-adds, before the fit: straight lines over families
/// of networks (MobileOne, RepViT, FastViT, coremltools' own; A14 to A17 Pro) start at 0.38 to 0.63 ms, of which a call
/// through Core ML is 0.1. A graph of real operations has that in its own parts.
const STAND_IN_FLOOR: f64 = 0.3e-3;

/// Bytes a second at which a cache crosses as inputs and outputs of a call, as models did it before Core ML had states:
/// GPT-2 family on M1 Max, 8 to 1024 tokens of cache, with the Neural Engine and on the CPU alone
/// (smpanaro/more-ane-transformers); on the GPU, Llama 3.1 8B on M1 Max (Apple's article on Core ML states).
const CACHE_CROSSING: f64 = 1.2e9;
const CACHE_CROSSING_CPU: f64 = 0.5e9;
const CACHE_CROSSING_GPU: f64 = 0.36e9;

/// The model without the weights that no denoising step reads: a row that names the UNet is about it alone.
fn only_steps(model: &Model) -> Model {
    let mut own = model.clone();
    own.functions.retain(|function| matches!(function.role, Role::Step { .. }));
    if own.functions.is_empty() {
        return model.clone();
    }
    let mut is_read = vec![false; own.weights.len()];
    for value in own.functions.iter().flat_map(|function| &function.values) {
        if let Def::Weight(weight) = &value.def
            && let Some(slot) = is_read.get_mut(weight.0 as usize)
        {
            *slot = true;
        }
    }
    for (weight, _) in own.weights.iter_mut().zip(&is_read).filter(|(_, is_read)| !**is_read) {
        weight.shape = vec![0];
        weight.copies = 1;
    }
    own
}

struct Question<'a> {
    row: &'a Row,
    asked: Asked,
    runtime: Runtime,
    units: Units,
    stated: Option<Unit>,
    machine: &'a Machine,
    format: Format,
    model: &'a Model,
}

/// What the planner made of a question.
struct Planned<'a> {
    subject: &'a Subject<'a>,
    plans: &'a [Plan],
    /// Bytes of the states.
    cache: f64,
}

impl Question<'_> {
    fn case(&self, value: f64) -> Result<Case, Skip> {
        let subject = Subject::new(self.model, self.machine, true);
        let storage = Storage::of(self.model);
        let variant = &self.format.variant;
        let stored = storage.store(variant);
        let estimate = subject.estimate(variant, &stored, self.units);
        let plans = subject.unfitted_plans(variant, &stored, self.units, self.stated);
        let planned = Planned { subject: &subject, plans: &plans, cache: estimate.memory.cache.value.get() };
        let bundle = estimate.bundle.value.get() / 1e6 * self.format.scale;
        let (metric, parts, speed, unit) = match self.asked {
            Asked::SizeRatio => {
                let plain =
                    Variant { runtime: self.runtime, precision: Precision::Fp16, compression: Compression::None };
                let plain = storage.store(&plain).package.value.get() / 1e6;
                (Metric::Size, Parts { stream: bundle, ..Parts::default() }, Speed::Per(plain), None)
            }
            Asked::Of(Metric::Size) => {
                (Metric::Size, Parts { stream: bundle, ..Parts::default() }, words::size(&self.row.unit)?, None)
            }
            Asked::Stream => {
                let (parts, unit) = self.call(&planned, Metric::Latency)?;
                (Metric::Latency, parts, Speed::Per(bundle / 1e3), Some(unit))
            }
            Asked::Of(Metric::Memory) => {
                let memory = estimate.memory;
                let mega = |bytes: f64| bytes / 1e6;
                let parts = Parts {
                    stream: mega(memory.weights.value.get()) * self.format.scale,
                    traffic: mega(memory.cache.value.get() + memory.activations.value.get()),
                    fixed: mega(memory.runtime.value.get()),
                    ..Parts::default()
                };
                (Metric::Memory, parts, words::size(&self.row.unit)?, self.any_unit(&plans))
            }
            Asked::Of(metric @ (Metric::Load | Metric::FirstLoad)) => {
                let parts = Parts::of_loading(bundle / 1e3);
                (metric, parts, words::time(&self.row.unit)?, self.any_unit(&plans))
            }
            Asked::Of(Metric::Power) => {
                let watts = if self.machine.kind == DeviceKind::Phone { 4.0 } else { 15.0 };
                let parts = Parts { fixed: watts, ..Parts::default() };
                (Metric::Power, parts, Speed::Times(1.0), self.any_unit(&plans))
            }
            Asked::Of(Metric::Energy) => {
                let of = if self.is_language() { Metric::Decode } else { Metric::Latency };
                let (parts, unit) = self.call(&planned, of)?;
                let watts = if self.machine.kind == DeviceKind::Phone { 4.0 } else { 15.0 };
                let seconds = parts.sum();
                let speed = if self.row.unit.starts_with("mJ") { Speed::Times(1e3) } else { Speed::Times(1.0) };
                (Metric::Energy, Parts { stream: seconds * watts, ..Parts::default() }, speed, Some(unit))
            }
            Asked::Of(metric @ (Metric::Decode | Metric::Prefill | Metric::FirstToken)) => {
                if !self.is_language() {
                    return skip(format!("`{}` is no language model of the catalogue", self.row.model));
                }
                let text = format!("{} {}", self.row.context, self.row.notes).to_ascii_lowercase();
                let is_whole = ["recompute", "no kv", "without kv", "no cache"].iter().any(|word| text.contains(word));
                let of = if metric == Metric::Decode && is_whole { Metric::Prefill } else { metric };
                let (mut parts, unit) = self.call(&planned, of)?;
                if of == Metric::FirstToken {
                    parts.fixed += FIRST_TOKEN;
                }
                if of == Metric::Decode
                    && words::is_warm(self.row)
                    && let Some(kept) = sustained::kept(self.machine, unit)
                {
                    parts = parts.times(1.0 / kept.value.get());
                }
                let tokens = self.prompt();
                let speed = match (metric, self.row.unit.as_str()) {
                    (Metric::Prefill, unit) if words::is_tokens(unit) => Speed::Per(tokens),
                    _ => words::time(&self.row.unit)?,
                };
                (of, parts, speed, Some(unit))
            }
            Asked::Of(metric @ (Metric::Latency | Metric::InApp | Metric::EndToEnd)) => {
                let of = if self.is_language() && !self.is_single() { Metric::Prefill } else { metric };
                let timed = if of == Metric::InApp { Metric::Latency } else { of };
                let (parts, unit) = self.call(&planned, timed)?;
                (of, parts, words::time(&self.row.unit)?, Some(unit))
            }
        };
        let main = unit.unwrap_or(Unit::Ane);
        let class = match metric {
            Metric::Size => Class { unit: "any", family: "any", ..Class::of(metric, self.machine, self.runtime, main) },
            _ => Class::of(metric, self.machine, self.runtime, main),
        };
        let sum = parts.sum();
        if !(sum > 0.0 && sum.is_finite()) {
            return skip("the cost model has no rates for this unit");
        }
        let is_placed_as_stated = match (self.stated, unit) {
            (Some(stated), Some(unit)) => stated == unit,
            // A row that names no unit teaches nothing of the CPU: that the work stayed there is our guess.
            (None, unit) => unit != Some(Unit::Cpu),
            (Some(_), None) => true,
        };
        Ok(Case { class, parts, speed, measured: speed.canonical(value), is_placed_as_stated })
    }

    fn is_language(&self) -> bool {
        let writes = |role| matches!(role, Role::Prefill { .. } | Role::Decode { .. });
        self.model.functions.iter().any(|function| writes(function.role))
    }

    fn is_single(&self) -> bool {
        self.model.functions.iter().any(|function| function.role == Role::Single)
    }

    fn prompt(&self) -> f64 {
        let of = |role| match role {
            Role::Prefill { tokens } => Some(f64::from(tokens)),
            Role::Decode { .. } | Role::Single | Role::Step { .. } => None,
        };
        self.model.functions.iter().find_map(|function| of(function.role)).unwrap_or(1.0)
    }

    fn any_unit(&self, plans: &[Plan]) -> Option<Unit> {
        plans.last().map(law::main_unit).or(self.stated)
    }

    /// The parts of the call that a metric is about, and the unit that does most of it.
    fn call(&self, planned: &Planned<'_>, metric: Metric) -> Result<(Parts, Unit), Skip> {
        let Planned { subject, plans, cache } = planned;
        let text = self.row.context.to_ascii_lowercase();
        let name = self.row.model.to_ascii_lowercase();
        // A cache that holds less than the prompt cuts it short, where nobody says.
        if name.contains("coreml-llm/") && self.prompt() > 4096.0 {
            return skip("the prompt is longer than the package's cache: how much of it was read is not stated");
        }
        let reads_prompt = matches!(metric, Metric::Prefill | Metric::FirstToken);
        // This project's packages read the prompt one token at a time (its notes; 19 tokens take 570 to 880 ms), or, in
        // its newer ones, in chunks of 64.
        let is_harness = name.contains("coreml-llm/");
        let is_project = is_harness || name.contains("local://") || self.row.source.contains("CoreML-LLM");
        let chunk = match words::chunk(self.row) {
            Some(tokens) if tokens < self.prompt() => Some(tokens),
            Some(_) => None,
            None => (is_harness || is_project && self.prompt() <= 64.0).then_some(1.0),
        };
        let calls = chunk.filter(|_| reads_prompt).map(|tokens| self.prompt() / tokens);
        let steps = before(&text, " steps").unwrap_or(if text.contains("25 elsewhere") { 25.0 } else { 20.0 });
        let has_steps = subject.functions().iter().any(|own| matches!(own.function.role, Role::Step { .. }));
        let is_rate = self.row.metric.eq_ignore_ascii_case("throughput");
        let wants_step = metric == Metric::Latency && has_steps && (name.contains("unet") || is_rate);
        if has_steps && metric == Metric::Latency && !wants_step {
            return skip("which part of the pipeline was timed is not clear");
        }
        let words =
            ["kv length", "kv i/o", "kv io", "kv as i/o", "kv as io", "cache as i/o", "kv as input", "cache as input"];
        let crosses = self.runtime == Runtime::CoreMl && words.iter().any(|word| text.contains(word));
        let (mut parts, mut unit, mut most) = (Parts::default(), None, 0.0);
        for (own, plan) in subject.functions().iter().zip(*plans) {
            let times = match (own.function.role, metric) {
                (Role::Decode { .. }, Metric::Decode) => 1.0,
                (Role::Decode { .. }, Metric::Prefill | Metric::FirstToken) if calls.is_some() => calls.unwrap_or(1.0),
                (Role::Prefill { .. }, _) if calls.is_some() => continue,
                (Role::Prefill { .. }, Metric::Prefill | Metric::FirstToken) => 1.0,
                (Role::Step { .. }, Metric::Latency) if wants_step => 1.0,
                (Role::Step { .. }, Metric::EndToEnd) => steps,
                (Role::Single, Metric::EndToEnd) => 1.0,
                (Role::Single, Metric::Latency) if !wants_step => {
                    if name.contains("text") != own.function.name.contains("text") && subject.functions().len() > 1 {
                        continue;
                    }
                    1.0
                }
                (Role::Decode { .. } | Role::Prefill { .. } | Role::Step { .. } | Role::Single, _) => continue,
            };
            let mut terms = plan.terms;
            terms.reading *= self.format.scale;
            let own = Parts::of(&terms);
            parts.stream += own.stream * times;
            parts.traffic += own.traffic * times;
            if crosses && metric == Metric::Decode {
                parts.given += match self.stated {
                    Some(Unit::Gpu) => cache / CACHE_CROSSING_GPU,
                    Some(Unit::Cpu) => cache / CACHE_CROSSING_CPU,
                    Some(Unit::Ane) | None => cache / CACHE_CROSSING,
                };
            }
            parts.compute += own.compute * times;
            parts.fixed += own.fixed * times;
            if plan.time.value.get() * times > most {
                most = plan.time.value.get() * times;
                unit = Some(law::main_unit(plan));
            }
        }
        match unit {
            Some(unit) => Ok((parts, unit)),
            None if plans.is_empty() => skip("the device has no compute unit of that choice, or nobody knows its rate"),
            None => skip(format!("the model has no call that `{}` is about", self.row.metric)),
        }
    }
}
