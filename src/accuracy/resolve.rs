//! From a row's words to the question that the planner would be asked, or the reason why it cannot be asked.

use super::{
    case::{Case, Metric, Speed},
    compression::{self, Format, after, before},
    known::{Fallback, Known, key},
    parse::Row,
};
use crate::{
    catalog::{Catalog, Device, DeviceKind, OsFamily},
    estimate::{
        Subject,
        law::{self, Class, Parts},
    },
    lower::Workload,
    machine::{self, Machine, Unit},
    model::{Model, Role},
    placement::Plan,
    scenario::{DeviceRef, Units},
    units::{Figure, Quantity},
    variant::{Compression, Precision, Runtime, Storage, Variant},
};

/// Why a row cannot be predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(pub String);

fn skip<T>(why: impl Into<String>) -> Result<T, Skip> {
    Err(Skip(why.into()))
}

/// What a metric's word asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Of(Metric),
    /// Bytes a second over the weights of one call.
    Stream,
    /// The size of the plain package as a multiple.
    SizeRatio,
}

fn asked(word: &str) -> Result<Asked, Skip> {
    Ok(Asked::Of(match word {
        "decode" | "decode_latency" => Metric::Decode,
        "prefill" => Metric::Prefill,
        "ttft" => Metric::FirstToken,
        "latency" | "throughput" | "latency_per_layer" => Metric::Latency,
        "e2e_latency" => Metric::EndToEnd,
        "peak_memory" | "app_memory" => Metric::Memory,
        "size_on_disk" | "size_on_disk_declared" => Metric::Size,
        "load" | "load_cached" => Metric::Load,
        "load_first" | "compile" => Metric::FirstLoad,
        "power" => Metric::Power,
        "energy" => Metric::Energy,
        "weight_stream" => return Ok(Asked::Stream),
        "size_ratio_vs_fp16" => return Ok(Asked::SizeRatio),
        quality if quality.starts_with("q_") => {
            return skip("quality is looked up in published tables, not predicted");
        }
        other => return skip(format!("the planner does not predict `{other}`")),
    }))
}

fn runtime(word: &str, model: &str) -> Result<Runtime, Skip> {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "coreml" | "core ml" | "executorch-coreml" | "coremltools" => Ok(Runtime::CoreMl),
        "mlx" | "mlx-lm" | "mlx-swift" => Ok(Runtime::Mlx),
        "llama.cpp" | "llamacpp" | "ggml" | "ollama" => Ok(Runtime::LlamaCpp),
        "n/a" | "" if model.to_ascii_lowercase().contains("gguf") => Ok(Runtime::LlamaCpp),
        "n/a" | "" => skip("the row names no runtime"),
        _ => skip(format!("the planner has no runtime `{word}`")),
    }
}

fn units(row: &Row, runtime: Runtime) -> Result<(Units, Option<Unit>), Skip> {
    let word = row.compute_unit.to_ascii_uppercase().replace([' ', '_'], "");
    Ok(match (word.as_str(), runtime) {
        ("GPU" | "CPU+GPU" | "CPUANDGPU", Runtime::CoreMl) => (Units::CpuAndGpu, Some(Unit::Gpu)),
        ("ANE" | "NE" | "CPU+ANE" | "CPU+NE" | "CPUANDNE" | "NEURALENGINE", _) => (Units::CpuAndNe, Some(Unit::Ane)),
        ("CPU" | "CPUONLY", _) => (Units::CpuOnly, Some(Unit::Cpu)),
        (_, Runtime::LlamaCpp | Runtime::Mlx) => (Units::CpuAndGpu, Some(Unit::Gpu)),
        ("" | "N/A" | "ALL" | "GPU+ANE", _) => (Units::All, None),
        (other, _) => return skip(format!("no compute unit `{other}`")),
    })
}

