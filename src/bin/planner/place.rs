//! `planner place`: where every operation of a model lands.

use coreml_planner::{
    estimate::Subject,
    report::{answer, place as report},
    scenario::Units,
    variant::{Storage, Variant},
};
use lexopt::Parser;

use super::{PlanArgs, Stop, json, plan_args, say, scenario};

pub(super) fn place(parser: &mut Parser) -> Result<(), Stop> {
    let args = plan_args(parser)?;
    let (scenario, package) = scenario(&args)?;
    let unanswerable = |error: answer::Unanswerable| Stop::BadInput(error.to_string());
    let machine = answer::machine(&scenario).map_err(unanswerable)?;
    let chosen = answer::choose(&scenario, package.as_ref()).map_err(unanswerable)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let variant = variant(&args)?.unwrap_or_else(|| subject.own_variant());
    let units = units(&args)?.unwrap_or(Units::All);
    let stored = Storage::of(&chosen.model).store(&variant);
    let document = report::document(&subject, &variant, &stored, units);
    if document.functions.iter().all(|function| function.ops.is_empty()) {
        return Err(Stop::BadInput("there are no operations to place in this kind of model".to_owned()));
    }
    if args.json {
        json(&document)
    } else {
        say(&report::text(&document));
        Ok(())
    }
}

/// The variant that was asked for, if one was.
pub(super) fn variant(args: &PlanArgs) -> Result<Option<Variant>, Stop> {
    let Some(id) = &args.variant else { return Ok(None) };
    let unknown = || Stop::BadInput(format!("no variant `{id}`; `planner variants` lists them"));
    Variant::from_id(id).ok_or_else(unknown).map(Some)
}

/// The compute units that were asked for, if they were.
pub(super) fn units(args: &PlanArgs) -> Result<Option<Units>, Stop> {
    let Some(id) = &args.units else { return Ok(None) };
    let unknown = || Stop::BadInput(format!("no compute units `{id}`: all, cpu-only, cpu-and-gpu or cpu-and-ne"));
    Units::from_id(id).ok_or_else(unknown).map(Some)
}
