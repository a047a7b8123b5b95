//! What can be asked about an open package, and what comes back: the words between the page and its worker.
//!
//! Both travel as postcard bytes. Invariant: a reply is ready to be shown; the page neither formats nor counts.

use serde::{Deserialize, Serialize};

use crate::chart::{Ink, Table};

/// A question about the package that is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// What it is.
    Summary,
    /// Some rows of a listing.
    Rows {
        /// Of which listing, in which order.
        view: ListingView,
        /// The first row wanted, among those that match.
        from: u32,
        /// How many; fewer come at the end, and never more than [`super::ROWS_MAX`].
        n: u32,
    },
    /// How many rows of each listing have this text in them.
    Matches(String),
    /// Where the bytes are, as a picture and a table.
    Treemap {
        /// What makes a part.
        by: SplitBy,
        /// Only what has this beginning of a name; empty for the whole package.
        at: String,
        /// Width to draw for, in CSS pixels.
        width: u32,
    },
    /// A file to keep.
    Export(Export),
    /// About the plan that is looked at.
    Plan(PlanQuery),
}

/// What can be asked about a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlanQuery {
    /// Plan what a link asks for, and say where it lands.
    Open(String),
    /// What is around one operation.
    Around {
        /// Which function.
        function: u32,
        /// Which row of its listing, in the order of the graph.
        row: u32,
    },
    /// What a recipe would change.
    Try(String),
    /// The same model on every chip.
    Compare,
}

/// A listing with its order and its search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingView {
    /// Which listing.
    pub which: ListingKind,
    /// Column to order by; `None` keeps the order of the file.
    pub sort: Option<u32>,
    /// Which end comes first.
    pub order: Order,
    /// Text that a row must hold, in any letter case; empty for all rows.
    pub search: String,
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// A to Z, small to large.
    Ascending,
    /// Z to A, large to small.
    Descending,
}

/// The listings of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListingKind {
    /// Stored weights.
    Weights,
    /// Operations, in order.
    Ops,
    /// Operations counted by kind.
    Kinds,
    /// Weights and blobs that are stored once and used more than once.
    Shared,
    /// What the bytes of each file are.
    Bytes,
    /// The operations of a function of the plan, with their units and reasons; in no list of [`Self::ALL`].
    Placed(u32),
}

impl ListingKind {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::Weights, Self::Ops, Self::Kinds, Self::Shared, Self::Bytes];
}

/// What makes a part of the picture of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SplitBy {
    /// The words of the weights' names.
    Layer,
    /// What the bytes are for: values, tables, scales …
    Role,
    /// How the weights are encoded.
    Encoding,
}

impl SplitBy {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Layer, Self::Role, Self::Encoding];
}

