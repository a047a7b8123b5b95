//! The document of the accuracy page: every row with its prediction, the error table, conflicts, and what is wrong.
//!
//! Words that repeat stand once in a list and are named by their place, so that the file stays small; `columns` says what
//! the numbers of a point are. Predictions come twice: by the laws in use, and by laws that never saw the row's source.

use serde::Serialize;

use super::{
    Fitted, Group, Known, Left, Metric, Outcome, Row, Scored, Trust, group, held_out, resolve,
    score::{predict, scored},
};
use crate::{catalog::Law, estimate::law::Answer};

/// The whole document.
#[derive(Clone, Debug, Serialize)]
pub struct AccuracyDocument {
    /// `coreml-planner/accuracy/1`.
    pub schema: &'static str,
    /// Rows of `measurements.csv`, quality aside.
    pub n_rows: usize,
    /// Those with a prediction.
    pub n_predicted: usize,
    /// What is measured, on what: metric, runtime, unit of computation, unit of measure.
    pub classes: Vec<[String; 4]>,
    /// Ids of chips.
    pub chips: Vec<String>,
    /// Models, in their authors' words.
    pub models: Vec<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// What the parts of a point are.
    pub columns: [&'static str; 12],
    /// The rows.
    pub points: Vec<Point>,
    /// Errors by class: rows seen, source left out, chip left out; rows of trust A and B.
    pub errors: Vec<ErrorRow>,
    /// Rows of different sources that ask the planner the same question and answer it differently.
    pub conflicts: Vec<Conflict>,
    /// Rows without a prediction, by reason.
    pub skipped: Vec<SkippedRows>,
    /// What is wrong with the planner, in plain words, the worst first.
    pub wrong: Vec<String>,
}

/// A row: id, class, chip, model, source, trust, measured, predicted, low, high, whether it is inside, predicted unseen.
pub type Point = (String, usize, usize, usize, usize, char, f64, f64, f64, f64, u8, Option<f64>);

/// Errors of a class.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorRow {
    /// `nothing`, `source`, `chip`.
    pub left_out: &'static str,
    /// The class: metric, runtime, unit.
    pub class: String,
    /// Chip family, or `all`.
    pub family: String,
    /// Rows.
    pub n: usize,
    /// Median absolute error, percent.
    pub median: f64,
    /// Ninetieth percentile of it.
    pub p90: f64,
    /// Median error, percent.
    pub bias: f64,
    /// Share of rows inside their range.
    pub coverage: f64,
}

/// Rows that disagree.
#[derive(Clone, Debug, Serialize)]
pub struct Conflict {
    /// Their ids.
    pub rows: Vec<String>,
    /// What they measured.
    pub measured: Vec<f64>,
    /// Unit of that.
    pub unit: String,
    /// Who: places in `sources`.
    pub sources: Vec<usize>,
    /// Largest over smallest.
    pub factor: f64,
}

/// Rows that were skipped for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct SkippedRows {
    /// The reason.
    pub why: String,
    /// Ids.
    pub rows: Vec<String>,
}

/// Four digits are enough for a page.
fn short(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

/// The place of a word in a list, added if it is not there.
fn place(list: &mut Vec<String>, word: &str) -> usize {
    match list.iter().position(|own| own == word) {
        Some(at) => at,
        None => {
            list.push(word.to_owned());
            list.len() - 1
        }
    }
}

/// Rows, what they were found to be, and the document's lists.
struct Draft<'a> {
    rows: &'a [Row],
    outcomes: &'a [Outcome],
    /// Places of the rows that have a prediction.
    at: Vec<usize>,
    fitted: Vec<Fitted<'a>>,
}

