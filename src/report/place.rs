//! `planner place`: where every operation lands, why, and what to do, as a document and as text.
//!
//! Invariants: every reason is a rule of the table with its words, fix, sources and grade; predicted is never called
//! measured. Absent on purpose: how the plan is found (`placement`).

use serde::Serialize;

use crate::{
    catalog::{RuleTexts, Trust},
    estimate::Subject,
    machine::Unit,
    placement::{Certainty, Label, Placed, PlacedOp, Why},
    scenario::Units,
    units::Quantity,
    variant::{Stored, Variant},
};

use super::{plan::table, words};

/// The document of `planner place --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceDocument {
    /// `coreml-planner/place/1`.
    pub schema: &'static str,
    /// The model's name.
    pub model: String,
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
    /// Every function.
    pub functions: Vec<FunctionPlace>,
}

/// One function.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionPlace {
    /// Its name.
    pub name: String,
    /// Every operation; constants are not listed.
    pub ops: Vec<OpPlace>,
    /// Runs of operations on one unit; those of layers that repeat once.
    pub segments: Vec<SegmentPlace>,
    /// All of it.
    pub summary: SummaryPlace,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpPlace {
    /// A name for it: that of its first result.
    pub name: String,
    /// The MIL name of its first result.
    pub output: String,
    /// Its MIL type.
    pub op: String,
    /// Copies of it in the graph, one below the other.
    pub times: u32,
    /// Where it is predicted to run.
    pub predicted: &'static str,
    /// Where it could run.
    pub eligible: Vec<&'static str>,
    /// Its share of what Core ML's planner thinks the function costs.
    pub cost_share: f64,
    /// `likely`, `plausible` or `unknown`.
    pub confidence: &'static str,
    /// Why.
    pub reasons: Vec<ReasonPlace>,
}

/// A rule that speaks of an operation or a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonPlace {
    /// Its id.
    pub rule: &'static str,
    /// What it says.
    pub text: &'static str,
    /// Core ML's own words, where they are known.
    pub core_ml: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// The recipe that does it.
    pub fix_id: &'static str,
    /// `A` Apple says so … `E` contested.
    pub confidence: &'static str,
    /// Addresses of who says so.
    pub sources: Vec<&'static str>,
    /// Operations it speaks of, where that is more than the one it stands with.
    #[serde(skip_serializing_if = "is_zero")]
    pub n_ops: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A run of operations on one unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentPlace {
    /// The unit.
    pub unit: &'static str,
    /// The first operation, counted from 0 among the listed ones.
    pub first: usize,
    /// Operations.
    pub n_ops: u64,
    /// Share of the planner's cost.
    pub cost_share: f64,
    /// Milliseconds that the change of unit before it takes, likely value.
    pub boundary_ms: f64,
}

/// A function in a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryPlace {
    /// Operations.
    pub n_ops: u64,
    /// Of them on the Neural Engine.
    pub ane_ops: u64,
    /// Of them on the GPU.
    pub gpu_ops: u64,
    /// Of them on the CPU.
    pub cpu_ops: u64,
    /// Share of the planner's cost on the Neural Engine.
    pub ane_cost_share: f64,
    /// Runs of operations on one unit in a whole call, layers that repeat counted.
    pub n_segments: u64,
    /// `ane`, `mostly_ane`, `mixed`, `cpu` or `gpu`.
    pub label: &'static str,
    /// What may keep the Neural Engine's compiler from taking the function.
    pub risks: Vec<ReasonPlace>,
    /// What else to know: numbers that may come out wrong, contested rules.
    pub warnings: Vec<ReasonPlace>,
}

/// The document of one variant on one choice of units.
#[must_use]
pub fn document(subject: &Subject<'_>, variant: &Variant, stored: &Stored, units: Units) -> PlaceDocument {
    document_of(subject, variant, units, &subject.place(variant, stored, units))
}

/// The document of functions that are placed already.
#[must_use]
pub fn document_of(subject: &Subject<'_>, variant: &Variant, units: Units, placed: &[Placed]) -> PlaceDocument {
    let machine = subject.machine;
    PlaceDocument {
        schema: "coreml-planner/place/1",
        model: subject.model.name.clone(),
        device: machine.name.clone(),
        os: words::os(machine.os, machine.os_version),
        units: units.id(),
        variant: variant.id(),
        loads: subject.loads_on(variant),
        functions: placed.iter().map(function).collect(),
    }
}

fn function(placed: &Placed) -> FunctionPlace {
    let [ane_ops, gpu_ops, cpu_ops] = placed.n_ops;
    let segment = |run: &crate::placement::Run| SegmentPlace {
        unit: unit(run.unit),
        first: run.ops.start,
        n_ops: run.n_ops,
        cost_share: run.cost_share,
        boundary_ms: run.boundary.get() * 1e3,
    };
    FunctionPlace {
        name: placed.name.clone(),
        ops: placed.ops.iter().map(op).collect(),
        segments: placed.runs.iter().map(segment).collect(),
        summary: SummaryPlace {
            n_ops: ane_ops + gpu_ops + cpu_ops,
            ane_ops,
            gpu_ops,
            cpu_ops,
            ane_cost_share: placed.cost_share.first().copied().unwrap_or(0.0),
            n_segments: placed.n_runs,
            label: label(placed.label),
            risks: placed.risks.iter().filter_map(reason).collect(),
            warnings: placed.warnings.iter().filter_map(reason).collect(),
        },
    }
}