/// A file that the page can hand out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Export {
    /// The whole inspection, as `planner inspect --json` prints it.
    Document,
    /// A listing as it stands, with its order and its search, as CSV.
    Csv(ListingView),
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Query::Summary`].
    Summary(Summary),
    /// To [`Query::Rows`].
    Rows(Rows),
    /// To [`Query::Matches`]: in the order of [`ListingKind::ALL`].
    Matches(Vec<String>),
    /// To [`Query::Treemap`].
    Picture(Picture),
    /// To [`Query::Export`].
    File(File),
    /// To [`Query::Plan`].
    Plan(PlanReply),
}

/// What comes back about a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PlanReply {
    /// To [`PlanQuery::Open`].
    Landed(Landed),
    /// To [`PlanQuery::Around`].
    Around(Near),
    /// To [`PlanQuery::Try`]: before and after, or why the recipe is not tried.
    Tried(Result<Tried, String>),
    /// To [`PlanQuery::Compare`].
    Heat(Heat),
}

/// Where a plan lands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Landed {
    /// What was planned.
    pub line: String,
    /// Whether the system loads it at all.
    pub loads: bool,
    /// Each function.
    pub functions: Vec<LandedFunction>,
    /// Recipes that its reasons name, the most useful first.
    pub recipes: Vec<Recipe>,
}

/// A function of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LandedFunction {
    /// Its name.
    pub name: String,
    /// All of it in one line.
    pub line: String,
    /// Runs of operations on one unit.
    pub strip: Vec<Stretch>,
    /// Compile risks and warnings.
    pub notes: Vec<String>,
    /// Its listing.
    pub head: ListingHead,
}

/// A run of operations on one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// `ane`, `gpu` or `cpu`.
    pub unit: String,
    /// Its share of the cost, in thousandths.
    pub permille: u32,
    /// What it is, in words.
    pub text: String,
    /// Its first row in the listing.
    pub from: u32,
}

/// A recipe for what a plan's reasons name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Its id.
    pub id: String,
    /// What it does.
    pub title: String,
    /// What it costs beside the placement.
    pub changes: String,
    /// `python` or `swift`.
    pub language: String,
    /// A sketch of it.
    pub code: String,
    /// How much of the plan asks for it.
    pub line: String,
    /// Whether its effect can be predicted.
    pub can_try: bool,
}

/// What is around one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Near {
    /// The operation; empty where there is none.
    pub title: String,
    /// Where it runs; without an operation, which there are.
    pub line: String,
    /// Why, rule by rule.
    pub reasons: Vec<String>,
    /// Rows and names of the operations that it reads.
    pub reads: Vec<(u32, String)>,
    /// Rows and names of those that read it.
    pub read_by: Vec<(u32, String)>,
    /// Two steps in each direction.
    pub sketch: Sketch,
}

/// What is within two steps of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch {
    /// The operation itself, then what is around it.
    pub nodes: Vec<SketchNode>,
    /// Who reads whom among them.
    pub edges: Vec<SketchEdge>,
    /// Operations of a step that are not among the nodes, where there are any.
    pub more: Vec<(i8, u32)>,
}

/// An operation near another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SketchNode {
    /// Its row.
    pub row: u32,
    /// Steps from the operation that the picture is about; below 0 for what that one depends on.
    pub step: i8,
    /// Its type.
    pub kind: String,
    /// Its predicted unit: `ane`, `gpu` or `cpu`.
    pub unit: String,
    /// Type and name.
    pub name: String,
}

/// A value that goes from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SketchEdge {
    /// Who makes it, counted among the nodes.
    pub from: u32,
    /// Who reads it.
    pub to: u32,
    /// Whether it goes from one unit to another.
    pub crosses: bool,
}

/// What a recipe would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The recipe.
    pub title: String,
    /// How much changed.
    pub line: String,
    /// Before and after.
    pub table: Table,
}

/// One model on every chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heat {
    /// Choices of units.
    pub head: Vec<String>,
    /// Chips.
    pub rows: Vec<HeatRow>,
}

/// One chip with one system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatRow {
    /// The chip and the system.
    pub name: String,
    /// The devices.
    pub note: String,
    /// A cell for each choice of units.
    pub cells: Vec<HeatCell>,
}

/// One choice of units on one chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeatCell {
    /// Quarters of the cost on the Neural Engine, from 0 to 4.
    pub level: u32,
    /// Speed.
    pub text: String,
    /// Share of the Neural Engine.
    pub note: String,
}

/// A package in a few lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// What it is, in one line.
    pub line: String,
    /// What is known of it: a name, a value, and what the value means.
    pub facts: Vec<Fact>,
    /// What is odd about it.
    pub warnings: Vec<String>,
    /// What a call takes and returns.
    pub interface: Table,
    /// Operations by kind, the most frequent first.
    pub kinds: Vec<KindCount>,
    /// The listings there are, in the order of [`ListingKind::ALL`].
    pub listings: Vec<ListingHead>,
}

/// One thing that is known about a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What to know about the value; may be empty.
    pub note: String,
}

/// How often a kind of operation occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// Its name.
    pub name: String,
    /// How often, in words.
    pub count: String,
    /// How long its bar is, in thousandths of the longest.
    pub permille: u32,
}

/// A listing before any of its rows is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingHead {
    /// What it lists.
    pub title: String,
    /// How many rows it has, in words.
    pub count: String,
    /// What to say when it has none.
    pub empty: String,
    /// Its columns; the first names the row.
    pub columns: Vec<Column>,
    /// The order it opens with.
    pub view: ListingView,
}

/// A column of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its head.
    pub name: String,
    /// What is in it.
    pub content: Content,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Words, compared letter by letter.
    Text,
    /// Numbers, compared by value; the largest first is what people want to see.
    Number,
}

/// Some rows of a listing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The first of them.
    pub from: u32,
    /// Rows that match the search.
    pub n_matching: u32,
    /// How many match, in words.
    pub said: String,
    /// The rows, as long as the columns of the listing.
    pub rows: Vec<Vec<String>>,
}

/// A picture with its legend and the same as a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// The `<svg>` element; what can be opened has `data-at`.
    pub svg: String,
    /// The legend.
    pub keys: Vec<(Ink, String)>,
    /// The same data.
    pub table: Table,
    /// The way from the whole package to what is shown: what each step is called, and its `at`.
    pub trail: Vec<(String, String)>,
}

/// A file to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// What to call it.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its text.
    pub text: String,
}
