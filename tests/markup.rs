//! The page as text: whatever a model or a file is called, the markup is well formed, its references hold, and every
//! control has a name.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::{collections::HashSet, fs, path::PathBuf};

use coreml_planner::{
    catalog::{Catalog, Lessons},
    desk::{Asked, Desk, Drawn, PINS_MAX},
    format::{self, Entry, Fault, Limits, RangeSource, ReadError},
    markup::{self, Reading},
    report::{
        controls, drawings,
        inspection::{ListingKind, PlanQuery, Query, SplitBy},
        page,
        why::Why,
    },
    scenario::{CustomDevice, DeviceRef, ModelRef, Scenario, url},
};

const HOSTILE: &str = "\"><img src=x onerror=alert(1)>&amp;'\u{202e}\u{0}";

/// Files of the site that a panel links to.
const FILES: [&str; 1] = ["compute_plan.py"];

/// Presses whose `data-of` is the id of an element.
const OF_IDS: [&str; 3] = ["copy", "save", "show"];

/// An element that was opened: its tag, and its attributes.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

/// Reads markup as strictly as XHTML; void elements are the ones that HTML has.
fn parse(markup: &str) -> Vec<Tag> {
    const VOID: [&str; 3] = ["input", "br", "img"];
    let mut tags: Vec<Tag> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "a stray `>` in {text:?}");
        for idx in &open {
            tags[*idx].text.push_str(text);
        }
        let end = rest[at..].find('>').unwrap_or_else(|| panic!("no end of {:?}", &rest[at..])) + at;
        let inside = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            let last = open.pop().unwrap_or_else(|| panic!("</{name}> ends nothing"));
            assert_eq!(tags[last].name, name);
            continue;
        }
        let name: String = inside.chars().take_while(|letter| letter.is_ascii_alphanumeric()).collect();
        let mut attributes = Vec::new();
        let mut left = inside[name.len()..].trim_end_matches('/');
        while let Some((key, after)) = left.trim_start().split_once("=\"") {
            let (value, after) = after.split_once('"').expect("an attribute ends");
            assert!(attributes.iter().all(|(known, _)| known != key), "{key} twice in <{inside}>");
            attributes.push((key.to_owned(), value.to_owned()));
            left = after;
        }
        assert!(left.trim().is_empty(), "{left:?} is left of <{inside}>");
        let is_closed = VOID.contains(&name.as_str()) || inside.ends_with('/');
        tags.push(Tag { name, attributes, text: String::new() });
        if !is_closed {
            open.push(tags.len() - 1);
        }
    }
    assert!(open.is_empty(), "{:?} stays open", open.iter().map(|idx| &tags[*idx].name).collect::<Vec<_>>());
    tags
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What every page keeps: ids once, references that lead somewhere, names on controls, no style and no script.
fn check(markup: &str) {
    let tags = parse(markup);
    let mut ids = HashSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        assert!(ids.insert(id), "the id {id} stands twice");
    }
    for tag in &tags {
        assert!(!["script", "style", "img", "iframe"].contains(&&*tag.name), "<{}>", tag.name);
        assert!(tag.get("style").is_none(), "a style on <{}>", tag.name);
        assert!(tag.attributes.iter().all(|(name, _)| !name.starts_with("on")), "an inline handler on <{}>", tag.name);
        for reference in ["for", "aria-labelledby", "aria-describedby", "aria-controls"] {
            for id in tag.get(reference).unwrap_or_default().split_whitespace() {
                assert!(ids.contains(id) || id == "why", "{reference}={id} of <{}> leads nowhere", tag.name);
            }
        }
        if tag.name == "button" {
            let name = tag.get("aria-label").unwrap_or(tag.text.trim());
            assert!(!name.is_empty(), "a button without a name: {:?}", tag.attributes);
        }
        if let Some(link) = tag.get("href") {
            let leads = ["https://", "http://", "#"].iter().any(|start| link.starts_with(start));
            assert!(leads || FILES.contains(&link), "{link}");
        }
        // Copy, save and show name the element that they are about.
        if let Some(id) =
            tag.get("data-of").filter(|_| tag.get("data-press").is_some_and(|does| OF_IDS.contains(&does)))
        {
            assert!(ids.contains(id), "data-of={id} of <{}> leads nowhere", tag.name);
        }
    }
}

