//! The panels that the worker draws: each answers for every kind of model, whatever it is asked with.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use coreml_planner::{
    catalog::{Catalog, Glossary},
    desk::{Asked, Desk, Drawn},
    markup::DRAWN_BY_WORKER,
    report::{
        inspection::{PlanQuery, Query},
        page,
    },
    scenario::{ModelRef, Pick, Scenario, url},
};

fn asked(preset: &str, more: &str) -> Asked {
    let scenario = Scenario { model: ModelRef::Preset(preset.to_owned()), ..Scenario::default() };
    Asked { link: url::encode(&scenario), width: 700, everything: false, more: more.to_owned() }
}

fn panel(name: &str, asked: &Asked) -> String {
    Desk::default().panel(name, asked).unwrap_or_else(|why| panic!("{name}: {why}"))
}

#[test]
fn every_panel_answers_for_one_model_of_each_kind() {
    for preset in ["llama-3.2-1b", "resnet-50", "whisper-tiny"] {
        assert!(Catalog::get().preset(preset).is_some(), "{preset}");
        for name in DRAWN_BY_WORKER {
            let drawn = panel(name, &asked(preset, ""));
            let is_absent = ["lesson"].contains(&name) || (name == "context" && preset != "llama-3.2-1b");
            assert_eq!(drawn.is_empty(), is_absent, "{name} of {preset}");
        }
    }
}

#[test]
fn what_binds_is_said_for_every_function_with_its_roofline() {
    let drawn = panel("roofline", &asked("llama-3.2-1b", ""));
    assert!(drawn.matches("Bound by ").count() >= 2, "prefill and decode");
    assert!(drawn.contains("the roof of memory") && drawn.contains("linear"), "{drawn}");
}

#[test]
fn the_frontier_has_a_mark_to_press_for_every_plan_with_a_speed() {
    for preset in ["llama-3.2-1b", "resnet-50"] {
        let drawn = panel("frontier", &asked(preset, ""));
        let n_marks = drawn.matches("class=\"mark\"").count();
        assert!(n_marks > 10, "{preset}: {n_marks}");
        assert_eq!(drawn.matches("data-press=\"pick\"").count(), n_marks, "{preset}");
        assert_eq!(drawn.matches("class=\"picked\"").count(), 1, "{preset}");
        let all = panel("frontier", &Asked { everything: true, ..asked(preset, "") });
        assert!(all.matches("class=\"mark\"").count() > n_marks, "{preset}");
        assert!(
            drawn.contains("quality: the weights are not compressed") && drawn.contains("quality: no published data")
        );
    }
    // ResNet-50 has published pairs of its own.
    assert!(panel("frontier", &asked("resnet-50", "")).contains("ImageNet top-1 accuracy"));
}

#[test]
fn a_start_says_what_nobody_has_measured() {
    let on = |variant: &str, units: &str| {
        let pick = Pick::from_id(&[variant, "/", units].concat()).unwrap_or_else(|| panic!("{variant}"));
        let scenario =
            Scenario { model: ModelRef::Preset("llama-3.2-1b".to_owned()), pick: Some(pick), ..Scenario::default() };
        panel("start", &Asked { link: url::encode(&scenario), width: 700, ..Asked::default() })
    };
    let engine = on("lut4-g16", "cpu-and-ne");
    assert!(engine.contains("measured rows from") && !engine.contains("no data: how long"), "{engine}");
    // No measured row says how long Core ML takes to load for the GPU.
    let gpu = on("lut4-g16", "cpu-and-gpu");
    assert!(gpu.contains("no data: how long this takes is unknown"), "{gpu}");
    assert!(gpu.contains("class=\"reference\""), "an unknown step is a line to the end");
}

#[test]
fn the_first_load_is_not_shorter_than_a_later_one() {
    for preset in ["resnet-50", "whisper-tiny", "llama-3.2-3b"] {
        let scenario = Scenario { model: ModelRef::Preset(preset.to_owned()), ..Scenario::default() };
        let (_, details) = page::whole(&scenario, None).unwrap_or_else(|why| panic!("{preset}: {why}"));
        let (Some(first), Some(later)) = (details.start.first_load, details.start.load) else {
            panic!("{preset}: rows are there for the Neural Engine")
        };
        let ordered = [(first.time.0, later.time.0), (first.time.1, later.time.1), (first.time.2, later.time.2)];
        assert!(ordered.iter().all(|(first, later)| first >= later), "{preset}: {ordered:?}");
    }
}

#[test]
fn the_quality_of_a_variant_names_every_published_pair() {
    let sheet = |key: &str| Desk::default().panel(&["why:quality:", key].concat(), &asked("llama-3.2-1b", ""));
    let drawn = sheet("lut4-g16").expect("a sheet");
    let matrix = panel("matrix", &asked("llama-3.2-1b", ""));
    assert!(matrix.contains("data-key=\"quality:lut4-g16\""), "the way to it");
    assert!(drawn.matches("<tr>").count() > 2 && drawn.contains("perplexity") && drawn.contains("row m"), "{drawn}");
    assert!(sheet("nothing").is_err() && sheet("").is_err());
}

