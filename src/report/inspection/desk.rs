//! What the worker keeps: the package that is open, and the plan that is looked at.

use super::{
    Inspection,
    landing::Landing,
    query::{ListingKind, PlanQuery, Query, Reply},
};
use crate::format::Package;

/// A package and a plan, each there once it was asked for.
#[derive(Default)]
pub struct Desk {
    inspection: Option<Inspection>,
    landing: Option<Landing>,
}

impl Desk {
    /// Puts a package in the place of the one that was open.
    pub fn open(&mut self, package: Package) {
        *self = Self { inspection: Some(Inspection::new(package)), landing: None };
    }

    /// Answers a question; an error says what is not there.
    pub fn answer(&mut self, query: &Query) -> Result<Reply, String> {
        let none = || "no plan was made yet".to_owned();
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
                let inspection = self.inspection.as_mut().ok_or_else(|| "no package is open".to_owned())?;
                Ok(inspection.answer(query))
            }
        }
    }
}
