//! `planner place`: where every operation of a model lands.

use coreml_planner::{
    catalog::Recipes,
    estimate::Subject,
    report::{
        answer,
        pair::{self, Against, Other},
        place as report, what_if,
    },
    scenario::Units,
    variant::{Storage, Variant},
};
use lexopt::{Arg, Parser, ValueExt};

use super::{PlanArgs, Stop, json, plan_args, say, scenario};

pub(super) fn place(parser: &mut Parser) -> Result<(), Stop> {
    let args = plan_args(parser)?;
    let (scenario, package) = scenario(&args)?;
    let unanswerable = |error: answer::Unanswerable| Stop::BadInput(error.to_string());
    let machine = answer::machine(&scenario).map_err(unanswerable)?;
    let chosen = answer::choose(&scenario, package.as_ref()).map_err(unanswerable)?;
    if let Some(recipe) = &args.fix {
        let units = units(&args)?.unwrap_or(Units::All);
        let made = what_if::what_if(&chosen.model, &machine, scenario.entitled, variant(&args)?, units, recipe);
        let document = made.map_err(Stop::BadInput)?;
        if args.json {
            return json(&document);
        }
        say(&what_if::text(&document));
        return Ok(());
    }
    if let Some(words) = &args.against {
        let own = Other { variant: variant(&args)?, units: units(&args)?.unwrap_or(Units::All), scenario };
        let against = Against::read(words).and_then(|against| against.of(&own.scenario, own.variant, own.units));
        let other = against.map_err(Stop::BadInput)?;
        let planned = own.plan(&chosen.model).and_then(|first| Ok(pair::pair(&first, &other.plan(&chosen.model)?)));
        let document = planned.map_err(Stop::BadInput)?;
        if args.json {
            return json(&document);
        }
        say(&pair::text(&document));
        return Ok(());
    }
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
        let suggested = what_if::suggestions(&document);
        if let Some(first) = suggested.iter().find(|own| own.can_try) {
            say(&format!("\nSee what a recipe would change: --fix {}", first.recipe.id));
        }
        Ok(())
    }
}

/// `planner recipes [ID]`: what to do about what keeps operations off the Neural Engine.
pub(super) fn recipes(parser: &mut Parser) -> Result<(), Stop> {
    let (mut id, mut as_json) = (None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("json") => as_json = true,
            Arg::Value(value) if id.is_none() => id = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    match id {
        None if as_json => json(&Recipes::get().recipe),
        None => {
            say(&what_if::list());
            Ok(())
        }
        Some(id) => {
            let recipe = Recipes::get().find(&id);
            let unknown = || Stop::BadInput(what_if::why_not(&id, coreml_planner::fixes::NotApplied::Unknown));
            let recipe = recipe.ok_or_else(unknown)?;
            if as_json {
                return json(recipe);
            }
            say(&format!("{}\n{}\n\n{}", recipe.title, recipe.changes, recipe.code));
            Ok(())
        }
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
