//! What a recipe would do to a plan: before, after, and what moved; and which recipes a plan asks for.
//!
//! Invariants: before and after are made by the same code as any other plan; a recipe that cannot be applied to a graph
//! says why and what to do instead. Absent on purpose: how recipes change graphs (`fixes`).

use serde::Serialize;

use crate::{
    catalog::{Recipe, Recipes},
    estimate::{Estimate, Subject},
    fixes::{self, NotApplied, Target},
    machine::Machine,
    model::Model,
    placement,
    scenario::Units,
    texts::what_if as text,
    variant::{Storage, Variant},
};

use super::{
    compare::{self, Difference},
    place::{self, PlaceDocument},
    plan::FigureDocument,
};

/// The document of `planner place --fix ID --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIfDocument {
    /// `coreml-planner/what-if/1`.
    pub schema: &'static str,
    /// The recipe.
    pub recipe: &'static Recipe,
    /// Operations, tensors or weights that it changes.
    pub n_changed: u64,
    /// Each function as it is.
    pub before: Vec<State>,
    /// Each function with the recipe.
    pub after: Vec<State>,
    /// Operations that both have and that move.
    pub moved: Vec<Difference>,
}

impl WhatIfDocument {
    /// Every state with `before` or `after` and the name to show. Before and after of a function stand one below the other,
    /// unless the recipe cuts the model: then all of before comes first.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &str, &State)> {
        if self.before.len() != self.after.len() {
            let before = self.before.iter().map(|state| named("before", state));
            return before.chain(self.after.iter().map(|state| named("after", state))).collect();
        }
        let both = self.before.iter().zip(&self.after);
        both.flat_map(|(before, after)| [named("before", before), ("after", "", after)]).collect()
    }
}

fn named<'a>(word: &'static str, state: &'a State) -> (&'static str, &'a str, &'a State) {
    (word, &state.function, state)
}

/// A function before or after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// Its name.
    pub function: String,
    /// `ane`, `mostly_ane`, `mixed`, `cpu` or `gpu`.
    pub label: &'static str,
    /// Operations.
    pub n_ops: u64,
    /// Of them on the Neural Engine.
    pub ane_ops: u64,
    /// Share of the planner's cost there.
    pub ane_cost_share: f64,
    /// Runs of operations on one unit.
    pub n_segments: u64,
    /// Rules that make the compiler a risk.
    pub n_risks: u64,
    /// Time of one call.
    pub time_s: Option<FigureDocument>,
}

/// A recipe that a plan asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suggestion {
    /// The recipe.
    pub recipe: &'static Recipe,
    /// Rules that name it.
    pub rules: Vec<&'static str>,
    /// Operations that they speak of and that are not on the Neural Engine.
    pub n_ops: u64,
    /// Their share of the planner's cost.
    pub cost_share: f64,
    /// Whether its effect can be predicted here.
    pub can_try: bool,
}

/// The recipes that the reasons of a plan name, the ones with the most cost behind them first.
#[must_use]
pub fn suggestions(document: &PlaceDocument) -> Vec<Suggestion> {
    let mut all: Vec<Suggestion> = Vec::new();
    let n_functions = document.functions.len().max(1) as f64;
    for function in &document.functions {
        for op in function.ops.iter().filter(|op| op.predicted != "ane") {
            let mut seen: Vec<&str> = Vec::new();
            for reason in &op.reasons {
                let Some(suggestion) = found(&mut all, reason) else { continue };
                if !seen.contains(&reason.fix_id) {
                    seen.push(reason.fix_id);
                    suggestion.n_ops += u64::from(op.times);
                    suggestion.cost_share += op.cost_share / n_functions;
                }
            }
        }
        for reason in function.summary.risks.iter().chain(&function.summary.warnings) {
            found(&mut all, reason);
        }
    }
    all.sort_by(|a, b| b.cost_share.total_cmp(&a.cost_share).then(b.n_ops.cmp(&a.n_ops)));
    all
}

fn found<'a>(all: &'a mut Vec<Suggestion>, reason: &place::ReasonPlace) -> Option<&'a mut Suggestion> {
    let recipe = Recipes::get().find(reason.fix_id)?;
    let at = match all.iter().position(|known| known.recipe.id == recipe.id) {
        Some(at) => at,
        None => {
            let can_try = fixes::is_expressible(&recipe.id);
            all.push(Suggestion { recipe, rules: Vec::new(), n_ops: 0, cost_share: 0.0, can_try });
            all.len() - 1
        }
    };
    let own = all.get_mut(at)?;
    if !own.rules.contains(&reason.rule) {
        own.rules.push(reason.rule);
    }
    Some(own)
}

/// Why a recipe is not applied, in a sentence.
#[must_use]
pub fn why_not(recipe: &str, why: NotApplied) -> String {
    match why {
        NotApplied::Unknown => text::no_recipe(recipe),
        NotApplied::NothingToChange => text::nothing_to_change(recipe),
        NotApplied::NeedsSource => text::needs_source(recipe),
        NotApplied::NotAboutPlacement => text::not_about_placement(recipe),
    }
}

