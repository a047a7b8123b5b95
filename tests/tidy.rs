//! The architecture's rules as tests: what ARCHITECTURE.md says is absent is looked for here.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder with one of the endings.
fn files(folder: &str, endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut waiting = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !["node_modules", "target", "dist"].iter().any(|skip| path.ends_with(skip)) {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted))
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push((path.strip_prefix(root()).unwrap_or(&path).to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// Fails with every place where a line of a file has one of the words.
fn forbid(files: &[(PathBuf, String)], words: &[&str], why: &str) {
    let mut places = Vec::new();
    for (path, text) in files {
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in words.iter().filter(|word| code.contains(**word)) {
                places.push(format!("{}:{}: `{word}`", path.display(), at + 1));
            }
        }
    }
    assert!(places.is_empty(), "{why}:\n{}", places.join("\n"));
}

fn core() -> Vec<(PathBuf, String)> {
    // The pictures of `markup::icon` are files of the repository, taken in when it is built.
    let edges = ["src/ui", "src/bin", "src/main.rs", "src/catalog/pack", "src/markup/icon.rs"];
    let is_core = |path: &Path| !edges.iter().any(|edge| path.starts_with(edge)) && !path.ends_with("pack.rs");
    files("src", &["rs"]).into_iter().filter(|(path, _)| is_core(path)).collect()
}

#[test]
fn the_core_does_no_input_or_output_and_knows_no_clock_no_chance_and_no_web() {
    let words = [
        "std::fs",
        "std::net",
        "std::env",
        "std::time",
        "std::thread",
        "std::process",
        "println!",
        "eprintln!",
        "web_sys",
        "js_sys",
        "wasm_bindgen",
        "leptos",
        "gloo",
        "rand::",
        "include_str!",
    ];
    forbid(&core(), &words, "the core is pure");
}

#[test]
fn the_core_keeps_to_arithmetic_that_is_the_same_everywhere() {
    let words = [".powf(", ".powi(", ".exp(", ".ln(", ".log10(", ".log2(", ".sin(", ".cos(", ".tan(", ".mul_add("];
    let estimates: Vec<_> = core().into_iter().filter(|(path, _)| !path.starts_with("src/chart")).collect();
    forbid(&estimates, &words, "these differ between platforms in the last bit");
}

#[test]
fn the_page_neither_computes_with_quantities_nor_formats_them() {
    let ui = files("src/ui", &["rs"]);
    let words = ["units::format", "Quantity", "Bytes::", "1e9", "1e6", "1024.0", "1_073_741_824", "{:."];
    forbid(&ui, &words, "quantities and their words belong to report");
}

#[test]
fn there_is_no_inline_style_and_no_inline_script() {
    let mut all = files("src/ui", &["rs"]);
    all.extend(files("src/chart", &["rs"]));
    all.push((PathBuf::from("index.html"), fs::read_to_string(root().join("index.html")).unwrap_or_default()));
    forbid(&all, &[" style=", "style=\"", "onclick=", "innerHTML"], "the content security policy refuses it");
}

#[test]
fn colours_live_in_one_file() {
    let is_colour = |word: &str| {
        let digits = word.strip_prefix('#').unwrap_or_default();
        [3, 4, 6, 8].contains(&digits.len()) && digits.chars().all(|digit| digit.is_ascii_hexdigit())
    };
    let mut places = Vec::new();
    for (path, text) in files("assets/styles", &["css"]) {
        if path.ends_with("tokens.css") {
            continue;
        }
        let mut in_comment = false;
        for (at, line) in text.lines().enumerate() {
            let starts = line.contains("/*");
            let commented = in_comment || starts;
            in_comment = (in_comment || starts) && !line.contains("*/");
            let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '#'));
            let value = line.split_once(':').map(|(_, value)| value).unwrap_or_default();
            let coloured = words.into_iter().any(is_colour) && line.trim_end().ends_with(';');
            if !commented && (coloured || value.contains("rgb(") || value.contains("hsl(") || value.contains("oklch("))
            {
                places.push(format!("{}:{}: {}", path.display(), at + 1, line.trim()));
            }
        }
    }
    assert!(places.is_empty(), "colours outside tokens.css:\n{}", places.join("\n"));
}

#[test]
fn nothing_depends_on_this_checkout_s_surroundings() {
    let mut all = files("src", &["rs"]);
    all.extend(files("tests", &["rs", "ts", "js", "mjs", "py", "json"]));
    all.extend(files("assets", &["toml", "js", "css"]));
    all.extend(files("xtask", &["rs"]));
    all.retain(|(path, _)| !path.ends_with("tidy.rs"));
    forbid(&all, &["../shared", "/work/", "/root/", "artifactory"], "the project stands alone");
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let mut in_dependencies = false;
    let mut explained = false;
    let mut silent = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if line.is_empty() {
            explained = false;
        } else if in_dependencies && line.contains('=') && !line.starts_with(' ') && !explained {
            silent.push(line.to_owned());
        }
    }
    assert!(silent.is_empty(), "dependencies without a reason: {silent:?}");
}

#[test]
fn web_crates_are_optional() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let mut found = 0;
    for line in manifest.lines() {
        let name = line.split([' ', '=']).next().unwrap_or_default();
        let is_web = ["leptos", "wasm-bindgen", "wasm-bindgen-futures", "js-sys", "web-sys", "gloo"].contains(&name);
        if is_web && line.contains('=') {
            found += 1;
            // A table that goes on over several lines says so on one of the next; all of ours say it on the first.
            assert!(line.contains("optional = true") || !line.contains('}'), "{line}");
        }
    }
    assert!(found >= 6, "the list of web crates in this test is out of date");
}

#[test]
fn the_architecture_page_is_short_and_names_every_room() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    assert!(page.lines().count() <= 200, "{} lines", page.lines().count());
    for entry in fs::read_dir(root().join("src")).expect("src").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            assert!(page.contains(&format!("{name}/")), "ARCHITECTURE.md does not name src/{name}/");
        }
    }
}
