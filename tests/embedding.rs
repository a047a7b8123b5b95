//! The page of recipes tells the truth: what it names is known to the scripts and to the planner, and it needs nothing
//! that a content security policy forbids.

use std::path::Path;

use coreml_planner::{
    catalog::Lessons,
    markup::REGIONS,
    report::{controls::repair, page},
    scenario::url,
};

fn asset(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("{}: {error}", path.display()))
}

/// What stands between `start` and `end`, each time.
fn between<'t>(text: &'t str, start: &'t str, end: &'t str) -> Vec<&'t str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(end)).map(|(inside, _)| inside).collect()
}

/// The recipes as a reader copies them, and the HTML in them as a browser then reads it.
fn copied() -> String {
    let page = asset("recipes.html");
    let plain = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    plain(&plain(&between(&page, "<pre tabindex=\"0\"><code>", "</code></pre>").join("\n")))
}

/// Follows a link and makes sure that nothing in it had to be ignored or changed.
fn check_link(link: &str) {
    let (mut scenario, notes) = url::decode(link);
    assert_eq!(notes, Vec::<String>::new(), "{link}");
    assert_eq!(repair(&mut scenario), Vec::<String>::new(), "{link}");
    assert!(page::view(&scenario, None).is_ok(), "{link} has no plan");
}

#[test]
fn every_attribute_in_the_table_is_read_by_the_element() {
    let (page, script) = (asset("recipes.html"), asset("embed.js"));
    let attributes = between(&page, "<tr><th scope=\"row\"><code>", "</code>");
    assert!(attributes.len() >= 8, "the table was found");
    for own in attributes {
        let read = [format!("\"{own}\""), format!("\n  {own}: \"")];
        assert!(read.iter().any(|form| script.contains(form)), "embed.js does not know {own}");
    }
}

#[test]
fn every_frame_of_the_recipes_opens_a_plan() {
    let recipes = copied();
    let frames = between(&recipes, "https://planner.example/index.html?", "\"");
    assert!(frames.len() >= 3, "the frames were found");
    for frame in frames {
        let (query, link) = frame.split_once('#').unwrap_or((frame, ""));
        assert!(query.split('&').any(|pair| pair == "embed=1"), "{frame} is not embedded");
        for id in query.split('&').filter_map(|pair| pair.strip_prefix("lesson=")) {
            assert!(Lessons::get().lesson.iter().any(|lesson| lesson.id == id), "no lesson {id}");
        }
        check_link(link);
    }
}

#[test]
fn every_element_of_the_recipes_opens_a_plan() {
    let recipes = copied();
    let elements = between(&recipes, "<coreml-planner ", ">");
    assert!(elements.len() >= 3, "the elements were found");
    for element in elements {
        let value = |name: &str| between(element, &format!("{name}=\""), "\"").first().copied().map(str::to_owned);
        let keys = [("model", "m"), ("device", "d"), ("context", "ctx")];
        let pairs = keys.into_iter().filter_map(|(name, key)| Some(format!("&{key}={}", value(name)?)));
        check_link(&["v=1".to_owned(), pairs.collect()].concat());
    }
}

#[test]
fn the_panels_and_lessons_that_are_named_exist() {
    let page = asset("recipes.html");
    let cell = |start: &str| between(&page, start, "</tr>").concat();
    let panels = cell("<tr><th scope=\"row\"><code>panel</code></th>");
    for name in between(&panels, "for example <code>", "</code>").iter().flat_map(|list| list.split(',')) {
        assert!(REGIONS.iter().any(|region| region.panel == name), "no panel {name}");
    }
    let lessons = cell("<tr><th scope=\"row\"><code>lesson</code></th>");
    let named = between(&lessons, "for example <code>", "</code>");
    assert_eq!(named.len(), 1);
    assert!(named.iter().all(|id| Lessons::get().lesson.iter().any(|lesson| lesson.id == *id)), "{named:?}");
}

#[test]
fn the_page_has_no_inline_script_or_style() {
    let page = asset("recipes.html");
    for forbidden in ["<script", "<style", " style=", " onclick=", " onload="] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}