#[test]
fn every_term_that_is_linked_is_in_the_glossary() {
    let mut linked = std::collections::BTreeSet::new();
    let mut drawn: Vec<String> = DRAWN_BY_WORKER.iter().map(|name| panel(name, &asked("llama-3.2-1b", ""))).collect();
    drawn.extend(["figures", "matrix"].map(|name| panel(name, &asked("llama-3.2-1b", ""))));
    for markup in &drawn {
        for part in markup.split("data-key=\"word:").skip(1) {
            linked.insert(part.split('"').next().expect("an end").to_owned());
        }
    }
    assert!(linked.len() >= 15, "{linked:?}");
    for id in linked {
        let drawn = panel(&["why:word:", &id].concat(), &Asked::default());
        assert!(drawn.contains("id=\"why\""), "{id}");
    }
    assert!(Desk::default().panel("why:word:nothing", &Asked::default()).is_err());
}

#[test]
fn forms_with_hostile_words_are_answered_with_text() {
    let hostile = "%22%3E%3Cimg%20src%3Dx%3E";
    for (name, field) in [
        ("find", "speed"),
        ("find", "fleet"),
        ("evidence", "plan"),
        ("compare", "c"),
        ("pair", "device"),
        ("pair", "os"),
        ("pair", "units"),
        ("pair", "pin"),
        ("lesson", "id"),
    ] {
        let more = format!("question=devices&{field}={hostile}");
        let drawn = panel(name, &asked("llama-3.2-1b", &more));
        assert!(!drawn.contains("<img"), "{name}: {drawn}");
    }
}

#[test]
fn the_glossary_is_whole_on_the_page() {
    let drawn = panel("words", &asked("resnet-50", ""));
    assert_eq!(drawn.matches("<dt ").count(), Glossary::get().term.len());
}

#[test]
fn a_panel_nobody_knows_is_an_error() {
    assert!(Desk::default().panel("nothing", &asked("resnet-50", "")).is_err());
}

#[test]
fn a_measured_row_is_one_that_the_planner_can_score() {
    let drawn =
        panel("measured", &asked("llama-3.2-1b", "metric=decode&value=12.5&source=a%20reader&note=warm%2C%20median"));
    let start = drawn.find("id,source").expect("a row");
    let text = drawn[start..drawn[start..].find('<').expect("its end") + start].replace("&quot;", "\"");
    let rows = coreml_planner::accuracy::read(&text).expect("a file of measurements");
    assert_eq!(rows.len(), 1);
    let known = coreml_planner::accuracy::Known::read(include_str!("../assets/data/models.csv")).expect("models");
    let found = coreml_planner::accuracy::resolve(&rows[0], &known);
    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn two_plans_of_a_model_are_laid_beside_each_other() {
    let drawn = panel("pair", &asked("resnet-50", "device=iphone-13&os=18&units=cpu-only"));
    assert!(drawn.contains("iPhone 15 Pro") && drawn.contains("iPhone 13, iOS 18, CPU only"), "{drawn}");
    assert!(drawn.contains("series-2"), "something moves: {drawn}");
    let same = Scenario { model: ModelRef::Preset("resnet-50".to_owned()), ..Scenario::default() };
    let pinned = url::encode(&same).replace('%', "%25").replace('&', "%26").replace('=', "%3D");
    let itself = panel("pair", &asked("resnet-50", &format!("pin={pinned}&c={pinned}")));
    assert!(itself.contains("Both plans say the same of every operation."), "{itself}");
}

#[test]
fn a_plan_of_another_model_is_not_laid_beside_this_one() {
    let other = url::encode(&Scenario::default()).replace('&', "%26").replace('=', "%3D");
    let drawn = panel("pair", &asked("resnet-50", &format!("c={other}")));
    assert!(!drawn.contains("Pinned plan"), "{drawn}");
}

#[test]
fn a_system_that_the_other_device_does_not_have_gives_way_to_one_that_it_has() {
    let drawn = panel("pair", &asked("resnet-50", "device=macbook-air-m3&os=18&units=all"));
    assert!(drawn.contains("macOS 15"), "{drawn}");
}

/// The picture of what is around each of the first operations of a model's first function.
fn around(preset: &str) -> Vec<String> {
    let mut desk = Desk::default();
    let link = asked(preset, "").link;
    assert!(desk.drawn(&Query::Plan(PlanQuery::Open(link))).is_ok());
    let ask = |row| desk.drawn(&Query::Plan(PlanQuery::Around { function: 0, row }));
    let part = |drawn| match drawn {
        Ok(Drawn::Part(part)) => part,
        other => panic!("{other:?}"),
    };
    (0..60).map(ask).map(part).collect()
}

#[test]
fn what_is_around_an_operation_is_drawn_with_every_node_a_button_and_25_at_the_most() {
    for preset in ["resnet-50", "llama-3.2-1b"] {
        for (row, part) in around(preset).iter().enumerate() {
            let n_nodes = part.matches("<g class=\"tile node").count();
            assert!((2..=25).contains(&n_nodes), "{preset} {row}: {n_nodes}");
            assert_eq!(part.matches("tile node here\" role=\"button\" tabindex=\"0\"").count(), 1, "{preset} {row}");
            let own = format!("data-row=\"{row}\"");
            assert_eq!(part.matches(&own).count(), 1, "{preset} {row} stands once");
            assert!(part.contains("<path class=\"edge"), "{preset} {row}");
        }
    }
}
