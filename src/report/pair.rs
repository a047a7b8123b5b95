//! Two plans of one model side by side: what both come to, their segments, and every operation whose unit, eligible
//! units or reasons differ.
//!
//! Invariants: both plans are made by the same code as any other; an operation is met by its twin at the same place of
//! the graph, or else by the one whose result has the same name; what only one plan has is counted, not hidden.
//! Absent on purpose: plans of two different models, whose operations have nothing in common.

use std::collections::HashMap;

use serde::Serialize;

use crate::{
    estimate::Subject,
    machine::Machine,
    model::Model,
    scenario::{DeviceRef, Pick, Scenario, Units},
    texts::{landing, two_plans as text, words::NO_DATA},
    units::format::number,
    variant::{Runtime, Storage, Variant},
};

use super::{
    answer, controls,
    place::{self, FunctionPlace, OpPlace, PlaceDocument, ReasonPlace, SegmentPlace},
    plan::table,
    what_if::{State, states},
    words,
};

/// The document of `planner place --against WORDS --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairDocument {
    /// `coreml-planner/pair/1`.
    pub schema: &'static str,
    /// The model's name.
    pub model: String,
    /// What the first plan is made for.
    pub first: SidePair,
    /// What the second plan is made for.
    pub second: SidePair,
    /// Every function that both have.
    pub functions: Vec<FunctionPair>,
}

/// What one of two plans is made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SidePair {
    /// The device's name.
    pub device: String,
    /// Its system, with the version.
    pub os: String,
    /// The chosen compute units.
    pub units: &'static str,
    /// What is done to the model.
    pub variant: String,
    /// Whether the system loads it at all.
    pub loads: bool,
}

/// One function in both plans.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionPair {
    /// Its name.
    pub name: String,
    /// Operations that are listed, constants excluded; those of layers that repeat once.
    pub n_listed: usize,
    /// What the first plan comes to.
    pub first: State,
    /// What the second plan comes to.
    pub second: State,
    /// Runs of operations on one unit in the first plan.
    pub first_segments: Vec<SegmentPlace>,
    /// The same in the second.
    pub second_segments: Vec<SegmentPlace>,
    /// Operations that both plans have, layers that repeat counted.
    pub n_common: u64,
    /// Of them on another unit.
    pub n_moved: u64,
    /// Operations that only one plan has.
    pub n_alone: u64,
    /// Operations of which the plans say different things, in the order of the graph.
    pub differs: Vec<OpPair>,
}

/// An operation of which two plans say different things.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpPair {
    /// Its place among the listed operations of the first plan, counted from 0.
    pub row: usize,
    /// The MIL name of its first result.
    pub output: String,
    /// Its MIL type.
    pub op: String,
    /// Copies of it in the graph.
    pub times: u32,
    /// What differs: `unit`, `eligible`, `reasons`.
    pub what: Vec<&'static str>,
    /// What the first plan says.
    pub first: OpSide,
    /// What the second plan says.
    pub second: OpSide,
}

/// What one plan says of an operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpSide {
    /// Where it is predicted to run.
    pub predicted: &'static str,
    /// Where it could run.
    pub eligible: Vec<&'static str>,
    /// `likely`, `plausible` or `unknown`.
    pub confidence: &'static str,
    /// Its share of what Core ML's planner thinks the function costs.
    pub cost_share: f64,
    /// Reasons that the other plan does not have.
    pub only_here: Vec<ReasonPlace>,
}

/// One of two plans.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    document: PlaceDocument,
    states: Vec<State>,
}

impl Planned {
    /// Plans a model; `None` takes the variant that the model is written in.
    #[must_use]
    pub fn new(model: &Model, machine: &Machine, entitled: bool, variant: Option<Variant>, units: Units) -> Self {
        let subject = Subject::new(model, machine, entitled);
        let variant = variant.unwrap_or_else(|| subject.own_variant());
        let stored = Storage::of(model).store(&variant);
        let document = place::document(&subject, &variant, &stored, units);
        let states = states(&document, &subject.estimate(&variant, &stored, units));
        Self { document, states }
    }
}

