//! `planner evidence`: a measured plan laid over the prediction, as a document, as text, and as a labelled case.
//!
//! Invariants: what is predicted and what is measured never share a word; a question that differs from the one that was
//! measured is said before any figure. Absent on purpose: reading files and finding pairs (`evidence`).

mod cases;
mod text;

pub use cases::{Case, Cases, Expected, ExpectedModel};
pub use text::text;

use serde::Serialize;

use crate::{
    estimate::Subject,
    evidence::{self, Agreement, Basis, MeasuredFunction, MeasuredOp, MeasuredPlan, Paired, Source},
    machine::{Machine, Unit},
    placement::Placed,
    scenario::Units,
    texts::measured_plan as said,
    variant::{Stored, Variant},
};

use super::place::{self, FunctionPlace, PlaceDocument, ReasonPlace};

/// A measured plan beside the prediction for the same graph.
pub struct Evidence<'m> {
    placed: Vec<Placed>,
    predicted: PlaceDocument,
    measured: &'m MeasuredPlan,
    machine: &'m Machine,
    units: Units,
}

impl<'m> Evidence<'m> {
    /// Predicts what was measured.
    #[must_use]
    pub fn new(
        subject: &Subject<'m>,
        variant: &Variant,
        stored: &Stored,
        units: Units,
        measured: &'m MeasuredPlan,
    ) -> Self {
        let placed = subject.place(variant, stored, units);
        let predicted = place::document_of(subject, variant, units, &placed);
        Self { placed, predicted, measured, machine: subject.machine, units }
    }

    /// Both side by side.
    #[must_use]
    pub fn document(&self) -> EvidenceDocument {
        document(self)
    }

    /// What was measured as labelled cases of a package on a device. The system and the units are those of the
    /// measurement, where it states them.
    #[must_use]
    pub fn cases(&self, package: &str, device: &str) -> Cases {
        cases::cases(self, package, device)
    }
}

/// The document of `planner evidence --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvidenceDocument {
    /// `coreml-planner/evidence/1`.
    pub schema: &'static str,
    /// The model's name.
    pub model: String,
    /// What was predicted for.
    pub predicted: PredictedFor,
    /// What was measured on, as far as the file says.
    pub measured: MeasuredOn,
    /// What to know before reading the figures.
    pub notes: Vec<String>,
    /// All functions together.
    pub agreement: AgreementDocument,
    /// Functions on both sides.
    pub functions: Vec<FunctionEvidence>,
    /// Functions that only the prediction has.
    pub only_predicted: Vec<String>,
    /// Functions that only the measured plan has.
    pub only_measured: Vec<String>,
}

/// What a prediction is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictedFor {
    /// The device's name.
    pub device: String,
    /// Its system, with the version.
    pub os: String,
    /// The chosen compute units.
    pub units: &'static str,
}

/// What a measured plan says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasuredOn {
    /// Who wrote it.
    pub tool: &'static str,
    /// The device's own name of itself.
    pub device: Option<String>,
    /// Its chip.
    pub chip: Option<String>,
    /// Its system, with the version.
    pub os: Option<String>,
    /// The compute units that Core ML was allowed.
    pub units: Option<&'static str>,
}

/// A function on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionEvidence {
    /// Its name.
    pub name: String,
    /// Operations of the prediction.
    pub n_predicted: usize,
    /// Operations of the measured plan.
    pub n_measured: usize,
    /// Pairs found by name.
    pub n_by_name: usize,
    /// Pairs found by order.
    pub n_by_order: usize,
    /// How far both agree.
    pub agreement: AgreementDocument,
    /// Every pair with different units.
    pub disagreements: Vec<Disagreement>,
    /// Operations that only the prediction has.
    pub only_predicted: Vec<Alone>,
    /// Operations that only the measured plan has.
    pub only_measured: Vec<Alone>,
}