fn op(placed: &PlacedOp) -> OpPlace {
    let may = |own: &Unit| placed.eligible.get(own.idx()).copied().unwrap_or(false);
    OpPlace {
        name: placed.output.clone(),
        output: placed.output.clone(),
        op: placed.kind.clone(),
        times: placed.times,
        predicted: unit(placed.unit),
        eligible: Unit::EVERY.into_iter().filter(may).map(unit).collect(),
        cost_share: placed.cost_share,
        confidence: certainty(placed.certainty),
        reasons: placed.whys.iter().filter_map(reason).collect(),
    }
}

fn reason(why: &Why) -> Option<ReasonPlace> {
    let texts = RuleTexts::get();
    let own = texts.texts.get(usize::from(why.rule.0))?;
    let address = |at: &u16| {
        let (_, title, url) = texts.sources.get(usize::from(*at))?;
        Some(if url.is_empty() { title.as_str() } else { url.as_str() })
    };
    Some(ReasonPlace {
        rule: &own.id,
        text: &own.text,
        core_ml: &own.core_ml,
        fix: &own.fix,
        fix_id: &own.fix_id,
        confidence: grade(own.trust),
        sources: own.sources.iter().filter_map(address).collect(),
        n_ops: why.n_ops,
    })
}

pub(super) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Ane => "ane",
        Unit::Gpu => "gpu",
        Unit::Cpu => "cpu",
    }
}

fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Likely => "likely",
        Certainty::Plausible => "plausible",
        Certainty::Unknown => "unknown",
    }
}

pub(super) fn label(label: Label) -> &'static str {
    match label {
        Label::Ane => "ane",
        Label::MostlyAne => "mostly_ane",
        Label::Mixed => "mixed",
        Label::Cpu => "cpu",
        Label::Gpu => "gpu",
    }
}

fn grade(trust: Trust) -> &'static str {
    match trust {
        Trust::A => "A",
        Trust::B => "B",
        Trust::C => "C",
        Trust::D => "D",
        Trust::E => "E",
    }
}

/// Most operations that the text lists; the document has all.
const MOST_LISTED: usize = 40;

/// The document as text for a terminal.
#[must_use]
pub fn text(document: &PlaceDocument) -> String {
    let mut out = format!(
        "{} on {} ({}), units {}, {}\nPredicted from the graph and public rules; nothing was measured. Shares of cost are Core ML's own estimates.\n",
        document.model, document.device, document.os, document.units, document.variant
    );
    if !document.loads {
        out.push_str("This system is too old to load the model: the plan is what a newer one would do.\n");
    }
    for function in &document.functions {
        let summary = &function.summary;
        out.push_str(&format!(
            "\nfunction {}: {}, {} operations in {} segments\n  Neural Engine {} ({} of the cost), GPU {}, CPU {}\n",
            function.name,
            summary.label.replace('_', " "),
            summary.n_ops,
            summary.n_segments,
            summary.ane_ops,
            percent(summary.ane_cost_share),
            summary.gpu_ops,
            summary.cpu_ops
        ));
        for (head, list) in [("compile risk", &summary.risks), ("warning", &summary.warnings)] {
            for reason in list {
                out.push_str(&format!("  {head} {}: {} {}\n", reason.rule, reason.text, reason.fix));
            }
        }
        off_ane(function, &mut out);
    }
    out
}

/// The operations that have something to be said of, like ones together, for a terminal.
fn off_ane(function: &FunctionPlace, out: &mut String) {
    let mut groups: Vec<(&OpPlace, u64, f64)> = Vec::new();
    for op in function.ops.iter().filter(|op| op.predicted != "ane") {
        let alike = |(known, _, _): &&mut (&OpPlace, u64, f64)| {
            known.op == op.op && known.predicted == op.predicted && known.reasons == op.reasons
        };
        match groups.iter_mut().find(alike) {
            Some((_, n, share)) => {
                *n += u64::from(op.times);
                *share += op.cost_share;
            }
            None => groups.push((op, u64::from(op.times), op.cost_share)),
        }
    }
    if groups.is_empty() {
        return;
    }
    let head = ["operation", "unit", "count", "cost", "confidence", "rules", "why"].map(str::to_owned);
    let mut rows = vec![head];
    for (op, n, share) in groups.iter().take(MOST_LISTED) {
        let rules: Vec<&str> = op.reasons.iter().map(|reason| reason.rule).collect();
        rows.push([
            op.op.clone(),
            op.predicted.to_owned(),
            n.to_string(),
            percent(*share),
            op.confidence.to_owned(),
            rules.join(" "),
            op.reasons.first().map_or_else(String::new, |reason| reason.text.to_owned()),
        ]);
    }
    out.push('\n');
    table(&rows, out);
    if groups.len() > MOST_LISTED {
        out.push_str(&format!("… and {} more kinds; --json lists every operation\n", groups.len() - MOST_LISTED));
    }
    let mut fixes: Vec<(&str, &str)> = Vec::new();
    for (op, _, _) in &groups {
        for reason in &op.reasons {
            if !reason.fix.is_empty() && !fixes.iter().any(|(_, fix)| *fix == reason.fix) {
                fixes.push((reason.rule, reason.fix));
            }
        }
    }
    if !fixes.is_empty() {
        out.push_str("\nwhat to do\n");
    }
    for (rule, fix) in fixes {
        out.push_str(&format!("  {rule}: {fix}\n"));
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
