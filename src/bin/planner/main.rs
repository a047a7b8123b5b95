//! `planner`: the same core as the page, for a terminal and for CI.
//!
//! Exit codes: 0 fine, 1 a verdict failed (no row of the plan ships), 2 bad input.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what a command-line tool is for")]

mod accuracy;
mod compare;
mod evidence;
mod files;
mod find;
mod place;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use coreml_planner::{
    catalog::Catalog,
    estimate::Status,
    format::{self, Limits, Package},
    report::{answer, devices, inspect, plan, presets, quality, takeaway, variants},
    scenario::{DeviceRef, ModelRef, Pick, Scenario, Units, url},
    variant::Variant,
};
use lexopt::{Arg, Parser, ValueExt};

/// Published effects on quality.
const QUALITY: &str = include_str!("../../../assets/data/quality.csv");

const HELP: &str = "\
planner: how big a Core ML model is, whether it fits, how fast it runs and where it lands

usage
  planner devices [--json]              chips and devices
  planner presets [--json]              models of the catalogue
  planner variants [--json]             precisions and compressions
  planner inspect PATH [--json]         what a .mlpackage, .mlmodelc, .mlmodel or zip holds
  planner plan (--preset ID | PATH | --link LINK) --device ID [options] [--json]
  planner place (--preset ID | PATH) --device ID [options] [--json]   where each operation lands, why, what to do
  planner place … --fix RECIPE [--json]   what a recipe would change, before and after
  planner place … --against 'device=ID,os=N,units=U,variant=ID' [--json]   two plans side by side
  planner evidence PATH PLAN --device ID [--os N] [--units U] [--json | --label]   lays a plan that Core ML made on a
                                        Mac over the prediction; --label: as a case for the placement scoreboard
  planner evidence --script             prints compute_plan.py, which writes such a plan on a Mac
  planner recipes [ID] [--json]           recipes for what keeps operations off the Neural Engine
  planner compare (--preset ID | PATH) [--variant ID] [--every-os] [--json]   the same on every chip
  planner take (--preset ID | PATH | --link LINK) --device ID [options] [--out FOLDER]   scripts for the plan
  planner find model --device ID [wishes] [--kind llm]          the largest model that fits
  planner find variant (--preset ID | PATH) --device ID … [--and-later] [wishes]   the smallest that is fast enough
  planner find device (--preset ID | PATH) --variant ID --units U [--fleet ID=SHARE,…] [wishes]   who can run it
  planner validate [FILE.csv] [--json]  measured rows against predictions; without a file, the rows of the catalogue
  planner accuracy [--worst N]          error and coverage by class: rows seen, source left out, chip left out
  planner fit [FILE.csv] [--out PATH]   fits the laws again (assets/data/fitted.toml)

options of plan and place (place: one variant, as the file is or fp16; units all)
  --device ID        a device, or `custom` with --ram GIB --bandwidth GBS --ane TFLOPS --gpu TFLOPS
  --os N             major version of the device's own OS: 18, 26 (macOS: 15, 26)
  --context N        KV cache capacity in tokens (4096)
  --prompt N         prompt tokens (512)
  --ram GIB          RAM option of the device
  --no-entitlement   without com.apple.developer.kernel.increased-memory-limit
  --variant ID       only this variant
  --units U          only these compute units: all, cpu-only, cpu-and-gpu, cpu-and-ne

wishes of find: --min-speed TOK/S, --max-latency MS, --max-memory '1.5 GB', --max-bundle '200 MB', --units U,
  --any-quality (also variants that need retraining or calibration)

exit codes: 0 fine, 1 no row of the plan ships, 2 bad input";

/// What stops a command.
enum Stop {
    /// The input is wrong: what, and what to do.
    BadInput(String),
    /// The plan says no.
    VerdictFailed,
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::BadInput(format!("{error}; `planner --help` lists what there is"))
    }
}

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::VerdictFailed) => ExitCode::from(1),
        Err(Stop::BadInput(what)) => {
            eprintln!("planner: {what}");
            ExitCode::from(2)
        }
    }
}