/// What the second plan is made for, where it is not what the first one is made for: words as a person gives them,
/// empty for the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Against<'a> {
    /// Device id.
    pub device: &'a str,
    /// Major version of its system.
    pub os: &'a str,
    /// Compute units.
    pub units: &'a str,
    /// Variant id.
    pub variant: &'a str,
}

impl<'a> Against<'a> {
    /// Reads `device=…,os=…,units=…,variant=…`, any of them.
    pub fn read(words: &'a str) -> Result<Self, String> {
        let mut own = Self::default();
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').ok_or_else(|| text::no_sign(word, text::FORM))?;
            let place = match name {
                "device" => &mut own.device,
                "os" => &mut own.os,
                "units" => &mut own.units,
                "variant" => &mut own.variant,
                _ => return Err(text::no_difference_in(name, text::FORM)),
            };
            *place = value;
        }
        if own == Self::default() {
            return Err(text::DIFFERS_IN_NOTHING.to_owned());
        }
        Ok(own)
    }

    /// The scenario and the choice of the second plan.
    pub fn of(&self, scenario: &Scenario, variant: Option<Variant>, units: Units) -> Result<Other, String> {
        let mut scenario = Scenario { pick: None, ..scenario.clone() };
        let named = match &scenario.device {
            DeviceRef::Known { id, .. } => id.as_str(),
            DeviceRef::Custom(_) => controls::CUSTOM,
        };
        if !self.device.is_empty() && self.device != named {
            if self.device == controls::CUSTOM {
                return Err(text::CUSTOM_SECOND.to_owned());
            }
            controls::choose_device(&mut scenario, self.device);
        }
        if !self.os.is_empty() {
            scenario.os = self.os.parse().map_err(|_| text::no_os(self.os))?;
        }
        let units = match self.units {
            "" => units,
            id => Units::from_id(id).ok_or_else(|| text::no_units(id))?,
        };
        let variant = match self.variant {
            "" => variant,
            id => Some(Variant::from_id(id).ok_or_else(|| text::no_variant(id))?),
        };
        Ok(Other { scenario, variant, units })
    }
}

/// The question of the second plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// Device and system.
    pub scenario: Scenario,
    /// The variant; none for the one that the model is written in.
    pub variant: Option<Variant>,
    /// The compute units.
    pub units: Units,
}

impl Other {
    /// What a link asks for; its pick, or this one where the link has none.
    #[must_use]
    pub fn of_link(scenario: Scenario, instead: Pick) -> Self {
        let pick = scenario.pick.unwrap_or(instead);
        Self { variant: Some(pick.variant), units: pick.units, scenario }
    }

    /// Plans a model for it.
    pub fn plan(&self, model: &Model) -> Result<Planned, String> {
        if self.variant.is_some_and(|own| own.runtime != Runtime::CoreMl) {
            return Err(text::ONLY_CORE_ML.to_owned());
        }
        let machine = answer::machine(&self.scenario).map_err(|error| error.to_string())?;
        Ok(Planned::new(model, &machine, self.scenario.entitled, self.variant, self.units))
    }
}

/// Lays two plans of one model beside each other.
#[must_use]
pub fn pair(first: &Planned, second: &Planned) -> PairDocument {
    let mut functions = Vec::new();
    for (at, own) in first.document.functions.iter().enumerate() {
        let same = |other: &(usize, &FunctionPlace)| other.1.name == own.name;
        let Some((to, other)) = second.document.functions.iter().enumerate().find(same) else { continue };
        let (Some(before), Some(after)) = (first.states.get(at), second.states.get(to)) else { continue };
        functions.push(function(own, other, before, after));
    }
    PairDocument {
        schema: "coreml-planner/pair/1",
        model: first.document.model.clone(),
        first: side(&first.document),
        second: side(&second.document),
        functions,
    }
}

fn side(document: &PlaceDocument) -> SidePair {
    SidePair {
        device: document.device.clone(),
        os: document.os.clone(),
        units: document.units,
        variant: document.variant.clone(),
        loads: document.loads,
    }
}