/// Agreement in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgreementDocument {
    /// Pairs whose measured unit is stated.
    pub n_counted: u64,
    /// Of them, those with the same unit.
    pub n_same: u64,
    /// Their share; `null` when nothing is counted.
    pub share_of_ops: Option<f64>,
    /// The share of what Core ML says the counted pairs cost; `null` when it says nothing.
    pub share_of_cost: Option<f64>,
    /// Counted pairs that have a cost.
    pub n_costed: u64,
    /// Pairs that say whether the Neural Engine could run them.
    pub n_eligible_counted: u64,
    /// Share of them where the prediction says the same.
    pub share_of_eligible: Option<f64>,
    /// Operations and cost by predicted and measured unit; cells without operations are left out.
    pub matrix: Vec<MatrixCell>,
}

/// A cell of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatrixCell {
    /// The predicted unit.
    pub predicted: &'static str,
    /// The measured unit.
    pub measured: &'static str,
    /// Operations.
    pub n_ops: u64,
    /// What Core ML says they cost.
    pub cost: f64,
}

/// An operation with another unit than predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disagreement {
    /// The MIL name of its first result.
    pub output: String,
    /// Its MIL type.
    pub op: String,
    /// Where it was predicted.
    pub predicted: &'static str,
    /// Where Core ML put it.
    pub measured: &'static str,
    /// What Core ML says it costs.
    pub cost: Option<f64>,
    /// `name` or `order`: how the pair was found.
    pub paired_by: &'static str,
    /// How sure the prediction was.
    pub confidence: &'static str,
    /// Why it was predicted there.
    pub reasons: Vec<ReasonPlace>,
}

/// An operation that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alone {
    /// The MIL name of its first result, where it has one.
    pub output: Option<String>,
    /// Its MIL type.
    pub op: String,
    /// Its unit, where it is stated.
    pub unit: Option<&'static str>,
}

fn document(evidence: &Evidence<'_>) -> EvidenceDocument {
    let Evidence { placed, predicted, measured, machine, units } = evidence;
    let mut total = Agreement::default();
    let mut functions = Vec::new();
    let both = functions_of(placed, measured);
    for (own, other) in &both {
        let paired = evidence::pair(&own.ops, &other.ops);
        let agreement = evidence::agree(&own.ops, &other.ops, &paired);
        total.add(&agreement);
        if let Some(told) = predicted.functions.iter().find(|function| function.name == own.name) {
            functions.push(function(told, own, other, &paired, &agreement));
        }
    }
    let is_alone = |name: &str| !both.iter().any(|(own, other)| own.name == name || other.name == name);
    EvidenceDocument {
        schema: "coreml-planner/evidence/1",
        model: predicted.model.clone(),
        predicted: PredictedFor { device: predicted.device.clone(), os: predicted.os.clone(), units: predicted.units },
        measured: MeasuredOn {
            tool: tool(measured.source),
            device: measured.device.clone(),
            chip: measured.chip.clone(),
            os: measured.os.as_ref().map(|(name, version)| format!("{name} {version}")),
            units: measured.units.map(Units::id),
        },
        notes: notes(predicted, measured, machine, *units),
        agreement: agreement_document(&total),
        functions,
        only_predicted: placed.iter().map(|own| own.name.clone()).filter(|name| is_alone(name)).collect(),
        only_measured: measured.functions.iter().map(|own| own.name.clone()).filter(|name| is_alone(name)).collect(),
    }
}

/// Functions on both sides: by name; one alone on each side is one function under two names.
fn functions_of<'a>(placed: &'a [Placed], measured: &'a MeasuredPlan) -> Vec<(&'a Placed, &'a MeasuredFunction)> {
    if let ([own], [other]) = (placed, measured.functions.as_slice()) {
        return vec![(own, other)];
    }
    let other = |own: &Placed| measured.functions.iter().find(|function| function.name == own.name);
    placed.iter().filter_map(|own| Some((own, other(own)?))).collect()
}