/// The device of a row: by name among those with its chip, else any with its chip.
fn machine_of(row: &Row) -> Result<Machine, Skip> {
    let catalog = Catalog::get();
    let name = key(&row.device);
    let soc = row.soc.to_ascii_lowercase().replace(' ', "-");
    let by_name = |device: &&Device| {
        let own = key(&device.name);
        !name.is_empty() && (own == name || name.contains(&own))
    };
    let soc = match catalog.soc(&soc) {
        Some(soc) => Some(soc),
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

fn times<Q: Quantity>(figure: Figure<Q>, share: f64) -> Figure<Q> {
    figure.map(|value| Q::of(value.get() * share))
}

/// Tokens that a row's words for its context speak of: prompt, and capacity while it writes.
fn workload(row: &Row, runtime: Runtime) -> Workload {
    let text = row.context.to_ascii_lowercase();
    let prompt = after(&text, "pp")
        .or_else(|| after(&text, "prompt"))
        .or_else(|| after(&text, "context"))
        .or_else(|| before(&text, "-token"))
        .or_else(|| before(&text, " tokens"))
        .or_else(|| after(&text, "seq"));
    let written = after(&text, "gen").or_else(|| after(&text, "tg"));
    let held = after(&text, "kv length").or_else(|| after(&text, "ctx")).or_else(|| before(&text, "k context"));
    let prompt_or = |fallback: f64| prompt.filter(|prompt| *prompt > 0.0).unwrap_or(fallback);
    let context = held.unwrap_or_else(|| prompt_or(64.0) + written.unwrap_or(128.0) / 2.0);
    // A package has a cache of a fixed capacity; runtimes of other formats read what is filled.
    let context = if runtime == Runtime::CoreMl { context.max(512.0) } else { context };
    let limit = |tokens: f64| tokens.clamp(1.0, 65_536.0) as u32;
    Workload { context: limit(context), prompt: limit(prompt_or(if row.metric == "ttft" { 20.0 } else { 512.0 })) }
}

/// Finds what a row measures and asks the planner for its parts.
pub fn resolve(row: &Row, known: &Known) -> Result<Case, Skip> {
    let asked = asked(&row.metric)?;
    let Some(value) = row.value.filter(|value| *value > 0.0) else { return skip("the value is no number above 0") };
    let runtime = runtime(&row.runtime, &row.model)?;
    let (units, stated) = units(row, runtime)?;
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
    let workload = workload(row, runtime);
    let Some(model) = design.lower(&row.model, &workload) else { return skip("the preset does not exist") };
    let question = Question { row, asked, runtime, units, stated, machine: &machine, format, model: &model };
    question.case(value)
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

impl Question<'_> {
    fn case(&self, value: f64) -> Result<Case, Skip> {
        let subject = Subject::new(self.model, self.machine, true);
        let storage = Storage::of(self.model);
        let variant = &self.format.variant;
        let stored = storage.store(variant);
        let estimate = subject.estimate(variant, &stored, self.units);
        let plans = subject.unfitted_plans(variant, &stored, self.units, self.stated);
        let bundle = estimate.bundle.value.get() / 1e6 * self.format.scale;
        let (metric, parts, speed, unit) = match self.asked {
            Asked::SizeRatio => {
                let plain =
                    Variant { runtime: self.runtime, precision: Precision::Fp16, compression: Compression::None };
                let plain = storage.store(&plain).package.value.get() / 1e6;
                (Metric::Size, Parts { stream: bundle, ..Parts::default() }, Speed::Per(plain), None)
            }
            Asked::Of(Metric::Size) => (Metric::Size, Parts { stream: bundle, ..Parts::default() }, self.size()?, None),
            Asked::Stream => {
                let (parts, unit) = self.call(&subject, &plans, Metric::Latency)?;
                (Metric::Latency, parts, Speed::Per(bundle / 1e3), Some(unit))
            }
            Asked::Of(Metric::Memory) => {
                let memory = estimate.memory;
                let mega = |bytes: f64| bytes / 1e6;
                let parts = Parts {
                    stream: mega(memory.weights.value.get()) * self.format.scale,
                    traffic: mega(memory.cache.value.get() + memory.activations.value.get()),
                    compute: 0.0,
                    fixed: mega(memory.runtime.value.get()),
                };
                (Metric::Memory, parts, self.size()?, self.any_unit(&plans))
            }
            Asked::Of(metric @ (Metric::Load | Metric::FirstLoad)) => {
                // A gigabyte a second and a tenth of a second: the fit weighs both.
                let parts = Parts { stream: bundle / 1e3, fixed: 0.1, ..Parts::default() };
                (metric, parts, self.time()?, self.any_unit(&plans))
            }
            Asked::Of(Metric::Power) => {
                let watts = if self.machine.kind == DeviceKind::Phone { 4.0 } else { 15.0 };
                let parts = Parts { fixed: watts, ..Parts::default() };
                (Metric::Power, parts, Speed::Times(1.0), self.any_unit(&plans))
            }
            Asked::Of(Metric::Energy) => {
                let of = if self.is_language() { Metric::Decode } else { Metric::Latency };
                let (parts, unit) = self.call(&subject, &plans, of)?;
                let watts = if self.machine.kind == DeviceKind::Phone { 4.0 } else { 15.0 };
                let seconds = parts.sum();
                let speed = if self.row.unit.starts_with("mJ") { Speed::Times(1e3) } else { Speed::Times(1.0) };
                (Metric::Energy, Parts { stream: seconds * watts, ..Parts::default() }, speed, Some(unit))
            }
            Asked::Of(metric @ (Metric::Decode | Metric::Prefill | Metric::FirstToken)) => {
                if !self.is_language() {
                    return skip(format!("`{}` is no language model of the catalogue", self.row.model));
                }
                let whole = self.row.context.contains("recompute") || self.row.context.contains("window");
                let of = if metric == Metric::Decode && whole && self.row.context.contains("recompute") {
                    Metric::Prefill
                } else {
                    metric
                };
                let (parts, unit) = self.call(&subject, &plans, of)?;
                let tokens = self.prompt();
                let speed = match (metric, self.row.unit.as_str()) {
                    (Metric::Prefill, "tok/s" | "tokens/s") => Speed::Per(tokens),
                    (_, "tok/s" | "tokens/s") => Speed::Per(1.0),
                    _ => self.time()?,
                };
                (of, parts, speed, Some(unit))
            }
            Asked::Of(metric @ (Metric::Latency | Metric::EndToEnd)) => {
                let of = if self.is_language() && !self.is_single() { Metric::Prefill } else { metric };
                let (parts, unit) = self.call(&subject, &plans, of)?;
                (of, parts, self.time()?, Some(unit))
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
            (None, _) | (_, None) => true,
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
    fn call(&self, subject: &Subject<'_>, plans: &[Plan], metric: Metric) -> Result<(Parts, Unit), Skip> {
        let text = self.row.context.to_ascii_lowercase();
        let name = self.row.model.to_ascii_lowercase();
        // This project's packages read the prompt one token at a time (its notes; 19 tokens take 570 to 880 ms).
        let one_by_one =
            (name.contains("coreml-llm") || name.contains("local://") || self.row.source.contains("CoreML-LLM"))
                && matches!(metric, Metric::Prefill | Metric::FirstToken)
                && self.prompt() <= 64.0;
        let steps = before(&text, " steps").unwrap_or(if text.contains("25 elsewhere") { 25.0 } else { 20.0 });
        let wants_step = metric == Metric::Latency && (name.contains("unet") || self.row.metric == "throughput");
        let has_steps = subject.functions().iter().any(|own| matches!(own.function.role, Role::Step { .. }));
        if has_steps && metric == Metric::Latency && !wants_step {
            return skip("which part of the pipeline was timed is not clear");
        }
        let (mut parts, mut unit, mut most) = (Parts::default(), None, 0.0);
        for (own, plan) in subject.functions().iter().zip(plans) {
            let times = match (own.function.role, metric) {
                (Role::Decode { .. }, Metric::Decode) => 1.0,
                (Role::Decode { .. }, Metric::Prefill | Metric::FirstToken) if one_by_one => self.prompt(),
                (Role::Prefill { .. }, _) if one_by_one => continue,
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
            terms.weights *= self.format.scale;
            let own = Parts::of(&terms);
            parts.stream += own.stream * times;
            parts.traffic += own.traffic * times;
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

    fn time(&self) -> Result<Speed, Skip> {
        Ok(match self.row.unit.as_str() {
            "ms" | "ms/token" | "ms/inf" => Speed::Times(1e3),
            "s" => Speed::Times(1.0),
            "us" | "µs" => Speed::Times(1e6),
            "it/s" | "fps" | "inf/s" | "tok/s" => Speed::Per(1.0),
            other => return skip(format!("unit `{other}` is no time")),
        })
    }

    fn size(&self) -> Result<Speed, Skip> {
        Ok(match self.row.unit.as_str() {
            "MB" | "" => Speed::Times(1.0),
            "GB" => Speed::Times(1e-3),
            "MiB" => Speed::Times(1e6 / 1_048_576.0),
            "GiB" => Speed::Times(1e6 / 1_073_741_824.0),
            "KB" | "kB" => Speed::Times(1e3),
            "B" | "bytes" => Speed::Times(1e6),
            other => return skip(format!("unit `{other}` is no size")),
        })
    }
}
