//! An open package under inspection: questions in, ready answers out.
//!
//! The worker of the page holds one and answers from it, so that the page never holds what it does not show. Invariants:
//! an answer is a function of the package and the question alone (what is kept in between only saves time); rows are
//! made when they are asked for; parts add up to the files. Absent on purpose: devices and plans.

mod export;
mod landing;
mod listing;
mod near;
mod order;
mod picture;
mod query;
mod summary;

pub use landing::Landing;
pub use query::{
    Column, Content, Export, Fact, File, Heat, HeatCell, HeatRow, KindCount, Landed, LandedFunction, ListingHead,
    ListingKind, ListingView, Near, Order, Picture, PlanQuery, PlanReply, Query, Recipe, Reply, Rows, Sketch,
    SketchEdge, SketchNode, SplitBy, Stretch, Summary, Tried,
};

use std::collections::HashSet;

use self::{
    export::{csv, file_name},
    listing::{columns, listing},
    order::{matching, ordered},
};
use super::inspect;
use crate::{
    format::Package,
    model::{Def, Function, Op, Place},
    texts::listing as text,
    units::format::thousands,
};

/// Most rows of one answer.
pub const ROWS_MAX: u32 = 1_000;

/// How often a weight is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Uses {
    ops: u32,
    functions: u32,
}

/// A package, and what is looked up in it again and again.
pub struct Inspection {
    package: Package,
    /// Of each weight, the bytes that no earlier weight has: they add up to what is stored.
    stored: Vec<u64>,
    uses: Vec<Uses>,
    /// The last order, so that scrolling does not sort again.
    ordered: Option<(ListingView, Vec<u32>)>,
}

impl Inspection {
    /// Begins to inspect a package.
    #[must_use]
    pub fn new(package: Package) -> Self {
        let stored = stored(&package);
        let uses = uses(&package);
        Self { package, stored, uses, ordered: None }
    }

    /// The package.
    #[must_use]
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// Answers a question about the package; what is about plans is for [`crate::desk::Desk`].
    pub fn answer(&mut self, query: &Query) -> Reply {
        match query {
            Query::Summary => Reply::Summary(summary::summary(self)),
            Query::Rows { view, from, n } => Reply::Rows(self.rows(view, *from, *n)),
            Query::Matches(search) => {
                let needle = search.to_lowercase();
                let n = |kind| matching(listing(self, kind).as_ref(), kind, &needle).len();
                Reply::Matches(ListingKind::ALL.iter().map(|kind| thousands(n(*kind) as f64)).collect())
            }
            Query::Plan(_) => Reply::Rows(Rows::default()),
            Query::Treemap { by, at, width } => Reply::Picture(picture::draw(self, *by, at, *width)),
            Query::Export(Export::Document) => Reply::File(File {
                name: file_name(&self.package.name, "inspection.json"),
                media_type: "application/json".to_owned(),
                text: serde_json::to_string_pretty(&inspect::document(&self.package)).unwrap_or_default(),
            }),
            Query::Export(Export::Csv(view)) => {
                let head = listing::head(view.which, 0).title.to_lowercase();
                let order = self.order(view).to_vec();
                Reply::File(File {
                    name: file_name(&self.package.name, &format!("{head}.csv")),
                    media_type: "text/csv".to_owned(),
                    text: csv(listing(self, view.which).as_ref(), view.which, &order),
                })
            }
        }
    }

    fn rows(&mut self, view: &ListingView, from: u32, n: u32) -> Rows {
        let order = self.order(view);
        let n_matching = u32::try_from(order.len()).unwrap_or(u32::MAX);
        let from = from.min(n_matching);
        let wanted: Vec<u32> = order.iter().skip(from as usize).take(n.min(ROWS_MAX) as usize).copied().collect();
        let listing = listing(self, view.which);
        let n_columns = columns(view.which).len();
        let row = |row: &u32| (0..n_columns).map(|column| listing.cell(*row as usize, column).shown()).collect();
        let all = thousands(listing.len() as f64);
        let said = match view.search.as_str() {
            "" => text::rows(&all),
            _ => text::rows_of(&thousands(f64::from(n_matching)), &all),
        };
        Rows { from, n_matching, said, rows: wanted.iter().map(row).collect() }
    }

    /// The rows of a view, as it orders them.
    fn order(&mut self, view: &ListingView) -> &[u32] {
        if self.ordered.as_ref().is_none_or(|(known, _)| known != view) {
            let order = ordered(listing(self, view.which).as_ref(), view);
            self.ordered = Some((view.clone(), order));
        }
        self.ordered.as_ref().map_or(&[], |(_, order)| order)
    }

    /// Bytes of the weights that an operation reads.
    fn bytes_read(&self, function: &Function, op: &Op) -> u64 {
        let values = op.inputs.iter().flat_map(|(_, values)| values);
        let weights = values.filter_map(|id| self.package.model.weight(function.weight(*id)?));
        weights.fold(0, |sum, weight| sum.saturating_add(weight.stored_bytes()))
    }
}

fn stored(package: &Package) -> Vec<u64> {
    let mut seen = HashSet::new();
    let mut own = |place: &Place| match place {
        Place::Blob { .. } => seen.insert(place.clone()),
        Place::Inline | Place::Planned => true,
    };
    let weights = package.model.weights.iter();
    weights
        .map(|weight| {
            weight.parts.iter().filter(|part| own(&part.place)).fold(0, |sum: u64, part| sum.saturating_add(part.bytes))
        })
        .collect()
}

fn uses(package: &Package) -> Vec<Uses> {
    let mut uses = vec![Uses::default(); package.model.weights.len()];
    let mut last = vec![usize::MAX; uses.len()];
    for (idx, function) in package.model.functions.iter().enumerate() {
        function.visit(&mut |times, op| {
            for id in op.inputs.iter().flat_map(|(_, values)| values) {
                let Some(Def::Weight(weight)) = function.value(*id).map(|value| &value.def) else { continue };
                let weight = weight.0 as usize;
                let (Some(of), Some(last)) = (uses.get_mut(weight), last.get_mut(weight)) else { continue };
                of.ops = of.ops.saturating_add(times);
                if *last != idx {
                    *last = idx;
                    of.functions = of.functions.saturating_add(1);
                }
            }
        });
    }
    uses
}
