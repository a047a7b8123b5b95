//! What the page asks for: the view of a scenario, and the explanation of one of its figures.
//!
//! Invariant: a function of the scenario and the open package; the same question has the same answer to the bit.

use crate::{
    estimate::Subject,
    format::Package,
    scenario::{Scenario, Units},
    units::{Figure, TokensPerSec},
    variant::{Runtime, Storage, Variant},
};

use super::{
    answer::{self, Unanswerable},
    controls::TOKEN_STEPS,
    details::{self, Details},
    view::{self, FigureKey, View},
    why::{self, Why},
};

/// The view of a scenario.
pub fn view(scenario: &Scenario, package: Option<&Package>) -> Result<View, Unanswerable> {
    let chosen = answer::choose(scenario, package)?;
    let machine = answer::machine(scenario)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let answer = answer::answer_of(&subject, scenario);
    view::view(&chosen, &machine, &answer).ok_or_else(|| Unanswerable::UnknownPreset(chosen.model.name.clone()))
}

/// The view of a scenario, and what lies behind it.
pub fn whole(scenario: &Scenario, package: Option<&Package>) -> Result<(View, Details), Unanswerable> {
    let chosen = answer::choose(scenario, package)?;
    let machine = answer::machine(scenario)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let answer = answer::answer_of(&subject, scenario);
    let view = view::view(&chosen, &machine, &answer);
    let details = details::details(&chosen, &machine, &answer, subject.functions());
    view.zip(details).ok_or_else(|| Unanswerable::UnknownPreset(chosen.model.name.clone()))
}

/// The explanation of one figure of a cell; `None` when the cell has no such figure.
#[must_use]
pub fn why(scenario: &Scenario, package: Option<&Package>, picked: usize, key: FigureKey) -> Option<Why> {
    let chosen = answer::choose(scenario, package).ok()?;
    let machine = answer::machine(scenario).ok()?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let answer = answer::answer_of(&subject, scenario);
    let cell = answer.cells.get(picked)?;
    let stored = Storage::of(&chosen.model).store(&cell.variant);
    why::why(key, cell, &stored, &machine, subject.functions())
}

/// A context in tokens, and the decode speed there.
pub type SpeedAt = (u32, Figure<TokensPerSec>);

/// Decode speed of one variant over the context, a line for each choice of units that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct OverContext {
    /// Each with its points: context in tokens, and speed there.
    pub lines: Vec<(Units, Vec<SpeedAt>)>,
}

/// Computes decode speed over the context; `None` when the model does not decode.
#[must_use]
pub fn over_context(scenario: &Scenario, variant: Variant) -> Option<OverContext> {
    let choices: &[Units] = match variant.runtime {
        Runtime::CoreMl => &[Units::CpuAndNe, Units::CpuAndGpu],
        Runtime::LlamaCpp | Runtime::Mlx => &[Units::CpuAndGpu],
    };
    let machine = answer::machine(scenario).ok()?;
    let mut lines: Vec<_> = choices.iter().map(|units| (*units, Vec::new())).collect();
    for context in TOKEN_STEPS {
        // The shortest prompt: prefill is no part of this question.
        let asked = Scenario { context, prompt: 1, ..scenario.clone() };
        let chosen = answer::choose(&asked, None).ok()?;
        let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
        let stored = Storage::of(&chosen.model).store(&variant);
        for (units, points) in &mut lines {
            if let Ok(decode) = subject.estimate(&variant, &stored, *units).decode {
                points.push((context, decode));
            }
        }
    }
    lines.retain(|(_, points)| points.len() > 1);
    (!lines.is_empty()).then_some(OverContext { lines })
}