/// The whole page of a scenario, as it stands in the document.
fn whole(scenario: &Scenario) -> String {
    let (view, details) = page::whole(scenario, None).unwrap_or_else(|error| panic!("{error}"));
    let chart = |name: &str, chart| markup::pictured(name, "A picture", HOSTILE, &chart);
    [
        markup::shell("dark"),
        markup::summary(&controls::summary(scenario), false),
        markup::model(scenario, Some(HOSTILE), &Reading::Yes(HOSTILE.to_owned(), HOSTILE.to_owned()), true),
        markup::device(scenario, Some("custom-ram")),
        markup::workload(scenario),
        markup::notes(&[HOSTILE.to_owned()]),
        markup::shared(false, HOSTILE),
        markup::verdict(&view),
        markup::figures(&view),
        markup::matrix(&view, true, usize::MAX),
        markup::tabs("memory", true, 2),
        chart("memory", drawings::memory(&view, 700)),
        chart("variants", drawings::variants(&details, |_| true, 320)),
        markup::limits(&view),
        markup::placement(&details),
        markup::known(&details),
    ]
    .concat()
}

#[test]
fn every_preset_makes_a_page_that_is_well_formed() {
    for preset in &Catalog::get().presets {
        let scenario = Scenario { model: ModelRef::Preset(preset.id.clone()), ..Scenario::default() };
        check(&whole(&scenario));
    }
}

#[test]
fn an_own_device_makes_a_page_that_is_well_formed() {
    let own = CustomDevice { ram_gib: 8.0, memory_gbs: 60.0, ane_tflops: 0.0, gpu_tflops: 2.0 };
    check(&whole(&Scenario { device: DeviceRef::Custom(own), ..Scenario::default() }));
}

#[test]
fn a_hostile_name_is_nothing_but_text() {
    let error = ReadError {
        fault: Fault::Io,
        file: HOSTILE.to_owned(),
        offset: Some(3),
        what: HOSTILE.to_owned(),
        hint: HOSTILE.to_owned(),
    };
    let package = Scenario { model: ModelRef::Package(HOSTILE.to_owned()), ..Scenario::default() };
    let markup = markup::model(&package, Some(HOSTILE), &Reading::Failed(error), false);
    check(&markup);
    assert!(!markup.contains("<img"), "{markup}");
    assert!(!markup.contains(['\u{202e}', '\u{0}']), "{markup}");
}

#[test]
fn every_figure_explains_itself_in_markup_that_is_well_formed() {
    let scenario = Scenario::default();
    let view = page::view(&scenario, None).unwrap_or_else(|error| panic!("{error}"));
    let picked = view.picked.expect("a cell is picked");
    let explained: Vec<Why> =
        view.figures.iter().filter_map(|figure| page::why(&scenario, None, picked, figure.key)).collect();
    assert!(explained.len() >= 4, "{} figures explain themselves", explained.len());
    explained.iter().for_each(|why| check(&markup::sheet(why)));
}

#[test]
#[should_panic(expected = "stays open")]
fn an_element_that_is_not_closed_is_noticed() {
    check("<p><b>text</b>");
}

#[test]
#[should_panic(expected = "leads nowhere")]
fn a_reference_to_nothing_is_noticed() {
    check("<label for=\"nobody\">text</label>");
}