fn run(args: impl Iterator<Item = OsString> + 'static) -> Result<(), Stop> {
    let mut parser = Parser::from_args(args);
    let command = match parser.next()? {
        Some(Arg::Value(command)) => command.string()?,
        Some(Arg::Short('h') | Arg::Long("help")) | None => {
            say(HELP);
            return Ok(());
        }
        Some(Arg::Short('V') | Arg::Long("version")) => {
            say(concat!("planner ", env!("CARGO_PKG_VERSION")));
            return Ok(());
        }
        Some(other) => return Err(other.unexpected().into()),
    };
    match command.as_str() {
        "devices" => {
            let document = devices::document(Catalog::get());
            list(&mut parser, &document, || devices::table(Catalog::get()))
        }
        "presets" => {
            let document = presets::document(Catalog::get());
            list(&mut parser, &document, || presets::text(&document))
        }
        "variants" => {
            let document = variants::document();
            list(&mut parser, &document, variants::table)
        }
        "inspect" => inspect(&mut parser),
        "plan" => plan(&mut parser),
        "place" => place::place(&mut parser),
        "evidence" => evidence::evidence(&mut parser),
        "recipes" => place::recipes(&mut parser),
        "compare" => compare::compare(&mut parser),
        "take" => take(&mut parser),
        "find" => find::find(&mut parser),
        "validate" => accuracy::validate(&mut parser),
        "fit" => accuracy::fit(&mut parser),
        "accuracy" => accuracy::accuracy(&mut parser),
        other => Err(Stop::BadInput(format!("no command `{other}`; `planner --help` lists them"))),
    }
}

/// Prints a line; a closed pipe ends the output quietly, as `| head` expects.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
}

fn json(document: &impl serde::Serialize) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(document).map_err(|error| Stop::BadInput(error.to_string()))?;
    say(&text);
    Ok(())
}

fn list(parser: &mut Parser, document: &impl serde::Serialize, text: impl Fn() -> String) -> Result<(), Stop> {
    let mut as_json = false;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("json") => as_json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if as_json {
        json(document)
    } else {
        say(&text());
        Ok(())
    }
}

fn open(path: &std::path::Path) -> Result<Package, Stop> {
    let entries = files::open_path(path).map_err(Stop::BadInput)?;
    format::open(entries, &Limits::default()).map_err(|error| Stop::BadInput(error.to_string()))
}

fn inspect(parser: &mut Parser) -> Result<(), Stop> {
    let (mut path, mut as_json) = (None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("json") => as_json = true,
            Arg::Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let path = path
        .ok_or_else(|| Stop::BadInput("inspect needs a path to a .mlpackage, .mlmodelc, .mlmodel or zip".to_owned()))?;
    let entries = files::open_path(&path).map_err(Stop::BadInput)?;
    let package = match format::open(entries, &Limits::default()) {
        Ok(package) => package,
        Err(error) => {
            if as_json {
                json(&inspect::error_document(&error))?;
            }
            return Err(Stop::BadInput(error.to_string()));
        }
    };
    let document = inspect::document(&package);
    if as_json {
        json(&document)
    } else {
        say(&inspect::text(&document));
        Ok(())
    }
}

/// The arguments of `plan`, as they come.
#[derive(Default)]
struct PlanArgs {
    preset: Option<String>,
    path: Option<PathBuf>,
    link: Option<String>,
    device: Option<String>,
    os: Option<u8>,
    context: Option<u32>,
    prompt: Option<u32>,
    ram: Option<f64>,
    bandwidth: Option<f64>,
    ane: Option<f64>,
    gpu: Option<f64>,
    no_entitlement: bool,
    variant: Option<String>,
    units: Option<String>,
    out: Option<PathBuf>,
    every_os: bool,
    fix: Option<String>,
    against: Option<String>,
    measured: Option<PathBuf>,
    label: bool,
    script: bool,
    json: bool,
}

/// What stands without a name on the command line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Positional {
    /// A model.
    Model,
    /// A model and a measured plan.
    ModelAndPlan,
}