fn function(first: &FunctionPlace, second: &FunctionPlace, before: &State, after: &State) -> FunctionPair {
    let key = |op: &OpPlace| (op.output.clone(), op.op.clone());
    let mut by_name: Option<HashMap<(String, String), usize>> = None;
    let mut met = vec![false; second.ops.len()];
    let (mut n_common, mut n_moved, mut n_alone, mut differs) = (0, 0, 0, Vec::new());
    for (row, op) in first.ops.iter().enumerate() {
        let times = u64::from(op.times);
        let beside = second.ops.get(row).filter(|twin| twin.output == op.output && twin.op == op.op).map(|_| row);
        // The names are only asked where the graphs differ, which they do not when just the device does.
        let twin = beside.or_else(|| {
            let names =
                by_name.get_or_insert_with(|| second.ops.iter().zip(0..).map(|(op, at)| (key(op), at)).collect());
            names.get(&key(op)).copied()
        });
        let Some((at, twin)) = twin.and_then(|at| Some((at, second.ops.get(at)?))) else {
            n_alone += times;
            continue;
        };
        if let Some(met) = met.get_mut(at) {
            *met = true;
        }
        n_common += times;
        n_moved += if twin.predicted == op.predicted { 0 } else { times };
        differs.extend(difference(row, op, twin));
    }
    n_alone += second.ops.iter().zip(met).filter(|(_, met)| !met).map(|(op, _)| u64::from(op.times)).sum::<u64>();
    FunctionPair {
        name: first.name.clone(),
        n_listed: first.ops.len(),
        first: before.clone(),
        second: after.clone(),
        first_segments: first.segments.clone(),
        second_segments: second.segments.clone(),
        n_common,
        n_moved,
        n_alone,
        differs,
    }
}

fn difference(row: usize, first: &OpPlace, second: &OpPlace) -> Option<OpPair> {
    let only = |own: &OpPlace, other: &OpPlace| -> Vec<ReasonPlace> {
        let is_new = |reason: &&ReasonPlace| !other.reasons.iter().any(|known| known.rule == reason.rule);
        own.reasons.iter().filter(is_new).cloned().collect()
    };
    let says = |own: &OpPlace, other: &OpPlace| OpSide {
        predicted: own.predicted,
        eligible: own.eligible.clone(),
        confidence: own.confidence,
        cost_share: own.cost_share,
        only_here: only(own, other),
    };
    let (one, two) = (says(first, second), says(second, first));
    let checks = [
        ("unit", one.predicted != two.predicted),
        ("eligible", one.eligible != two.eligible),
        ("reasons", !one.only_here.is_empty() || !two.only_here.is_empty()),
    ];
    let what: Vec<&'static str> = checks.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    if what.is_empty() {
        return None;
    }
    let (output, op) = (first.output.clone(), first.op.clone());
    Some(OpPair { row, output, op, times: first.times, what, first: one, second: two })
}

/// What two plans of a function come to: a name, and what each says.
#[must_use]
pub fn totals(function: &FunctionPair) -> Vec<[String; 3]> {
    let row =
        |name: &str, say: &dyn Fn(&State) -> String| [name.to_owned(), say(&function.first), say(&function.second)];
    vec![
        row(text::WHERE_IT_RUNS, &|state| words::where_it_runs(state.label).to_owned()),
        row(landing::HEAD_ANE, &|state| landing::some_of(&state.ane_ops.to_string(), &state.n_ops.to_string())),
        row(landing::HEAD_COST, &|state| percent(state.ane_cost_share)),
        row(landing::HEAD_SEGMENTS, &|state| state.n_segments.to_string()),
        row(text::RISKS, &|state| state.n_risks.to_string()),
        row(landing::HEAD_TIME, &|state| {
            let ms = |seconds: f64| number(seconds * 1e3);
            let known = |time: &super::plan::FigureDocument| {
                landing::milliseconds(&ms(time.value), &ms(time.low), &ms(time.high))
            };
            state.time_s.as_ref().map_or_else(|| NO_DATA.to_owned(), known)
        }),
    ]
}

/// Operations of which the plans say the same different things.
#[derive(Clone, Debug, PartialEq)]
pub struct Alike<'a> {
    /// One of them.
    pub op: &'a OpPair,
    /// How many there are, layers that repeat counted.
    pub n_ops: u64,
    /// Their share of the cost in the first plan.
    pub cost_share: f64,
}

