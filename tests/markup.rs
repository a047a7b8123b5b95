//! The page as text: whatever a model or a file is called, the markup is well formed, its references hold, and every
//! control has a name.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::collections::HashSet;

use coreml_planner::{
    catalog::Catalog,
    format::{Fault, ReadError},
    markup::{self, Reading},
    report::{controls, drawings, page, why::Why},
    scenario::{CustomDevice, DeviceRef, ModelRef, Scenario},
};

const HOSTILE: &str = "\"><img src=x onerror=alert(1)>&amp;'\u{202e}\u{0}";

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
            assert!(link.starts_with("https://") || link.starts_with("http://") || link.starts_with('#'), "{link}");
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
        markup::matrix(&view, true),
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
