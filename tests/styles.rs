//! The style sheets keep their promises: contrast of every text and mark in both themes, one list of dark colours in
//! two places, colours in `tokens.css` only, and a colour for every class that the charts write.

use std::collections::BTreeMap;
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/styles").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("{}: {error}", path.display()))
}

/// The custom properties of the block that follows `start`.
fn properties(css: &str, start: &str) -> BTreeMap<String, String> {
    let block = css.split_once(start).and_then(|(_, rest)| rest.split_once('}')).map_or("", |(block, _)| block);
    let pairs = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn luminance(color: &str) -> f64 {
    let channel = |at: usize| {
        let part = color.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let value = f64::from(part.unwrap_or_else(|| unreachable!("`{color}` is no #rrggbb"))) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

const LIGHT: &str = ":root {\n  color-scheme: light;";
const DARK: &str = ":root:not([data-theme=\"light\"]) {\n    color-scheme: dark;";
const DARK_BY_CHOICE: &str = ":root[data-theme=\"dark\"] {\n  color-scheme: dark;";

#[test]
fn contrast_is_known_where_it_is_known() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((contrast("#767676", "#ffffff") - 4.54).abs() < 0.01);
}

#[test]
fn text_reaches_four_and_a_half_and_marks_reach_three_in_both_themes() {
    let tokens = read("tokens.css");
    let mut low = Vec::new();
    for (theme, start) in [("light", LIGHT), ("dark", DARK)] {
        let colors = properties(&tokens, start);
        let mut need = |front: &str, back: &str, least: f64| {
            let color = |name: &str| colors.get(name).cloned().unwrap_or_else(|| unreachable!("{theme} has no {name}"));
            let ratio = contrast(&color(front), &color(back));
            if ratio < least {
                low.push(format!("{theme}: {front} on {back} has {ratio:.2}, needs {least}"));
            }
        };
        for back in ["page", "surface", "sunken", "chosen"] {
            for front in ["ink", "ink-2", "accent", "fits", "tight", "over"] {
                need(front, back, 4.5);
            }
        }
        for verdict in ["fits", "tight", "over", "unknown"] {
            for front in [verdict, "ink", "ink-2"] {
                need(front, &format!("{verdict}-tint"), 4.5);
            }
        }
        // The warmest cells of the matrix, with what stands in them.
        for (verdict, back) in [("fits", "fits-heat"), ("tight", "tight-heat")] {
            for front in [verdict, "ink", "ink-2"] {
                need(front, back, 4.5);
            }
            for unit in ["unit-ne", "unit-gpu", "unit-cpu"] {
                need(unit, back, 3.0);
            }
        }
        need("accent", "fits-heat", 4.5);
        need("on-accent", "accent", 4.5);
        need("accent", "accent-tint", 4.5);
        for back in ["page", "surface", "sunken"] {
            need("edge", back, 3.0);
            need("focus", back, 3.0);
        }
        let series =
            (1..=6).map(|n| format!("series-{n}")).chain(["unit-ne", "unit-gpu", "unit-cpu"].map(str::to_owned));
        for ink in series {
            need(&ink, "surface", 3.0);
            need(&ink, "chosen", 3.0);
            need("on-bar", &ink, 4.5);
        }
    }
    assert!(low.is_empty(), "{low:#?}");
}

#[test]
fn dark_is_dark_by_system_and_by_choice() {
    let tokens = read("tokens.css");
    let (system, choice) = (properties(&tokens, DARK), properties(&tokens, DARK_BY_CHOICE));
    assert!(system.len() > 20, "the dark block was found");
    assert_eq!(system, choice);
    let light = properties(&tokens, LIGHT);
    let forgotten: Vec<&String> = system.keys().filter(|name| !light.contains_key(*name)).collect();
    assert!(forgotten.is_empty(), "dark without light: {forgotten:?}");
}

#[test]
fn colours_live_in_the_tokens_only() {
    for name in ["base.css", "layout.css", "components.css", "chart.css", "package.css"] {
        let css = read(name);
        let mut rest = css.as_str();
        while let Some((_, after)) = rest.split_once('#') {
            let hex = after.chars().take_while(char::is_ascii_hexdigit).count();
            assert!(hex != 3 && hex != 6, "{name} holds the colour #{}", after.get(..hex).unwrap_or_default());
            rest = after;
        }
        assert!(!css.contains("rgb(") && !css.contains("hsl("), "{name} holds a colour");
    }
}

#[test]
fn every_custom_property_that_is_used_is_defined() {
    let names = ["tokens.css", "base.css", "layout.css", "components.css", "chart.css", "package.css"];
    let all: String = names.iter().map(|name| read(name)).collect();
    for used in all.split("var(--").skip(1) {
        let name: String = used.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
        assert!(all.contains(&format!("--{name}:")), "--{name} is used and never defined");
    }
}

#[test]
fn every_class_that_charts_write_is_styled() {
    let css = read("chart.css");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts");
    let mut n_classes = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().extension().is_none_or(|extension| extension != "svg") {
            continue;
        }
        let svg = std::fs::read_to_string(entry.path()).unwrap_or_default();
        for classes in svg.split("class=\"").skip(1).filter_map(|rest| rest.split_once('"')) {
            for class in classes.0.split(' ') {
                n_classes += 1;
                let styled = css.contains(&format!(".{class} ")) || css.contains(&format!(".{class},"));
                assert!(styled, "chart.css says nothing of .{class}");
            }
        }
    }
    assert!(n_classes > 100, "charts were read");
}
