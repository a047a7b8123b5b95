//! Where the operations of a plan land, in questions and answers: a strip along each function, a listing of operations
//! with their reasons, what is around one of them, recipes and what they would change, and every chip at a glance.
//!
//! Invariants: the plan is the one that `planner place` prints for the same scenario; an answer is ready to be shown.
//! Absent on purpose: how plans are made (`placement`), and anything measured.

use super::{
    listing::{Cell, Listing, columns, percent, shown},
    near::{self, Links},
    order::ordered,
    query::{
        Column, Heat, HeatCell, HeatRow, Landed, LandedFunction, ListingHead, ListingKind, ListingView, Near, Order,
        PlanQuery, PlanReply, Recipe, Rows, Sketch, Stretch, Tried,
    },
};
use crate::{
    chart::Table,
    estimate::Subject,
    format::Package,
    machine::Machine,
    report::{
        answer::{self, Chosen},
        compare,
        place::{self, FunctionPlace, OpPlace, PlaceDocument},
        what_if, words,
    },
    scenario::{Scenario, Units, url},
    texts::{landing as text, listing::PLACED_NONE, words::NO_DATA},
    units::format::{number, thousands},
    variant::{Storage, Variant},
};

/// A plan under inspection.
pub struct Landing {
    chosen: Chosen,
    machine: Machine,
    entitled: bool,
    variant: Variant,
    units: Units,
    document: PlaceDocument,
    /// For each function and row: the rows that it reads, and those that read it.
    near: Vec<Vec<Links>>,
    ordered: Option<(ListingView, Vec<u32>)>,
}

impl Landing {
    /// Plans what a link asks for; the package is the one that is open, if the link is about one.
    pub fn open(link: &str, package: Option<&Package>) -> Result<Self, String> {
        let (scenario, _) = url::decode(link);
        let machine = answer::machine(&scenario).map_err(|error| error.to_string())?;
        let chosen = answer::choose(&scenario, package).map_err(|error| error.to_string())?;
        let entitled = scenario.entitled;
        let (variant, units) = pick(&scenario, &chosen, &machine);
        let subject = Subject::new(&chosen.model, &machine, entitled);
        let stored = Storage::of(&chosen.model).store(&variant);
        let document = place::document(&subject, &variant, &stored, units);
        let near = chosen.model.functions.iter().map(near::links).collect();
        Ok(Self { machine, entitled, variant, units, document, near, ordered: None, chosen })
    }

    /// Answers a question about the plan.
    pub fn answer(&self, query: &PlanQuery) -> PlanReply {
        match query {
            PlanQuery::Open(_) => PlanReply::Landed(self.landed()),
            PlanQuery::Around { function, row } => PlanReply::Around(self.around(*function, *row)),
            PlanQuery::Try(recipe) => PlanReply::Tried(self.tried(recipe)),
            PlanQuery::Compare => PlanReply::Heat(self.heat()),
        }
    }

    /// Some rows of a function's listing.
    pub fn rows(&mut self, view: &ListingView, from: u32, n: u32) -> Rows {
        let ListingKind::Placed(function) = view.which else { return Rows::default() };
        let Some(function) = self.document.functions.get(function as usize) else { return Rows::default() };
        let listing = Placed(&function.ops);
        if self.ordered.as_ref().is_none_or(|(known, _)| known != view) {
            // `unit:cpu relu`: the words before the text choose by unit, which the text alone could not.
            let (unit, rest) = unit_of(&view.search);
            let mut order = ordered(&listing, &ListingView { search: rest.to_owned(), ..view.clone() });
            if let Some(unit) = unit {
                order.retain(|row| function.ops.get(*row as usize).is_some_and(|op| op.predicted == unit));
            }
            self.ordered = Some((view.clone(), order));
        }
        let order = self.ordered.as_ref().map_or(&[][..], |(_, order)| order);
        let n_matching = u32::try_from(order.len()).unwrap_or(u32::MAX);
        let from = from.min(n_matching);
        let wanted = order.iter().skip(from as usize).take(n.min(super::ROWS_MAX) as usize);
        let n_columns = columns(view.which).len();
        let row = |row: &u32| (0..n_columns).map(|column| listing.cell(*row as usize, column).shown()).collect();
        let all = thousands(listing.len() as f64);
        let said = match view.search.as_str() {
            "" => text::operations(&all),
            _ => text::operations_of(&thousands(f64::from(n_matching)), &all),
        };
        Rows { from, n_matching, said, rows: wanted.map(row).collect() }
    }

