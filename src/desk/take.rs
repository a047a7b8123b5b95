//! What a person takes away: the scripts of the plan, its figures as CSV, JSON and Markdown, and how to cite it.

use std::fmt::Write;

use crate::{
    format::Package,
    markup::{Markup, panel},
    report::{
        answer, plan,
        takeaway::{self, Plan, TextFile},
        view::View,
    },
    scenario::Scenario,
    texts::{desk::NO_CELL, shell, take as text},
};

/// `address` is where the page is served; a link without one leads to the page that it stands in.
pub(super) fn draw(
    scenario: &Scenario,
    package: Option<&Package>,
    view: &View,
    address: &str,
) -> Result<String, String> {
    let say = |error: answer::Unanswerable| error.to_string();
    let chosen = answer::choose(scenario, package).map_err(say)?;
    let machine = answer::machine(scenario).map_err(say)?;
    let pick = view.pick().ok_or(NO_CELL)?;
    let planned = Plan { scenario, machine: &machine, model: &chosen.model, preset: chosen.preset, pick, address };
    let scripts = takeaway::files(&planned);
    let link = planned.link();
    let mut answered = answer::answer(&chosen, &machine, scenario);
    let document = plan::document(scenario, &machine, &answered, &[]);
    let json = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
    answered.keep(|cell| cell.variant == pick.variant);
    let of = |name, language, purpose: &str, text| TextFile { name, language, purpose: purpose.to_owned(), text };
    let figures = [
        of("plan.md", "markdown", text::MARKDOWN, markdown(view, &link)),
        of("matrix.csv", "csv", text::MATRIX, csv(view)),
        of("plan.json", "json", text::DOCUMENT, json),
        of("citation.txt", "text", text::CITATION, citation(view, &link)),
    ];
    let mut m = Markup::new();
    panel(&mut m, "take-panel", text::TITLE, text::NOTE, |m| {
        m.put("p", &[], |m| {
            m.text(text::LINK);
            m.say("a", &[("href", &link)], &link);
        });
        for (idx, own) in scripts.iter().chain(&figures).enumerate() {
            file(m, own, idx == 0);
        }
    });
    Ok(m.done())
}

fn file(m: &mut Markup, file: &TextFile, is_open: bool) {
    let id = ["take-", &file.name.replace('.', "-")].concat();
    let open = crate::markup::when(is_open);
    m.put("details", &[("class", "fold"), ("open", open)], |m| {
        m.put("summary", &[], |m| {
            m.say("b", &[], file.name);
            m.say("span", &[("class", "hint")], &[" — ", &file.purpose].concat());
        });
        m.put("pre", &[("class", "code"), ("tabindex", "0"), ("data-language", file.language)], |m| {
            m.say("code", &[("id", &id)], &file.text);
        });
        m.put("div", &[("class", "quick")], |m| {
            for (does, word) in [("copy", text::COPY), ("save", text::SAVE)] {
                let label = [word, " ", file.name].concat();
                let attributes = [
                    ("class", "button"),
                    ("type", "button"),
                    ("data-press", does),
                    ("data-of", &*id),
                    ("data-name", file.name),
                    ("aria-label", &*label),
                ];
                m.say("button", &attributes, word);
            }
        });
    });
}

fn markdown(view: &View, link: &str) -> String {
    let mut out =
        format!("**{}**\n\n{}\n\n| | | range | basis |\n| --- | --- | --- | --- |\n", view.sentence, view.kicker);
    for own in &view.figures {
        let _ = writeln!(out, "| {} | {} | {} | {} |", own.label, own.value, own.range, own.basis);
    }
    out.push('\n');
    for line in &view.verdicts {
        let _ = writeln!(out, "- {}: {}", line.label, line.text);
    }
    let _ = write!(out, "\n{}\n", text::predicted_by(env!("CARGO_PKG_VERSION"), link));
    out
}

/// A cell of a table of comma-separated values.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { ["\"", &text.replace('"', "\"\""), "\""].concat() } else { text.to_owned() }
}

fn csv(view: &View) -> String {
    let mut out = "variant,units,verdict,bundle,memory,speed,range\n".to_owned();
    for row in view.matrix.iter().flat_map(|group| &group.rows) {
        for cell in &row.cells {
            let cells = [
                row.label.as_str(),
                cell.pick.units.id(),
                crate::report::words::status(cell.status),
                &row.bundle,
                &cell.memory,
                &cell.speed,
                &cell.speed_range,
            ];
            let line: Vec<String> = cells.into_iter().map(quoted).collect();
            let _ = writeln!(out, "{}", line.join(","));
        }
    }
    out
}

fn citation(view: &View, link: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let cite = text::cite(version, &view.kicker, &view.sentence.to_string(), link);
    format!(
        "{cite}\n\n@misc{{coremlplanner,\n  title = {{{}: {}}},\n  note = {{version {version}, plan {link}}}\n}}\n",
        shell::NAME,
        view.picked_name
    )
}
