//! `planner validate`, `planner fit`: measured rows against predictions.

use std::{fs, path::PathBuf};

use coreml_planner::{
    accuracy::{self, Fitted, Group, Known, Left, Outcome, Row, Scored, Scores, Trust},
    catalog::Catalog,
    estimate::law::Parts,
};
use lexopt::{Arg, Parser, ValueExt};

use super::{Stop, json, say};

const MODELS: &str = include_str!("../../../assets/data/models.csv");
const MEASUREMENTS: &str = include_str!("../../../assets/data/measurements.csv");

fn known() -> Result<Known, Stop> {
    Ok(Known::read(MODELS).map_err(Stop::BadInput)?.with_quality(super::QUALITY))
}

fn rows(path: Option<&PathBuf>) -> Result<Vec<Row>, Stop> {
    let Some(path) = path else { return accuracy::read(MEASUREMENTS).map_err(Stop::BadInput) };
    // Names with letters of another encoding are still names.
    let bytes = fs::read(path).map_err(|error| Stop::BadInput(format!("{}: {error}", path.display())))?;
    accuracy::read(&String::from_utf8_lossy(&bytes))
        .map_err(|what| Stop::BadInput(format!("{}: {what}", path.display())))
}

/// Scores a file of measured rows.
pub(super) fn validate(parser: &mut Parser) -> Result<(), Stop> {
    let (mut path, mut as_json) = (None, false);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("json") => as_json = true,
            Arg::Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let rows = rows(path.as_ref())?;
    let scores = accuracy::score(&rows, &known()?, &Catalog::get().laws);
    if as_json { json(&scores) } else { table(&scores) }
}

fn table(scores: &Scores) -> Result<(), Stop> {
    let number = |number: Option<f64>| number.map_or("-".to_owned(), |number| format!("{number:.1}"));
    let mut text = format!(
        "{:<26} {:<16} {:>5} {:>8} {:>8} {:>7} {:>7} {:>8}\n",
        "metric", "runtime", "rows", "skipped", "error %", "p90 %", "bias %", "inside"
    );
    for Group { metric, runtime, n, n_skipped, median_abs_pct_error, p90_abs_pct_error, bias_pct, coverage } in
        &scores.summary
    {
        text.push_str(&format!(
            "{metric:<26} {runtime:<16} {n:>5} {n_skipped:>8} {:>8} {:>7} {:>7} {:>8}\n",
            number(*median_abs_pct_error),
            number(*p90_abs_pct_error),
            number(*bias_pct),
            coverage.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0)),
        ));
    }
    say(&text);
    Ok(())
}

/// Fits the laws on the measurements of the catalogue, or of a file, and writes `fitted.toml`.
pub(super) fn fit(parser: &mut Parser) -> Result<(), Stop> {
    let (mut path, mut out) = (None, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("out") => out = Some(PathBuf::from(parser.value()?.string()?)),
            Arg::Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let (rows, known) = (rows(path.as_ref())?, known()?);
    let outcomes: Vec<Outcome> = rows.iter().map(|row| accuracy::resolve(row, &known)).collect();
    let (_, fitted) = expressed(&rows, &outcomes);
    let text = accuracy::laws_text(&accuracy::fit_with_rows(&fitted));
    match out {
        Some(path) => fs::write(&path, text).map_err(|error| Stop::BadInput(format!("{}: {error}", path.display()))),
        None => {
            say(&text);
            Ok(())
        }
    }
}

/// The rows that the planner can express, as the fit takes them.
fn expressed<'a>(rows: &'a [Row], outcomes: &'a [Outcome]) -> (Vec<usize>, Vec<Fitted<'a>>) {
    let each = rows.iter().zip(outcomes).enumerate().filter_map(|(at, (row, outcome))| {
        let case = outcome.as_ref().ok()?;
        Some((at, Fitted::of(row, case)))
    });
    each.unzip()
}

/// Fitted and unseen predictions of the catalogue's rows, class by class.
pub(super) fn accuracy(parser: &mut Parser) -> Result<(), Stop> {
    let (mut worst, mut as_json, mut out) = (0_usize, false, None);
    while let Some(arg) = parser.next()? {
        match arg {
            // What the page's accuracy panel fetches.
            Arg::Long("sheet") => {
                say(&accuracy::sheet(&rows(None)?, &known()?));
                return Ok(());
            }
            Arg::Long("json") => as_json = true,
            Arg::Long("out") => out = Some(PathBuf::from(parser.value()?.string()?)),
            Arg::Long("worst") => worst = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    let (rows, known) = (rows(None)?, known()?);
    if as_json {
        let document = accuracy::document(&rows, &known, &Catalog::get().laws);
        let text = serde_json::to_string(&document).map_err(|error| Stop::BadInput(error.to_string()))?;
        return match out {
            Some(path) => {
                fs::write(&path, text).map_err(|error| Stop::BadInput(format!("{}: {error}", path.display())))
            }
            None => {
                say(&text);
                Ok(())
            }
        };
    }
    let outcomes: Vec<Outcome> = rows.iter().map(|row| accuracy::resolve(row, &known)).collect();
    let (places, fitted) = expressed(&rows, &outcomes);
    for (left, title) in
        [(Left::Nothing, "all rows seen"), (Left::Source, "source left out"), (Left::Chip, "chip left out")]
    {
        let answers = accuracy::held_out(&fitted, left);
        let mut scored: Vec<(String, f64, Scored, &Row, Parts)> = Vec::new();
        for ((at, own), answer) in places.iter().zip(&fitted).zip(&answers) {
            let (Some(row), Some(outcome)) = (rows.get(*at), outcomes.get(*at)) else { continue };
            if row.trust() > Trust::B {
                continue;
            }
            let class = own.case.class;
            let one = accuracy::scored(row, outcome, *answer);
            let off = one.ratio.map_or(0.0, |ratio| ratio.max(1.0 / ratio));
            scored.push((
                format!("{} {} {}", class.metric.id(), class.runtime, class.unit),
                off,
                one,
                row,
                own.case.parts,
            ));
        }
        say(&format!("\n{title}; trust A and B"));
        let mut classes: Vec<String> = scored.iter().map(|(class, ..)| class.clone()).collect();
        classes.sort_unstable();
        classes.dedup();
        let summary = classes.iter().map(|class| {
            accuracy::group(class, "", scored.iter().filter(|(own, ..)| own == class).map(|(_, _, one, _, _)| one))
        });
        table(&Scores { schema: 1, rows: Vec::new(), summary: summary.collect() })?;
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (class, off, one, row, parts) in scored.iter().take(worst) {
            say(&format!(
                "{off:6.2} {class} {} {} {} {} {} | {:?} {:?} {:?}",
                row.id, row.soc, row.model, row.compression, row.context, one.predicted, one.measured, parts
            ));
        }
    }
    Ok(())
}
