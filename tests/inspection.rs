//! The inspection of a package, as the page's panel asks for it: listings, pictures, exports, and names that mean harm.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::{fs, path::PathBuf};

use coreml_planner::{
    format::{self, Entry, Limits, Package, RangeSource},
    model::{Consumer, DType, Encoding, Function, Model, OpKind, Part, PartRole, Place, Role, Section, Weight},
    report::inspection::{
        Export, File, Inspection, ListingKind, ListingView, Order, Picture, Query, Reply, Rows, SplitBy, Summary,
    },
};

struct Bytes(Vec<u8>);

impl RangeSource for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let from = offset as usize;
        into.copy_from_slice(self.0.get(from..from + into.len()).ok_or("beyond the end")?);
        Ok(())
    }
}

fn fixtures() -> Vec<(String, Package)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packages");
    let mut found = Vec::new();
    for folder in [root.clone(), root.join("other")] {
        for entry in fs::read_dir(folder).expect("the fixtures").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".zip") || name.ends_with(".mlmodel") {
                let source = Box::new(Bytes(fs::read(entry.path()).expect("a fixture")));
                let entries = vec![Entry { path: name.clone(), source }];
                let package = format::open(entries, &Limits::default());
                found.push((name.clone(), package.unwrap_or_else(|error| panic!("{name}: {error}"))));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

fn fixture(name: &str) -> Inspection {
    let all = fixtures();
    Inspection::new(all.into_iter().find(|(own, _)| own.starts_with(name)).expect("a fixture").1)
}

/// A package of weights with these names, one byte each for the first, two for the second …
fn of_names(names: &[&str]) -> Inspection {
    let mut package = fixtures().into_iter().find(|(name, _)| name.starts_with("tied")).expect("a fixture").1;
    let weight = |(idx, name): (usize, &&str)| Weight {
        name: (*name).to_owned(),
        shape: vec![idx as u64 + 1],
        dtype: DType::Int8,
        encoding: Encoding::Dense,
        parts: vec![Part {
            role: PartRole::Data,
            dtype: DType::Int8,
            bytes: idx as u64 + 1,
            place: Place::Blob { file: 0, offset: idx as u64 * 64 },
        }],
        copies: 1,
        consumer: Some(Consumer { op: OpKind::Conv, param: "weight".to_owned() }),
    };
    package.bytes.clear();
    package.model = Model { weights: names.iter().enumerate().map(weight).collect(), ..Model::default() };
    Inspection::new(package)
}

fn view(which: ListingKind) -> ListingView {
    ListingView { which, sort: None, order: Order::Ascending, search: String::new() }
}

fn rows(inspection: &mut Inspection, view: ListingView, from: u32, n: u32) -> Rows {
    match inspection.answer(&Query::Rows { view, from, n }) {
        Reply::Rows(rows) => rows,
        other => panic!("{other:?}"),
    }
}

fn summary(inspection: &mut Inspection) -> Summary {
    match inspection.answer(&Query::Summary) {
        Reply::Summary(summary) => summary,
        other => panic!("{other:?}"),
    }
}

fn picture(inspection: &mut Inspection, by: SplitBy, at: &str) -> Picture {
    match inspection.answer(&Query::Treemap { by, at: at.to_owned(), width: 800 }) {
        Reply::Picture(picture) => picture,
        other => panic!("{other:?}"),
    }
}

fn file(inspection: &mut Inspection, export: Export) -> File {
    match inspection.answer(&Query::Export(export)) {
        Reply::File(file) => file,
        other => panic!("{other:?}"),
    }
}

/// A listing as a program reads it: rows of plain cells.
fn plain(inspection: &mut Inspection, view: ListingView) -> Vec<Vec<String>> {
    let text = file(inspection, Export::Csv(view)).text;
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn the_bytes_of_every_fixture_add_up_to_its_files() {
    for (name, package) in fixtures() {
        let total = package.total_bytes();
        let mut inspection = Inspection::new(package);
        let rows = plain(&mut inspection, view(ListingKind::Bytes));
        let sum: u64 = rows.iter().map(|row| row[row.len() - 2].parse::<u64>().expect("a size")).sum();
        assert_eq!(sum, total, "{name}");
    }
}

#[test]
fn every_listing_of_every_fixture_has_the_rows_it_says_and_can_be_put_in_order_by_every_column() {
    for (name, package) in fixtures() {
        let mut inspection = Inspection::new(package);
        for head in summary(&mut inspection).listings {
            let all = rows(&mut inspection, view(head.view.which), 0, 1_000);
            assert_eq!(all.n_matching.to_string(), head.count.replace('\u{2009}', ""), "{name}");
            for column in 0..=head.columns.len() as u32 {
                for order in [Order::Ascending, Order::Descending] {
                    let asked = ListingView { sort: Some(column), order, ..view(head.view.which) };
                    let sorted = rows(&mut inspection, asked, 0, 1_000);
                    let (mut a, mut b) = (sorted.rows, all.rows.clone());
                    a.sort();
                    b.sort();
                    assert_eq!(a, b, "{name}: an order loses nothing");
                    assert!(a.iter().all(|row| row.len() == head.columns.len()));
                }
            }
        }
    }
}

#[test]
fn weights_are_ordered_by_their_bytes() {
    let mut inspection = of_names(&["small", "middle", "large"]);
    let asked = ListingView { sort: Some(1), order: Order::Descending, ..view(ListingKind::Weights) };
    let names: Vec<String> =
        rows(&mut inspection, asked, 0, 10).rows.into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(names, ["large", "middle", "small"]);
}

#[test]
fn rows_are_given_from_any_place_and_no_more_than_a_thousand() {
    let names: Vec<String> = (0..3_000).map(|idx| format!("w_{idx}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut inspection = of_names(&names);
    let mut check = |from, n, expected: (u32, usize)| {
        let rows = rows(&mut inspection, view(ListingKind::Weights), from, n);
        assert_eq!((rows.from, rows.rows.len()), expected);
        assert_eq!(rows.n_matching, 3_000);
    };
    check(0, 10, (0, 10));
    check(2_995, 10, (2_995, 5));
    check(9_000, 10, (3_000, 0));
    check(0, u32::MAX, (0, 1_000));
    check(u32::MAX, u32::MAX, (3_000, 0));
}

#[test]
fn a_search_finds_words_in_any_letter_case_and_counts_in_every_listing() {
    let mut inspection = of_names(&["Encoder_1", "encoder_2", "decoder", "ÄHRE"]);
    let mut check = |search: &str, expected: u32| {
        let asked = ListingView { search: search.to_owned(), ..view(ListingKind::Weights) };
        assert_eq!(rows(&mut inspection, asked, 0, 10).n_matching, expected, "{search}");
    };
    check("ENCODER", 2);
    check("coder", 3);
    check("ähre", 1);
    check("conv", 4);
    check("nothing like it", 0);
    let Reply::Matches(counts) = inspection.answer(&Query::Matches("Coder".to_owned())) else { panic!() };
    assert_eq!(counts, ["3", "0", "0", "0", "0"]);
}

#[test]
fn a_weight_of_several_functions_is_listed_as_shared() {
    let mut inspection = fixture("multifunction");
    let shared = rows(&mut inspection, view(ListingKind::Shared), 0, 100);
    assert!(shared.rows.iter().any(|row| row[4] == "2"), "{shared:?}");
    let mut inspection = fixture("conv_fp16_ios17");
    assert_eq!(rows(&mut inspection, view(ListingKind::Shared), 0, 100).n_matching, 0);
}

#[test]
fn the_picture_goes_down_the_names_and_skips_what_all_share() {
    let names = ["m_layers_0_q", "m_layers_0_k", "m_layers_1_q", "m_layers_1_k", "m_layers_10_q", "m_head"];
    let mut inspection = of_names(&names);
    let labels = |picture: &Picture| {
        let mut labels: Vec<String> = picture.table.rows.iter().map(|row| row[0].clone()).collect();
        labels.retain(|label| !label.contains(' '));
        labels.sort();
        labels
    };
    let top = picture(&mut inspection, SplitBy::Layer, "");
    assert_eq!(labels(&top), ["head", "layers"]);
    assert!(top.svg.contains("data-at=\"m_layers\""), "{}", top.svg);
    assert!(top.svg.contains("data-find=\"m_head\""));
    let layers = picture(&mut inspection, SplitBy::Layer, "m_layers");
    assert_eq!(labels(&layers), ["layers_0", "layers_1", "layers_10_q"]);
    let first = picture(&mut inspection, SplitBy::Layer, "m_layers_1");
    assert_eq!(labels(&first), ["k", "q"]);
    let steps: Vec<&str> = first.trail.iter().map(|(_, at)| at.as_str()).collect();
    assert_eq!(steps, ["", "m_layers", "m_layers_1"]);
    // What nothing has as a beginning is an empty picture, not an error.
    assert_eq!(picture(&mut inspection, SplitBy::Layer, "no such").table.rows.len(), 0);
}

#[test]
fn weights_of_one_name_do_not_lead_round_in_a_circle() {
    let mut inspection = of_names(&["same", "same", "same"]);
    let drawn = picture(&mut inspection, SplitBy::Layer, "");
    assert!(drawn.svg.contains("data-find=\"same\"") && !drawn.svg.contains("data-at="), "{}", drawn.svg);
}

#[test]
fn every_split_of_every_fixture_shows_all_bytes() {
    for (name, package) in fixtures() {
        let mut inspection = Inspection::new(package);
        for by in [SplitBy::Layer, SplitBy::Role, SplitBy::Encoding] {
            let drawn = picture(&mut inspection, by, "");
            let sum: f64 =
                drawn.table.rows.iter().filter_map(|row| row[2].trim_end_matches(" %").parse::<f64>().ok()).sum();
            assert!((sum - 100.0).abs() < 1.0, "{name} {by:?}: {sum} %");
        }
    }
}

#[test]
fn names_that_mean_harm_stay_names() {
    let hostile = "\"><img src=x onerror=alert(1)>\u{202e}\u{7}&lt;";
    let mut inspection = of_names(&[hostile, "=HYPERLINK(\"http://x\")"]);
    for by in [SplitBy::Layer, SplitBy::Role, SplitBy::Encoding] {
        let drawn = picture(&mut inspection, by, "");
        assert!(!drawn.svg.contains("<img") && !drawn.svg.contains('\u{7}'), "{}", drawn.svg);
    }
    let shown = rows(&mut inspection, view(ListingKind::Weights), 0, 10);
    assert!(shown.rows.iter().flatten().all(|cell| !cell.contains('\u{202e}') && !cell.contains('\u{7}')));
    let csv = file(&mut inspection, Export::Csv(view(ListingKind::Weights))).text;
    assert!(csv.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{csv}");
    let long = "x".repeat(100_000);
    let mut inspection = of_names(&[&long]);
    assert!(rows(&mut inspection, view(ListingKind::Weights), 0, 1).rows[0][0].len() < 1_000);
}

#[test]
fn exports_are_whole_and_named_after_the_package() {
    let mut inspection = fixture("conv_lut4_ios17");
    let document = file(&mut inspection, Export::Document);
    assert_eq!(document.name, "conv_lut4_ios17-inspection.json");
    let parsed: serde_json::Value = serde_json::from_str(&document.text).expect("JSON");
    assert_eq!(parsed["schema"], "coreml-planner/inspect/1");
    let weights = file(&mut inspection, Export::Csv(view(ListingKind::Weights)));
    assert_eq!(weights.name, "conv_lut4_ios17-weights.csv");
    assert!(weights.text.starts_with("weight,stored,share,bits each,encoding,shape,"));
    assert!(weights.text.contains("lut4"));
}

#[test]
fn a_summary_says_what_the_package_is() {
    let mut inspection = fixture("state_ios18");
    let summary = summary(&mut inspection);
    let fact = |name: &str| summary.facts.iter().find(|fact| fact.name == name).expect("a fact");
    assert_eq!(fact("Type").value, "mlProgram");
    assert_eq!(fact("Needs").value, "iOS 18 / macOS 15");
    assert!(fact("Operations").note.contains("one state"), "{:?}", summary.facts);
    assert!(summary.interface.rows.iter().any(|row| row[1] == "state"));
    assert!(summary.kinds.first().is_some_and(|kind| kind.permille == 1000));
}

#[test]
fn a_tree_has_no_operations_and_is_inspected_all_the_same() {
    let mut inspection = fixture("tree");
    let summary = summary(&mut inspection);
    assert!(summary.kinds.is_empty());
    assert_eq!(rows(&mut inspection, view(ListingKind::Ops), 0, 10).n_matching, 0);
    assert!(picture(&mut inspection, SplitBy::Layer, "").svg.contains("tile"));
}

#[test]
fn a_pile_of_operations_is_listed_in_the_order_of_the_file() {
    let ops = |n: usize| (0..n).map(|_| fixtures_op()).collect::<Vec<_>>();
    let mut package = fixtures().into_iter().next().expect("a fixture").1;
    package.model.functions = vec![Function {
        name: "main".to_owned(),
        opset: String::new(),
        role: Role::Single,
        values: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        states: Vec::new(),
        sections: vec![Section { times: 1, ops: ops(200_000) }],
    }];
    let mut inspection = Inspection::new(package);
    let rows = rows(&mut inspection, view(ListingKind::Ops), 199_990, 100);
    assert_eq!((rows.n_matching, rows.rows.len()), (200_000, 10));
}

fn fixtures_op() -> coreml_planner::model::Op {
    coreml_planner::model::Op { kind: OpKind::Relu, inputs: Vec::new(), outputs: Vec::new(), blocks: Vec::new() }
}

#[test]
fn questions_and_answers_survive_the_way_between_page_and_worker() {
    let mut inspection = fixture("conv_lut4_ios17");
    let asked = [
        Query::Summary,
        Query::Matches("w".to_owned()),
        Query::Rows { view: view(ListingKind::Bytes), from: 0, n: 5 },
        Query::Treemap { by: SplitBy::Encoding, at: String::new(), width: 300 },
        Query::Export(Export::Document),
    ];
    for query in asked {
        let sent = postcard::to_allocvec(&query).expect("bytes");
        assert_eq!(postcard::from_bytes::<Query>(&sent).expect("a query"), query);
        let reply = inspection.answer(&query);
        let back = postcard::to_allocvec(&reply).expect("bytes");
        assert_eq!(postcard::from_bytes::<Reply>(&back).expect("a reply"), reply);
    }
}