/// Makes the document from measured rows and the laws in use.
#[must_use]
pub fn document(rows: &[Row], known: &Known, laws: &[Law]) -> AccuracyDocument {
    let outcomes: Vec<Outcome> = rows.iter().map(|row| resolve(row, known)).collect();
    let each = rows.iter().zip(&outcomes).enumerate().filter_map(|(at, (row, outcome))| {
        let case = outcome.as_ref().ok()?;
        Some((at, Fitted::of(row, case)))
    });
    let (at, fitted) = each.unzip();
    let draft = Draft { rows, outcomes: &outcomes, at, fitted };
    let unseen = held_out(&draft.fitted, Left::Source);
    let mut made = AccuracyDocument {
        schema: "coreml-planner/accuracy/1",
        n_rows: rows.iter().filter(|row| !row.metric.starts_with("q_")).count(),
        n_predicted: draft.at.len(),
        classes: Vec::new(),
        chips: Vec::new(),
        models: Vec::new(),
        sources: Vec::new(),
        columns: [
            "row",
            "class",
            "chip",
            "model",
            "source",
            "trust",
            "measured",
            "predicted",
            "low",
            "high",
            "inside",
            "unseen",
        ],
        points: Vec::new(),
        errors: Vec::new(),
        conflicts: Vec::new(),
        skipped: draft.skipped(),
        wrong: Vec::new(),
    };
    draft.points(&mut made, laws, &unseen);
    draft.conflicts(&mut made);
    let seen: Vec<Option<Answer>> = draft.fitted.iter().map(|own| predict(own.case, laws)).collect();
    made.errors.extend(draft.errors("nothing", &seen));
    made.errors.extend(draft.errors("source", &unseen));
    made.errors.extend(draft.errors("chip", &held_out(&draft.fitted, Left::Chip)));
    made.wrong = wrong(&made);
    made
}

impl Draft<'_> {
    /// A row with a prediction.
    fn row(&self, idx: usize) -> Option<(&Row, &Outcome)> {
        let at = *self.at.get(idx)?;
        Some((self.rows.get(at)?, self.outcomes.get(at)?))
    }

    fn skipped(&self) -> Vec<SkippedRows> {
        let mut all: Vec<SkippedRows> = Vec::new();
        for (row, outcome) in self.rows.iter().zip(self.outcomes) {
            let Err(skip) = outcome else { continue };
            match all.iter_mut().find(|own| own.why == skip.0) {
                Some(own) => own.rows.push(row.id.clone()),
                None => all.push(SkippedRows { why: skip.0.clone(), rows: vec![row.id.clone()] }),
            }
        }
        all.sort_by_key(|own| usize::MAX - own.rows.len());
        all
    }

    fn points(&self, made: &mut AccuracyDocument, laws: &[Law], unseen: &[Option<Answer>]) {
        for (idx, (own, unseen)) in self.fitted.iter().zip(unseen).enumerate() {
            let Some((row, outcome)) = self.row(idx) else { continue };
            let one = scored(row, outcome, predict(own.case, laws));
            let (Some(predicted), Some(low), Some(high), Some(measured)) =
                (one.predicted, one.low, one.high, one.measured)
            else {
                continue;
            };
            let class = own.case.class;
            let key = [class.metric.id().to_owned(), class.runtime.to_owned(), class.unit.to_owned(), row.unit.clone()];
            let class = match made.classes.iter().position(|known| *known == key) {
                Some(at) => at,
                None => {
                    made.classes.push(key);
                    made.classes.len() - 1
                }
            };
            made.points.push((
                row.id.clone(),
                class,
                place(&mut made.chips, &row.soc),
                place(&mut made.models, &row.model),
                place(&mut made.sources, &row.source),
                letter(row.trust()),
                measured,
                short(predicted),
                short(low),
                short(high),
                u8::from(one.inside == Some(true)),
                unseen.map(|answer| short(own.case.speed.stated(answer.value))),
            ));
        }
    }

    /// Rows whose parts are alike are one question: the planner cannot tell them apart.
    fn conflicts(&self, made: &mut AccuracyDocument) {
        let mut is_taken = vec![false; self.fitted.len()];
        let is_size = |own: &Fitted<'_>| own.case.class.metric >= Metric::Memory;
        for (first, own) in self.fitted.iter().enumerate() {
            // Sizes of two models may be alike by chance; their times hardly are.
            if is_size(own) || is_taken.get(first).copied().unwrap_or(true) || own.trust > Trust::B {
                continue;
            }
            let alike = |other: &Fitted<'_>| {
                let (a, b) = (own.case.parts, other.case.parts);
                let near = |a: f64, b: f64| (a - b).abs() <= 0.01 * a.max(b);
                other.case.class == own.case.class
                    && other.chip == own.chip
                    && other.trust <= Trust::B
                    && near(a.stream, b.stream)
                    && near(a.traffic, b.traffic)
                    && near(a.compute, b.compute)
                    && near(a.fixed, b.fixed)
            };
            let same: Vec<usize> = (first..self.fitted.len())
                .filter(|idx| self.fitted.get(*idx).is_some_and(alike) && is_taken.get(*idx) == Some(&false))
                .collect();
            for idx in &same {
                if let Some(slot) = is_taken.get_mut(*idx) {
                    *slot = true;
                }
            }
            let values = || same.iter().filter_map(|idx| self.fitted.get(*idx)).map(|own| own.case.measured);
            let (least, most) = values().fold((f64::INFINITY, 0.0), |(a, b), own| (f64::min(a, own), f64::max(b, own)));
            let is_one_source =
                same.iter().filter_map(|idx| self.fitted.get(*idx)).all(|other| other.source == own.source);
            if is_one_source || most < least * 1.25 {
                continue;
            }
            let mut conflict = Conflict {
                rows: Vec::new(),
                measured: Vec::new(),
                unit: String::new(),
                sources: Vec::new(),
                factor: short(most / least),
            };
            for idx in &same {
                let Some((row, _)) = self.row(*idx) else { continue };
                conflict.rows.push(row.id.clone());
                conflict.measured.push(row.value.unwrap_or(0.0));
                conflict.unit.clone_from(&row.unit);
                conflict.sources.push(place(&mut made.sources, &row.source));
            }
            made.conflicts.push(conflict);
        }
        made.conflicts.sort_by(|a, b| b.factor.total_cmp(&a.factor));
    }

    fn errors(&self, left_out: &'static str, answers: &[Option<Answer>]) -> Vec<ErrorRow> {
        let mut all: Vec<(String, String, Scored)> = Vec::new();
        for (idx, (own, answer)) in self.fitted.iter().zip(answers).enumerate() {
            let Some((row, outcome)) = self.row(idx).filter(|(row, _)| row.trust() <= Trust::B) else { continue };
            let class = own.case.class;
            let name = format!("{} {} {}", class.metric.id(), class.runtime, class.unit);
            all.push((name, class.family.to_owned(), scored(row, outcome, *answer)));
        }
        let mut keys: Vec<(String, String)> =
            all.iter().map(|(name, family, _)| (name.clone(), family.clone())).collect();
        keys.extend(all.iter().map(|(name, ..)| (name.clone(), "all".to_owned())));
        keys.sort_unstable();
        keys.dedup();
        let sum = |(name, family): &(String, String)| {
            let own = all.iter().filter(|row| row.0 == *name && (family == "all" || row.1 == *family));
            let Group { n, median_abs_pct_error, p90_abs_pct_error, bias_pct, coverage, .. } =
                group(name, "", own.map(|(_, _, one)| one));
            Some(ErrorRow {
                left_out,
                class: name.clone(),
                family: family.clone(),
                n,
                median: short(median_abs_pct_error?),
                p90: short(p90_abs_pct_error?),
                bias: short(bias_pct?),
                coverage: short(coverage?),
            })
        };
        keys.iter().filter_map(sum).collect()
    }
}

