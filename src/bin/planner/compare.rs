//! `planner compare`: one model on every chip, system and choice of compute units.

use coreml_planner::report::{answer, compare as report};
use lexopt::Parser;

use super::{Stop, json, place, plan_args, say, scenario};

pub(super) fn compare(parser: &mut Parser) -> Result<(), Stop> {
    let mut args = plan_args(parser)?;
    // The device does not matter: every one is asked. The scenario wants one.
    args.device.get_or_insert_with(|| "iphone-15-pro".to_owned());
    let (scenario, package) = scenario(&args)?;
    let chosen = answer::choose(&scenario, package.as_ref()).map_err(|error| Stop::BadInput(error.to_string()))?;
    let systems = if args.every_os { report::Systems::Every } else { report::Systems::Usual };
    let document = report::document(&chosen.model, place::variant(&args)?, scenario.entitled, systems);
    if document.rows.iter().flat_map(|row| &row.cells).all(|cell| cell.n_segments == 0) {
        return Err(Stop::BadInput("there are no operations to place in this kind of model".to_owned()));
    }
    if args.json {
        json(&document)
    } else {
        say(&report::text(&document));
        Ok(())
    }
}
