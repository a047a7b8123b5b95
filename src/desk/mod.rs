//! What the page's worker keeps, and how it answers: the package that is open, the plan that is looked at, and every panel
//! that the page does not draw itself.
//!
//! Invariant: a panel is a function of the open package, the link and the few words that the page asks with; what is kept
//! in between only saves time. Absent on purpose: anything that a first visit needs, which the page has itself.

mod accuracy;
mod compare;
mod evidence;
mod find;
mod form;
mod frontier;
mod lesson;
mod measured;
mod pair;
mod panel;
mod quality;
mod roofline;
mod sketch;
mod stage;
mod start;
mod take;
mod terms;
mod words;

pub use compare::PINS_MAX;
pub use lesson::is_solved;
pub use panel::Asked;
pub use stage::Drawn;

use crate::{
    format::Package,
    report::inspection::{Inspection, Landing, ListingKind, PlanQuery, Query, Reply},
    texts::desk,
};

use self::panel::Kept;

/// A package, a plan and a view, each there once it was asked for.
#[derive(Default)]
pub struct Desk {
    inspection: Option<Inspection>,
    landing: Option<Landing>,
    kept: Option<Kept>,
}

impl Desk {
    /// Puts a package in the place of the one that was open.
    pub fn open(&mut self, package: Package) {
        *self = Self { inspection: Some(Inspection::new(package)), landing: None, kept: None };
    }

    /// Answers a question; an error says what is not there.
    pub fn answer(&mut self, query: &Query) -> Result<Reply, String> {
        let none = || desk::NO_PLAN.to_owned();
        match query {
            Query::Plan(plan) => {
                if let PlanQuery::Open(link) = plan {
                    let package = self.inspection.as_ref().map(Inspection::package);
                    self.landing = Some(Landing::open(link, package)?);
                }
                Ok(Reply::Plan(self.landing.as_ref().ok_or_else(none)?.answer(plan)))
            }
            Query::Rows { view, from, n } if matches!(view.which, ListingKind::Placed(_)) => {
                Ok(Reply::Rows(self.landing.as_mut().ok_or_else(none)?.rows(view, *from, *n)))
            }
            Query::Summary | Query::Rows { .. } | Query::Matches(_) | Query::Treemap { .. } | Query::Export(_) => {
                let inspection = self.inspection.as_mut().ok_or_else(|| desk::NO_PACKAGE.to_owned())?;
                Ok(inspection.answer(query))
            }
        }
    }

    /// Answers a question with what the page puts into its place.
    pub fn drawn(&mut self, query: &Query) -> Result<Drawn, String> {
        let by = match query {
            Query::Treemap { by, .. } => Some(*by),
            Query::Summary | Query::Rows { .. } | Query::Matches(_) | Query::Export(_) | Query::Plan(_) => None,
        };
        Ok(stage::draw(self.answer(query)?, by))
    }

    /// The markup of a panel; empty when it has nothing to show. An error says why there is no plan.
    pub fn panel(&mut self, name: &str, asked: &Asked) -> Result<String, String> {
        let package = self.inspection.as_ref().map(Inspection::package);
        let drawn = panel::draw(&mut self.kept, package, name, asked)?;
        Ok(if panel::names_its_terms(name) { drawn } else { terms::link(&drawn) })
    }
}