/// What differs, like operations together: those that move first, the dearest before others.
#[must_use]
pub fn alike(function: &FunctionPair) -> Vec<Alike<'_>> {
    let rules = |side: &OpSide| -> Vec<&'static str> { side.only_here.iter().map(|reason| reason.rule).collect() };
    let same = |a: &OpPair, b: &OpPair| {
        let of = |side: &OpSide| (side.predicted, side.eligible.clone(), rules(side));
        a.op == b.op && of(&a.first) == of(&b.first) && of(&a.second) == of(&b.second)
    };
    let mut groups: Vec<Alike<'_>> = Vec::new();
    for op in &function.differs {
        let (n_ops, cost_share) = (u64::from(op.times), op.first.cost_share);
        match groups.iter_mut().find(|known| same(known.op, op)) {
            Some(known) => {
                known.n_ops += n_ops;
                known.cost_share += cost_share;
            }
            None => groups.push(Alike { op, n_ops, cost_share }),
        }
    }
    let moves = |own: &Alike<'_>| own.op.what.contains(&"unit");
    groups.sort_by(|a, b| moves(b).cmp(&moves(a)).then(b.cost_share.total_cmp(&a.cost_share)));
    groups
}

/// The reason that explains a difference best: one of the plan that keeps the operation off a unit of the other.
#[must_use]
pub fn why(op: &OpPair) -> Option<&ReasonPlace> {
    let (one, two) = (&op.first, &op.second);
    let [narrow, wide] = if one.eligible.len() <= two.eligible.len() { [one, two] } else { [two, one] };
    narrow.only_here.first().or_else(|| wide.only_here.first())
}

/// What a difference without a reason of its own comes from.
pub const NO_REASON: &str = text::NO_REASON;

/// Most kinds of difference that the text lists; the document has every operation.
const MOST_LISTED: usize = 40;

/// The document as text for a terminal.
#[must_use]
pub fn text(document: &PairDocument) -> String {
    let says = |word: &str, side: &SidePair| {
        let loads = if side.loads { "" } else { " (this system is too old to load it)" };
        format!("{word}: {} ({}), units {}, {}{loads}\n", side.device, side.os, side.units, side.variant)
    };
    let mut out = format!("{}, two plans; predicted, not measured\n", document.model);
    out.push_str(&says("first", &document.first));
    out.push_str(&says("second", &document.second));
    for function in &document.functions {
        out.push_str(&format!("\nfunction {}\n", function.name));
        let mut rows = vec![["", "first", "second"].map(str::to_owned)];
        rows.extend(totals(function));
        table(&rows, &mut out);
        out.push_str(&format!("\n{}\n", said(function)));
        let groups = alike(function);
        if groups.is_empty() {
            continue;
        }
        let mut rows = vec![["operation", "count", "cost", "first", "second", "rule", "why"].map(str::to_owned)];
        for own in groups.iter().take(MOST_LISTED) {
            let reason = why(own.op);
            rows.push([
                own.op.op.clone(),
                own.n_ops.to_string(),
                percent(own.cost_share),
                own.op.first.predicted.to_owned(),
                own.op.second.predicted.to_owned(),
                reason.map_or("–", |reason| reason.rule).to_owned(),
                reason.map_or(NO_REASON, |reason| reason.text).to_owned(),
            ]);
        }
        table(&rows, &mut out);
        if groups.len() > MOST_LISTED {
            out.push_str(&format!("… and {} more kinds; --json lists every operation\n", groups.len() - MOST_LISTED));
        }
    }
    out
}

/// How many operations differ, in a sentence.
#[must_use]
pub fn said(function: &FunctionPair) -> String {
    let n_differ: u64 = function.differs.iter().map(|op| u64::from(op.times)).sum();
    let mut said = text::moved(&function.n_moved.to_string(), &function.n_common.to_string(), &n_differ.to_string());
    if function.n_alone > 0 {
        said.push_str(&text::alone(&function.n_alone.to_string()));
    }
    said
}

/// A share in words.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