/// Applies a recipe and plans again.
pub fn what_if(
    model: &Model,
    machine: &Machine,
    entitled: bool,
    variant: Option<Variant>,
    units: Units,
    recipe: &str,
) -> Result<WhatIfDocument, String> {
    let known = Recipes::get().find(recipe).ok_or_else(|| why_not(recipe, NotApplied::Unknown))?;
    let planned = |model: &Model, units: Units| {
        let subject = Subject::new(model, machine, entitled);
        let variant = variant.unwrap_or_else(|| subject.own_variant());
        let stored = Storage::of(model).store(&variant);
        let document = place::document(&subject, &variant, &stored, units);
        let estimate = subject.estimate(&variant, &stored, units);
        let bytes: Vec<u64> = stored.weights.iter().map(|weight| weight.bytes).collect();
        (states(&document, &estimate), document, bytes)
    };
    let (before, first, stored) = planned(model, units);
    let most = placement::largest_weight_file(machine, model.spec_version > 0).unwrap_or(0.0);
    // A part keeps clear of the bound: what a compiler adds is not known.
    let largest_file = (most * 0.9) as u64;
    let target = Target { longest: machine.ane_max_width, largest_file, stored: &stored };
    let change = fixes::apply(model, recipe, target).map_err(|why| why_not(recipe, why))?;
    let n_parts = change.parts.len();
    let (mut after, mut second) = (Vec::new(), None::<PlaceDocument>);
    for (at, part) in change.parts.iter().enumerate() {
        let (mut states, document, _) = planned(part, change.units.unwrap_or(units));
        if n_parts > 1 {
            for state in &mut states {
                state.function.push_str(&format!(", part {} of {n_parts}", at + 1));
            }
        }
        after.append(&mut states);
        join(&mut second, document);
    }
    let moved = second.map_or_else(Vec::new, |second| compare::difference(&first, &second));
    Ok(WhatIfDocument {
        schema: "coreml-planner/what-if/1",
        recipe: known,
        n_changed: change.n_changed,
        before,
        after,
        moved,
    })
}

/// Puts the operations of one more part behind those of the others, so that a whole can be compared with all of them.
fn join(whole: &mut Option<PlaceDocument>, part: PlaceDocument) {
    let Some(whole) = whole else {
        *whole = Some(part);
        return;
    };
    for function in part.functions {
        match whole.functions.iter_mut().find(|own| own.name == function.name) {
            Some(own) => own.ops.extend(function.ops),
            None => whole.functions.push(function),
        }
    }
}

pub(super) fn states(document: &PlaceDocument, estimate: &Estimate) -> Vec<State> {
    let one = |(at, function): (usize, &place::FunctionPlace)| {
        let summary = &function.summary;
        State {
            function: function.name.clone(),
            label: summary.label,
            n_ops: summary.n_ops,
            ane_ops: summary.ane_ops,
            ane_cost_share: summary.ane_cost_share,
            n_segments: summary.n_segments,
            n_risks: summary.risks.len() as u64,
            time_s: estimate.plans.get(at).map(|plan| plan.time.into()),
        }
    };
    document.functions.iter().enumerate().map(one).collect()
}

/// The document as text for a terminal.
#[must_use]
pub fn text(document: &WhatIfDocument) -> String {
    let mut out = format!("{}\n{}\n\n", document.recipe.title, document.recipe.changes);
    let mut rows =
        vec![["function", "", "where", "on the Neural Engine", "cost there", "segments", "time"].map(str::to_owned)];
    let time = |state: &State| {
        state.time_s.as_ref().map_or_else(
            || "no data".to_owned(),
            |time| {
                let ms = |seconds: f64| crate::units::format::number(seconds * 1e3);
                format!("{}–{} ms", ms(time.low), ms(time.high))
            },
        )
    };
    for (word, name, state) in document.rows() {
        rows.push([
            name.to_owned(),
            word.to_owned(),
            state.label.replace('_', " "),
            format!("{} of {}", state.ane_ops, state.n_ops),
            format!("{:.1} %", state.ane_cost_share * 100.0),
            state.n_segments.to_string(),
            time(state),
        ]);
    }
    super::plan::table(&rows, &mut out);
    let n_moved: usize = document.moved.iter().map(|difference| difference.moved.len()).sum();
    if document.before.len() != document.after.len() {
        let sum = |states: &[State], end: fn(&FigureDocument) -> f64| -> f64 {
            states.iter().filter_map(|state| state.time_s.as_ref()).map(|time| end(time) * 1e3).sum()
        };
        let number = crate::units::format::number;
        out.push_str(&format!(
            "\nall calls together: {}–{} ms before, {}–{} ms after\n",
            number(sum(&document.before, |time| time.low)),
            number(sum(&document.before, |time| time.high)),
            number(sum(&document.after, |time| time.low)),
            number(sum(&document.after, |time| time.high)),
        ));
    }
    out.push_str(&format!("\n{} changed; {n_moved} operations move. Predicted, not measured.\n", document.n_changed));
    out.push_str(&format!("\n{}\n{}", document.recipe.language, document.recipe.code));
    out
}

/// Every recipe as a table for a terminal.
#[must_use]
pub fn list() -> String {
    let mut rows = vec![["id", "what it does", "can be tried here"].map(str::to_owned)];
    for recipe in &Recipes::get().recipe {
        let can_try = if fixes::is_expressible(&recipe.id) { "yes" } else { "no" };
        rows.push([recipe.id.clone(), recipe.title.clone(), can_try.to_owned()]);
    }
    let mut out = String::new();
    super::plan::table(&rows, &mut out);
    out
}