fn function(
    told: &FunctionPlace,
    own: &Placed,
    other: &MeasuredFunction,
    paired: &Paired,
    agreement: &Agreement,
) -> FunctionEvidence {
    let n_by = |basis| paired.pairs.iter().filter(|pair| pair.basis == basis).count();
    let mut disagreements = Vec::new();
    for pair in &paired.pairs {
        let (Some(op), Some(said), Some(seen)) =
            (own.ops.get(pair.predicted), told.ops.get(pair.predicted), other.ops.get(pair.measured))
        else {
            continue;
        };
        if let Some(unit) = seen.preferred.filter(|unit| *unit != op.unit) {
            disagreements.push(Disagreement {
                output: said.output.clone(),
                op: said.op.clone(),
                predicted: said.predicted,
                measured: place::unit(unit),
                cost: seen.cost,
                paired_by: basis(pair.basis),
                confidence: said.confidence,
                reasons: said.reasons.clone(),
            });
        }
    }
    disagreements.sort_by(|a, b| b.cost.unwrap_or(-1.0).total_cmp(&a.cost.unwrap_or(-1.0)));
    let of_prediction = |row: &usize| {
        let op = told.ops.get(*row)?;
        Some(Alone { output: Some(op.output.clone()), op: op.op.clone(), unit: Some(op.predicted) })
    };
    let of_plan = |row: &usize| other.ops.get(*row).map(alone);
    FunctionEvidence {
        name: own.name.clone(),
        n_predicted: own.ops.len(),
        n_measured: other.ops.len(),
        n_by_name: n_by(Basis::Name),
        n_by_order: n_by(Basis::Order),
        agreement: agreement_document(agreement),
        disagreements,
        only_predicted: paired.only_predicted.iter().filter_map(of_prediction).collect(),
        only_measured: paired.only_measured.iter().filter_map(of_plan).collect(),
    }
}

fn alone(op: &MeasuredOp) -> Alone {
    Alone { output: op.output.clone(), op: op.op.clone(), unit: op.preferred.map(place::unit) }
}

fn agreement_document(agreement: &Agreement) -> AgreementDocument {
    let mut matrix = Vec::new();
    for (predicted, row) in Unit::EVERY.into_iter().zip(&agreement.matrix) {
        for (measured, cell) in Unit::EVERY.into_iter().zip(row).filter(|(_, cell)| cell.n_ops > 0) {
            let (predicted, measured) = (place::unit(predicted), place::unit(measured));
            matrix.push(MatrixCell { predicted, measured, n_ops: cell.n_ops, cost: cell.cost });
        }
    }
    AgreementDocument {
        n_counted: agreement.n_counted,
        n_same: agreement.n_same,
        share_of_ops: agreement.share_of_ops(),
        share_of_cost: agreement.share_of_cost(),
        n_costed: agreement.n_costed,
        n_eligible_counted: agreement.n_eligible_counted,
        share_of_eligible: agreement.share_of_eligible(),
        matrix,
    }
}

fn tool(source: Source) -> &'static str {
    match source {
        Source::Script => "compute_plan.py",
        Source::CoreMlProfiler => "CoreMLProfiler",
        Source::AnemllProfile => "anemll-profile",
    }
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Name => "name",
        Basis::Order => "order",
    }
}

/// Where the question that was measured is another one, and what the file leaves open.
fn notes(predicted: &PlaceDocument, measured: &MeasuredPlan, machine: &Machine, units: Units) -> Vec<String> {
    let mut notes = Vec::new();
    match measured.units {
        Some(other) if other != units => {
            notes.push(said::units(other.id(), units.id()));
        }
        Some(_) => {}
        None => notes.push(said::no_units(units.id())),
    }
    match (&measured.chip, machine.soc) {
        (Some(chip), Some(soc)) if chip.trim_start_matches("Apple ") != soc.name.trim_start_matches("Apple ") => {
            notes.push(said::chip(chip, &soc.name));
        }
        (Some(_), Some(_)) => {}
        (Some(chip), None) => notes.push(said::chip(chip, &predicted.device)),
        (None, _) => notes.push(said::no_chip(&predicted.device)),
    }
    match &measured.os {
        Some((name, version)) => {
            let major = version.split('.').next().unwrap_or_default();
            if format!("{name} {major}") != predicted.os {
                notes.push(said::os(&[name, " ", version].concat(), &predicted.os));
            }
        }
        None => notes.push(said::no_os(&predicted.os)),
    }
    notes.push(said::WHAT_IT_IS.to_owned());
    notes
}