    fn landed(&self) -> Landed {
        let document = &self.document;
        let line = text::line(&shown(&document.model), &document.device, &document.os, words::on_units(self.units));
        let functions = document.functions.iter().zip(0..).map(|(function, at)| landed(function, at)).collect();
        let recipe = |own: what_if::Suggestion| Recipe {
            id: own.recipe.id.clone(),
            title: own.recipe.title.clone(),
            changes: own.recipe.changes.clone(),
            language: own.recipe.language.clone(),
            code: own.recipe.code.trim().to_owned(),
            line: if own.n_ops == 0 {
                text::rules(&own.rules.join(", "))
            } else {
                let ops = thousands(own.n_ops as f64);
                text::recipe(&ops, &percent(own.cost_share), &own.rules.join(", "))
            },
            can_try: own.can_try,
        };
        Landed {
            line,
            loads: document.loads,
            functions,
            recipes: what_if::suggestions(document).into_iter().map(recipe).collect(),
        }
    }

    fn around(&self, function: u32, row: u32) -> Near {
        let named = |rows: &Vec<u32>| -> Vec<(u32, String)> {
            let ops = self.document.functions.get(function as usize).map(|function| function.ops.as_slice());
            let name = |row: &u32| {
                let op = ops?.get(*row as usize)?;
                Some((*row, format!("{} {} ({})", op.op, shown(&op.output), words::unit(op.predicted))))
            };
            rows.iter().filter_map(name).collect()
        };
        let found = self.near.get(function as usize).and_then(|rows| rows.get(row as usize));
        let op = self.document.functions.get(function as usize).and_then(|own| own.ops.get(row as usize));
        let n = self.document.functions.get(function as usize).map_or(0, |own| own.ops.len());
        let absent = || text::no_operation(&n.to_string());
        let (reads, read_by) = found.map(|(reads, read_by)| (named(reads), named(read_by))).unwrap_or_default();
        Near {
            title: op.map_or_else(String::new, |op| format!("{} {}", op.op, shown(&op.output))),
            line: op.map_or_else(absent, |op| {
                let could: Vec<&str> = op.eligible.iter().copied().map(words::unit).collect();
                text::operation(
                    words::unit(op.predicted),
                    &could.join(", "),
                    words::confidence(op.confidence),
                    &percent(op.cost_share),
                )
            }),
            reasons: op.map_or_else(Vec::new, |op| {
                let one = |reason: &place::ReasonPlace| {
                    let own =
                        if reason.core_ml.is_empty() { String::new() } else { text::core_ml_says(reason.core_ml) };
                    format!("{} ({}): {}{own} {}", reason.rule, reason.confidence, reason.text, reason.fix)
                };
                op.reasons.iter().map(one).collect()
            }),
            reads,
            read_by,
            sketch: self.sketch(function, row),
        }
    }

    fn sketch(&self, function: u32, row: u32) -> Sketch {
        let links = self.near.get(function as usize);
        let own = links.zip(self.document.functions.get(function as usize));
        own.map_or_else(Sketch::default, |(links, own)| {
            near::sketch(links, &own.ops, row, |op| format!("{} {}", op.op, shown(&op.output)))
        })
    }

    fn tried(&self, recipe: &str) -> Result<Tried, String> {
        let model = &self.chosen.model;
        let made = what_if::what_if(model, &self.machine, self.entitled, Some(self.variant), self.units, recipe)?;
        let head = [text::HEAD_FUNCTION, "", text::HEAD_ANE, text::HEAD_COST, text::HEAD_SEGMENTS, text::HEAD_TIME];
        let mut rows = Vec::new();
        for (word, name, state) in made.rows() {
            let ms = |seconds: f64| number(seconds * 1e3);
            rows.push(vec![
                shown(name),
                word.to_owned(),
                text::some_of(&thousands(state.ane_ops as f64), &thousands(state.n_ops as f64)),
                percent(state.ane_cost_share),
                thousands(state.n_segments as f64),
                state.time_s.as_ref().map_or_else(
                    || NO_DATA.to_owned(),
                    |time| text::milliseconds(&ms(time.value), &ms(time.low), &ms(time.high)),
                ),
            ]);
        }
        let n_moved: usize = made.moved.iter().map(|difference| difference.moved.len()).sum();
        Ok(Tried {
            title: made.recipe.title.clone(),
            line: text::tried(&made.n_changed.to_string(), &n_moved.to_string()),
            table: Table { head: head.map(str::to_owned).to_vec(), rows },
        })
    }

