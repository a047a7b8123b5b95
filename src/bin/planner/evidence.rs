//! `planner evidence`: a plan that Core ML made on a device, laid over the prediction.

use std::fs;

use coreml_planner::{
    catalog::{Catalog, OsFamily},
    estimate::Subject,
    evidence::{self, MeasuredPlan},
    report::{answer, evidence as report},
    scenario::Units,
    variant::Storage,
};
use lexopt::Parser;

use super::{PlanArgs, Positional, Stop, args_with, json, place, say, scenario};

/// What a user runs on a Mac.
const SCRIPT: &str = include_str!("../../../assets/scripts/compute_plan.py");

pub(super) fn evidence(parser: &mut Parser) -> Result<(), Stop> {
    let mut args = args_with(parser, Positional::ModelAndPlan)?;
    if args.script {
        say(SCRIPT);
        return Ok(());
    }
    let (Some(path), Some(plan)) = (&args.path, &args.measured) else {
        let usage =
            "evidence needs a package and a measured plan: planner evidence Model.mlpackage plan.json --device ID";
        return Err(Stop::BadInput(usage.to_owned()));
    };
    let package = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let bytes = fs::read(plan).map_err(|error| Stop::BadInput(format!("{}: {error}", plan.display())))?;
    let measured = evidence::read(&bytes).map_err(|fault| Stop::BadInput(format!("{}: {fault}", plan.display())))?;
    args.os = args.os.or_else(|| measured_os(&args, &measured));
    let units = place::units(&args)?.or(measured.units).unwrap_or(Units::All);
    let (scenario, opened) = scenario(&args)?;
    let unanswerable = |error: answer::Unanswerable| Stop::BadInput(error.to_string());
    let machine = answer::machine(&scenario).map_err(unanswerable)?;
    let chosen = answer::choose(&scenario, opened.as_ref()).map_err(unanswerable)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let variant = place::variant(&args)?.unwrap_or_else(|| subject.own_variant());
    let stored = Storage::of(&chosen.model).store(&variant);
    let both = report::Evidence::new(&subject, &variant, &stored, units, &measured);
    if args.label {
        return json(&both.cases(&package, args.device.as_deref().unwrap_or_default()));
    }
    let document = both.document();
    if document.functions.is_empty() {
        return Err(Stop::BadInput("the package and the plan have no function in common".to_owned()));
    }
    if args.json {
        json(&document)
    } else {
        say(&report::text(&document));
        Ok(())
    }
}

/// The system of the measurement, when the device that is asked about can have it.
fn measured_os(args: &PlanArgs, measured: &MeasuredPlan) -> Option<u8> {
    let device = Catalog::get().device(args.device.as_deref()?)?;
    let (name, version) = measured.os.as_ref()?;
    let is_same = device.os == OsFamily::Macos && name == "macOS";
    version.split('.').next()?.parse().ok().filter(|_| is_same)
}
