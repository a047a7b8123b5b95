//! What the page asks for: the view of a scenario, and the explanation of one of its figures.
//!
//! Invariant: a function of the scenario and the open package; the same question has the same answer to the bit.

use crate::{estimate::Subject, format::Package, scenario::Scenario, variant::Storage};

use super::{
    answer::{self, Unanswerable},
    view::{self, FigureKey, View},
    why::{self, Why},
};

/// The view of a scenario.
pub fn view(scenario: &Scenario, package: Option<&Package>) -> Result<View, Unanswerable> {
    let chosen = answer::choose(scenario, package)?;
    let machine = answer::machine(scenario)?;
    let subject = Subject::new(&chosen.model, &machine, scenario.entitled);
    let answer = answer::answer_of(&subject, scenario);
    view::view(&chosen, &machine, &answer, subject.functions())
        .ok_or_else(|| Unanswerable::UnknownPreset(chosen.model.name.clone()))
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