    fn heat(&self) -> Heat {
        let document =
            compare::document(&self.chosen.model, Some(self.variant), self.entitled, compare::Systems::Usual);
        let cell = |cell: &compare::CompareCell| {
            let speed = match (&cell.decode_tokens_per_s, &cell.latency_s) {
                (Some(decode), _) => format!("{} tok/s", number(decode.value)),
                (None, Some(latency)) => format!("{} ms", number(latency.value * 1e3)),
                (None, None) => NO_DATA.to_owned(),
            };
            if !cell.loads {
                return HeatCell { level: 0, text: text::DOES_NOT_LOAD.to_owned(), note: String::new() };
            }
            HeatCell {
                level: (cell.ane_cost_share * 4.0 + 0.5) as u32,
                text: speed,
                note: text::share_on_ane(&percent(cell.ane_cost_share)),
            }
        };
        let row = |row: &compare::CompareRow| HeatRow {
            name: format!("{}, {}", row.chip, row.os),
            note: row.devices.join(", "),
            cells: row.cells.iter().map(cell).collect(),
        };
        Heat {
            head: Units::EVERY.into_iter().map(|units| words::units(units).to_owned()).collect(),
            rows: document.rows.iter().map(row).collect(),
        }
    }
}

/// What the link picks, or what the planner would recommend.
fn pick(scenario: &Scenario, chosen: &Chosen, machine: &Machine) -> (Variant, Units) {
    if let Some(pick) = scenario.pick {
        return (pick.variant, pick.units);
    }
    let answered = answer::answer(chosen, machine, scenario);
    let cell = answered.picked.and_then(|idx| answered.cells.get(idx));
    let own = || Subject::new(&chosen.model, machine, scenario.entitled).own_variant();
    cell.map_or_else(|| (own(), Units::All), |cell| (cell.variant, cell.units))
}

fn landed(function: &FunctionPlace, at: u32) -> LandedFunction {
    let summary = &function.summary;
    let stretch = |segment: &place::SegmentPlace| {
        let name = words::unit(segment.unit);
        let ops = thousands(segment.n_ops as f64);
        let hop = if segment.boundary_ms > 0.0 { text::after_hop(&number(segment.boundary_ms)) } else { String::new() };
        Stretch {
            unit: segment.unit.to_owned(),
            permille: (segment.cost_share * 1000.0 + 0.5) as u32,
            text: text::stretch(name, &ops, &percent(segment.cost_share), &hop),
            from: u32::try_from(segment.first).unwrap_or(u32::MAX),
        }
    };
    let mut notes = Vec::new();
    for (word, list) in [(text::MAY_NOT_COMPILE, &summary.risks), (text::TAKE_CARE, &summary.warnings)] {
        notes.extend(list.iter().map(|reason| format!("{word} ({}): {} {}", reason.rule, reason.text, reason.fix)));
    }
    let kind = ListingKind::Placed(at);
    let columns = columns(kind).iter().map(|(name, content)| Column { name: (*name).to_owned(), content: *content });
    LandedFunction {
        name: shown(&function.name),
        line: text::function(
            &thousands(summary.ane_ops as f64),
            &thousands(summary.n_ops as f64),
            &percent(summary.ane_cost_share),
            &thousands(summary.n_segments as f64),
        ),
        strip: function.segments.iter().map(stretch).collect(),
        notes,
        head: ListingHead {
            title: text::title(&shown(&function.name)),
            count: thousands(function.ops.len() as f64),
            empty: PLACED_NONE.to_owned(),
            columns: columns.collect(),
            view: ListingView { which: kind, sort: None, order: Order::Descending, search: String::new() },
        },
    }
}

/// The unit that a search names, and the rest of it.
fn unit_of(search: &str) -> (Option<&str>, &str) {
    let Some(rest) = search.strip_prefix("unit:") else { return (None, search) };
    let (unit, text) = rest.split_once(' ').unwrap_or((rest, ""));
    (Some(unit), text)
}

/// The operations of a function as a listing.
struct Placed<'a>(&'a [OpPlace]);

impl Listing for Placed<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let Some(op) = self.0.get(row) else { return Cell::Unknown };
        match column {
            0 => Cell::Text((&op.output).into()),
            1 => Cell::Text((&op.op).into()),
            2 => Cell::Text(words::unit(op.predicted).into()),
            3 => Cell::Text(words::confidence(op.confidence).into()),
            4 => Cell::Share(op.cost_share),
            5 => Cell::Text(op.eligible.iter().copied().map(words::unit).collect::<Vec<_>>().join(", ").into()),
            6 => {
                let why: Vec<String> =
                    op.reasons.iter().map(|reason| format!("{}: {}", reason.rule, reason.text)).collect();
                Cell::Text(why.join(" ").into())
            }
            7 => Cell::Count(row as u64 + 1),
            _ => Cell::Unknown,
        }
    }
}