fn plan_args(parser: &mut Parser) -> Result<PlanArgs, Stop> {
    args_with(parser, Positional::Model)
}

fn args_with(parser: &mut Parser, positional: Positional) -> Result<PlanArgs, Stop> {
    let with_plan = positional == Positional::ModelAndPlan;
    let mut args = PlanArgs::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("preset") => args.preset = Some(parser.value()?.string()?),
            Arg::Long("link") => args.link = Some(parser.value()?.string()?),
            Arg::Long("device") => args.device = Some(parser.value()?.string()?),
            Arg::Long("os") => args.os = Some(parser.value()?.parse()?),
            Arg::Long("context") => args.context = Some(positive(parser, "--context")?),
            Arg::Long("prompt") => args.prompt = Some(positive(parser, "--prompt")?),
            Arg::Long("ram") => args.ram = Some(parser.value()?.parse()?),
            Arg::Long("bandwidth") => args.bandwidth = Some(parser.value()?.parse()?),
            Arg::Long("ane") => args.ane = Some(parser.value()?.parse()?),
            Arg::Long("gpu") => args.gpu = Some(parser.value()?.parse()?),
            Arg::Long("no-entitlement") => args.no_entitlement = true,
            Arg::Long("variant") => args.variant = Some(parser.value()?.string()?),
            Arg::Long("units") => args.units = Some(parser.value()?.string()?),
            Arg::Long("fix") => args.fix = Some(parser.value()?.string()?),
            Arg::Long("against") => args.against = Some(parser.value()?.string()?),
            Arg::Long("every-os") => args.every_os = true,
            Arg::Long("out") => args.out = Some(PathBuf::from(parser.value()?)),
            Arg::Long("json") => args.json = true,
            Arg::Long("label") if with_plan => args.label = true,
            Arg::Long("script") if with_plan => args.script = true,
            Arg::Value(value) if args.path.is_none() => args.path = Some(PathBuf::from(value)),
            Arg::Value(value) if with_plan && args.measured.is_none() => args.measured = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(args)
}

fn positive(parser: &mut Parser, name: &str) -> Result<u32, Stop> {
    let value: u32 = parser.value()?.parse()?;
    if value == 0 || value > 1 << 20 {
        return Err(Stop::BadInput(format!("{name} {value} is not from 1 to {}", 1 << 20)));
    }
    Ok(value)
}

fn plan(parser: &mut Parser) -> Result<(), Stop> {
    let args = plan_args(parser)?;
    let (scenario, package) = scenario(&args)?;
    let unanswerable = |error: answer::Unanswerable| Stop::BadInput(error.to_string());
    let machine = answer::machine(&scenario).map_err(unanswerable)?;
    let chosen = answer::choose(&scenario, package.as_ref()).map_err(unanswerable)?;
    let mut answered = answer::answer(&chosen, &machine, &scenario);
    let (variant, units) = (place::variant(&args)?, place::units(&args)?);
    answered.keep(|cell| variant.is_none_or(|own| own == cell.variant) && units.is_none_or(|own| own == cell.units));
    if args.json {
        json(&plan::document(&scenario, &machine, &answered, &quality::pairs(QUALITY)))?;
    } else {
        say(&plan::text(&scenario, &machine, &chosen.model.name, &answered));
    }
    let ships = answered.cells.iter().any(|cell| cell.status() != Status::Fails);
    if ships { Ok(()) } else { Err(Stop::VerdictFailed) }
}