/// A panel of the worker, as the page would show it.
fn panel(name: &str, scenario: &Scenario, more: &str) -> String {
    let asked = Asked { link: url::encode(scenario), width: 640, everything: true, more: more.to_owned() };
    Desk::default().panel(name, &asked).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A language model and one that is none: the panels ask them different things.
fn plans() -> [Scenario; 2] {
    let of = |id: &str| Scenario { model: ModelRef::Preset(id.to_owned()), ..Scenario::default() };
    [of("llama-3.2-1b"), of("resnet-50")]
}

/// Text as the value of a field in a panel's words.
fn field(name: &str, value: &str) -> String {
    let escaped: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("{name}={escaped}")
}

#[test]
fn every_panel_of_the_worker_is_well_formed_and_none_takes_the_id_of_another() {
    for scenario in plans() {
        let lessons = Lessons::get().lesson.iter().map(|lesson| panel("lesson", &scenario, &field("id", &lesson.id)));
        lessons.for_each(|lesson| check(&[whole(&scenario), lesson].concat()));
        let pins = ["c", "c"].map(|name| field(name, &url::encode(&scenario))).join("&");
        let mut together = vec![whole(&scenario)];
        for (name, more) in [
            ("find", ""),
            ("compare", &*pins),
            ("take", ""),
            ("evidence", ""),
            ("pair", &*pins),
            ("accuracy", ""),
            ("words", ""),
        ] {
            let own = panel(name, &scenario, more);
            assert!(own.len() > 200, "{name} is empty");
            together.push(own);
        }
        check(&together.concat());
        for question in ["variants", "devices"] {
            check(&panel("find", &scenario, &field("question", question)));
        }
    }
}

#[test]
fn what_a_link_or_a_field_says_is_nothing_but_text_in_every_panel() {
    let devices = "question=devices&";
    for scenario in plans() {
        for (name, before, fields) in [
            ("find", "", &["question", "kind", "speed", "latency", "memory", "bundle"][..]),
            ("find", devices, &["fleet"]),
            ("compare", "", &["c"]),
            ("evidence", "", &["plan"]),
            ("pair", "", &["device", "os", "units", "pin", "c"]),
            ("lesson", "", &["id"]),
            ("accuracy", "", &["metric", "runtime", "on", "chip"]),
        ] {
            let own: Vec<String> = fields.iter().map(|own| field(own, HOSTILE)).collect();
            let markup = panel(name, &scenario, &[before, &own.join("&")].concat());
            check(&markup);
            assert!(!markup.contains("<img"), "{name}: {markup}");
            assert!(!markup.contains(['\u{202e}', '\u{0}']), "{name}: {markup}");
        }
    }
}

#[test]
fn no_more_plans_are_compared_than_can_be_pinned() {
    let links: Vec<String> = vec![field("c", &url::encode(&Scenario::default())); PINS_MAX + 3];
    let markup = panel("compare", &Scenario::default(), &links.join("&"));
    let heads = parse(&markup).iter().filter(|tag| tag.get("data-press") == Some("unpin")).count();
    assert_eq!(heads, PINS_MAX);
}

#[test]
fn only_rows_that_say_different_things_are_marked_as_different() {
    let [first, second] = plans().map(|scenario| field("c", &url::encode(&scenario)));
    let marked = |pins: [&str; 2]| {
        let markup = panel("compare", &Scenario::default(), &pins.join("&"));
        parse(&markup).iter().filter(|tag| tag.get("class") == Some("differs")).count()
    };
    assert_eq!(marked([&first, &first]), 0);
    assert!(marked([&first, &second]) >= 3);
}

/// A file in memory.
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

/// A desk with a real package open, whose name and weights mean harm.
fn desk_with_harm() -> Desk {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/packages/conv_lut4_ios17.mlpackage.zip");
    let source = Box::new(Bytes(fs::read(path).expect("a fixture")));
    let mut package = format::open(vec![Entry { path: "conv.zip".to_owned(), source }], &Limits::default())
        .unwrap_or_else(|error| panic!("{error}"));
    HOSTILE.clone_into(&mut package.name);
    package.model.weights.iter_mut().for_each(|weight| weight.name.push_str(HOSTILE));
    package.model.functions.iter_mut().for_each(|function| HOSTILE.clone_into(&mut function.name));
    let mut desk = Desk::default();
    desk.open(package);
    desk
}

fn drawn(desk: &mut Desk, query: &Query) -> Drawn {
    desk.drawn(query).unwrap_or_else(|why| panic!("{query:?}: {why}"))
}

#[test]
fn a_package_and_its_plan_are_drawn_well_formed_whatever_is_in_them() {
    let mut desk = desk_with_harm();
    let Drawn::Stage { markup, heads, strips } = drawn(&mut desk, &Query::Summary) else { panic!("no stage") };
    check(&markup);
    assert_eq!((heads.len(), strips.len()), (ListingKind::ALL.len(), 0));
    assert!(markup.contains("&lt;img src=x onerror=alert(1)&gt;"), "the name is there as text");
    for name in ["picture", "rows", "search"] {
        assert_eq!(markup.matches(&format!("data-part=\"{name}\"")).count(), 1, "{name}");
    }
    for by in SplitBy::ALL {
        let Drawn::Part(picture) = drawn(&mut desk, &Query::Treemap { by, at: String::new(), width: 700 }) else {
            panic!("no picture")
        };
        check(&picture);
        assert_eq!(picture.matches("aria-pressed=\"true\"").count(), 1, "one split holds");
    }

    let scenario = Scenario { model: ModelRef::Package(HOSTILE.to_owned()), ..Scenario::default() };
    let plan = Query::Plan(PlanQuery::Open(url::encode(&scenario)));
    let Drawn::Stage { markup, heads, strips } = drawn(&mut desk, &plan) else { panic!("no stage") };
    check(&markup);
    assert_eq!(heads.len(), strips.len());
    for strip in &strips {
        check(strip);
        assert!(strip.contains("data-from=\"0\""), "the first stretch begins with the first operation");
    }
    for name in ["strip", "rows", "near", "heat", "number"] {
        assert_eq!(markup.matches(&format!("data-part=\"{name}\"")).count(), 1, "{name}");
    }
    let asked = [
        PlanQuery::Around { function: 0, row: 0 },
        PlanQuery::Around { function: 9, row: 9 },
        PlanQuery::Try(HOSTILE.to_owned()),
        PlanQuery::Compare,
    ];
    for query in asked {
        let Drawn::Part(part) = drawn(&mut desk, &Query::Plan(query)) else { panic!("no part") };
        check(&part);
    }
}
