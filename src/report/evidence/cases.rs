//! A measured plan in the form of the placement scoreboard (`tests/placement/cases.json`).
//!
//! Invariant: only what Core ML decided is a label; the prediction lends nothing but the names of the package. Absent on
//! purpose: rules, which a measured plan does not name.

use serde::Serialize;

use crate::{evidence, placement::Label, scenario::Units};

use super::{super::place, Evidence, functions_of, tool};

/// The file of a scoreboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cases {
    /// One for each function on both sides.
    pub cases: Vec<Case>,
}

/// A function as a labelled case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Case {
    /// Package and function.
    pub id: String,
    /// The same: a measured case stands alone.
    pub pair: String,
    /// `measured`.
    pub group: &'static str,
    /// `measured`.
    pub kind: &'static str,
    /// The file's name.
    pub package: String,
    /// The device's id.
    pub device: String,
    /// The system, with its major version.
    pub os: String,
    /// The compute units.
    pub units: &'static str,
    /// The function.
    pub function: String,
    /// What Core ML decided about each operation.
    pub expect: Vec<Expected>,
    /// What it comes to.
    pub expect_model: ExpectedModel,
    /// None: a measured plan gives no reasons.
    pub rules: Vec<String>,
    /// `measured`.
    pub confidence: &'static str,
    /// Who wrote the plan.
    pub source: Vec<String>,
}

/// What Core ML decided about an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Its MIL type.
    pub op_type: String,
    /// The MIL name of its first result, as the package has it.
    pub op_output: String,
    /// Whether the Neural Engine could run it, where the plan says so.
    pub eligible_ane: Option<bool>,
    /// The unit that Core ML prefers, under the name that the scoreboard has for the right answer.
    pub predicted: Option<&'static str>,
    /// None.
    pub rules: Vec<String>,
    /// `measured`.
    pub role: &'static str,
}

/// What a function comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpectedModel {
    /// The label; `null` when some operation was not found on both sides.
    pub label: Option<&'static str>,
}

pub(super) fn cases(own: &Evidence<'_>, package: &str, device: &str) -> Cases {
    let Evidence { placed, predicted, measured, .. } = own;
    let os = match &measured.os {
        Some((name, version)) => format!("{name} {}", version.split('.').next().unwrap_or_default()),
        None => predicted.os.clone(),
    };
    let units = measured.units.map_or(predicted.units, Units::id);
    let each = functions_of(placed, measured).into_iter().map(|(own, other)| {
        let paired = evidence::pair(&own.ops, &other.ops);
        let mut expect: Vec<Expected> = Vec::new();
        let mut n_ops = [0_u64; 3];
        let mut seen = std::collections::HashSet::new();
        let mut is_whole = paired.only_predicted.is_empty();
        for pair in &paired.pairs {
            let (Some(op), Some(found)) = (own.ops.get(pair.predicted), other.ops.get(pair.measured)) else { continue };
            match found.preferred.and_then(|unit| n_ops.get_mut(unit.idx())) {
                Some(n) => *n += 1,
                None => is_whole = false,
            }
            // The scoreboard finds operations by name: a name that comes twice is no question.
            if seen.insert(op.output.as_str()) && !op.output.is_empty() {
                expect.push(Expected {
                    op_type: op.kind.clone(),
                    op_output: op.output.clone(),
                    eligible_ane: found.supported.first().copied().flatten(),
                    predicted: found.preferred.map(place::unit),
                    rules: Vec::new(),
                    role: "measured",
                });
            }
        }
        let id = format!("{package}/{}", own.name);
        Case {
            pair: id.clone(),
            id,
            group: "measured",
            kind: "measured",
            package: package.to_owned(),
            device: device.to_owned(),
            os: os.clone(),
            units,
            function: own.name.clone(),
            expect,
            expect_model: ExpectedModel { label: is_whole.then(|| place::label(Label::of(n_ops))) },
            rules: Vec::new(),
            confidence: "measured",
            source: vec![tool(measured.source).to_owned()],
        }
    });
    Cases { cases: each.collect() }
}