fn letter(trust: Trust) -> char {
    match trust {
        Trust::A => 'A',
        Trust::B => 'B',
        Trust::C => 'C',
        Trust::D => 'D',
    }
}

/// What a reader must know before believing a number: the classes with the largest errors on unseen sources, and what the
/// planner leaves out everywhere.
fn wrong(made: &AccuracyDocument) -> Vec<String> {
    let mut worst: Vec<&ErrorRow> =
        made.errors.iter().filter(|row| row.left_out == "source" && row.family == "all" && row.n >= 4).collect();
    worst.sort_by(|a, b| b.median.total_cmp(&a.median));
    let mut all: Vec<String> = worst
        .iter()
        .filter(|row| row.median > 25.0)
        .map(|row| {
            format!(
                "{}: half of {} rows are off by more than {:.0} % when their source was not seen; one in ten by more than {:.0} %",
                row.class, row.n, row.median, row.p90
            )
        })
        .collect();
    for own in [
        "Models whose operations nobody published are stand-ins of the right size: their speed is less sure than their bytes",
        "A call that an app times takes two to four times what the Xcode report says: scaling, copies and the camera are not modelled, only fitted",
        "Speed after minutes of load is not predicted: rows on phones fall to between a third and two thirds of the first seconds",
        "Loading and compiling are known from few rows of few sources: take them as an order of magnitude",
        "What the system holds outside the app for the Neural Engine is not in the memory figure",
    ] {
        all.push(own.to_owned());
    }
    all
}