/// `planner take`: the scripts that make, load and check what is planned.
fn take(parser: &mut Parser) -> Result<(), Stop> {
    let args = plan_args(parser)?;
    let (scenario, package) = scenario(&args)?;
    let unanswerable = |error: answer::Unanswerable| Stop::BadInput(error.to_string());
    let machine = answer::machine(&scenario).map_err(unanswerable)?;
    let chosen = answer::choose(&scenario, package.as_ref()).map_err(unanswerable)?;
    let answered = answer::answer(&chosen, &machine, &scenario);
    let cell = answered.picked.and_then(|idx| answered.cells.get(idx));
    let cell = cell.ok_or_else(|| Stop::BadInput("nothing can be planned for this model".to_owned()))?;
    let plan = takeaway::Plan {
        scenario: &scenario,
        machine: &machine,
        model: &chosen.model,
        preset: chosen.preset,
        pick: Pick { variant: cell.variant, units: cell.units },
        address: "",
    };
    let files = takeaway::files(&plan);
    if args.json {
        return json(&files);
    }
    for file in files {
        match &args.out {
            Some(folder) => {
                let path = folder.join(file.name);
                let write = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &file.text));
                write.map_err(|error| Stop::BadInput(format!("{}: {error}", path.display())))?;
                say(&format!("{}: {}", path.display(), file.purpose));
            }
            None => say(&format!("==> {} ({})\n{}", file.name, file.purpose, file.text)),
        }
    }
    Ok(())
}

fn scenario(args: &PlanArgs) -> Result<(Scenario, Option<Package>), Stop> {
    let mut scenario = match &args.link {
        Some(link) => {
            let link = link.split_once('#').map_or(link.as_str(), |(_, hash)| hash);
            let (scenario, notes) = url::decode(link);
            for note in notes {
                eprintln!("planner: {note}");
            }
            scenario
        }
        None => Scenario::default(),
    };
    let mut package = None;
    match (&args.preset, &args.path) {
        (Some(_), Some(_)) => return Err(Stop::BadInput("give a preset or a path, not both".to_owned())),
        (Some(id), None) => scenario.model = ModelRef::Preset(id.clone()),
        (None, Some(path)) => {
            let opened = open(path)?;
            scenario.model = ModelRef::Package(opened.name.clone());
            package = Some(opened);
        }
        (None, None) if args.link.is_some() => {}
        (None, None) => {
            return Err(Stop::BadInput("give --preset ID or a path; `planner presets` lists them".to_owned()));
        }
    }
    match args.device.as_deref() {
        Some("custom") => {
            let need = |value: Option<f64>, name: &str| {
                value
                    .filter(|value| value.is_finite() && *value > 0.0)
                    .ok_or_else(|| Stop::BadInput(format!("a custom device needs {name} with a number above 0")))
            };
            scenario.device = DeviceRef::Custom(coreml_planner::scenario::CustomDevice {
                ram_gib: need(args.ram, "--ram")?,
                memory_gbs: need(args.bandwidth, "--bandwidth")?,
                ane_tflops: args.ane.unwrap_or(0.0),
                gpu_tflops: args.gpu.unwrap_or(0.0),
            });
        }
        Some(id) => scenario.device = DeviceRef::Known { id: id.to_owned(), ram_gib: args.ram },
        None if args.link.is_some() => {}
        None => return Err(Stop::BadInput("give --device ID; `planner devices` lists them".to_owned())),
    }
    if args.device.is_some() || args.os.is_some() {
        scenario.os = args.os.unwrap_or_else(|| answer::default_os(&scenario.device));
    }
    scenario.context = args.context.unwrap_or(scenario.context);
    scenario.prompt = args.prompt.unwrap_or(scenario.prompt);
    if args.no_entitlement {
        scenario.entitled = false;
    }
    let variant = args.variant.as_deref().and_then(Variant::from_id);
    let units = args.units.as_deref().and_then(Units::from_id);
    if let (Some(variant), Some(units)) = (variant, units) {
        scenario.pick = Some(Pick { variant, units });
    }
    Ok((scenario, package))
}
