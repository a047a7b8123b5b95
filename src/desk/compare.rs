//! Up to four plans side by side, with what differs marked.

use super::form::Form;
use crate::{
    format::Package,
    markup::{Markup, panel, verdict_of},
    report::{controls::repair, page, view::View, words},
    scenario::{Scenario, url},
    texts::compare as text,
};

/// Most plans that are pinned.
pub const PINS_MAX: usize = 4;

/// A pinned plan: its link, and its view or why there is none.
struct Pinned {
    link: String,
    view: Result<View, String>,
    scenario: Scenario,
}

pub(super) fn draw(package: Option<&Package>, more: &str) -> String {
    let form = Form::read(more);
    let pins: Vec<Pinned> = form
        .all("c")
        .take(PINS_MAX)
        .map(|link| {
            let (mut scenario, _) = url::decode(link);
            repair(&mut scenario);
            let view = page::view(&scenario, package).map_err(|error| error.to_string());
            Pinned { link: link.to_owned(), view, scenario }
        })
        .collect();
    let mut m = Markup::new();
    panel(&mut m, "compare-panel", text::TITLE, text::NOTE, |m| {
        if pins.is_empty() {
            let pin = [("class", "button primary"), ("type", "button"), ("data-press", "pin")];
            m.say("p", &[], text::NONE);
            return m.say("button", &pin, text::PIN);
        }
        table(m, &pins);
    });
    m.done()
}

/// Rows of the table: a name, and what each plan says.
fn rows(pins: &[Pinned]) -> Vec<(String, Vec<String>)> {
    let of = |name: &str, say: &dyn Fn(&View, &Scenario) -> String| {
        let cells = pins.iter().map(|pin| pin.view.as_ref().map_or_else(Clone::clone, |view| say(view, &pin.scenario)));
        (name.to_owned(), cells.collect::<Vec<String>>())
    };
    let mut rows = vec![
        of(text::DEVICE, &|view, _| view.kicker.clone()),
        of(text::PICKED, &|view, _| view.picked_name.clone()),
        of(text::CONTEXT, &|_, scenario| text::tokens(&scenario.context.to_string(), &scenario.prompt.to_string())),
        of(text::VERDICT, &|view, _| [words::status(view.status), ": ", &view.sentence.because].concat()),
    ];
    let mut labels: Vec<&'static str> = Vec::new();
    for figure in pins.iter().filter_map(|pin| pin.view.as_ref().ok()).flat_map(|view| &view.figures) {
        if !labels.contains(&figure.label) {
            labels.push(figure.label);
        }
    }
    for label in labels {
        rows.push(of(label, &|view, _| {
            let own = view.figures.iter().find(|figure| figure.label == label);
            own.map_or_else(|| "–".to_owned(), |own| format!("{} ({})", own.value, own.range))
        }));
    }
    rows
}

fn table(m: &mut Markup, pins: &[Pinned]) {
    let region = [("class", "scroller"), ("tabindex", "0"), ("role", "region"), ("aria-label", text::TITLE)];
    m.put("div", &region, |m| {
        m.put("table", &[("class", "listing compared")], |m| {
            m.put("thead", &[], |m| {
                m.put("tr", &[], |m| {
                    m.say("th", &[("scope", "col")], text::PLAN);
                    pins.iter().enumerate().for_each(|(idx, pin)| head(m, idx, pin));
                });
            });
            m.put("tbody", &[], |m| {
                for (name, cells) in rows(pins) {
                    let differs = cells.iter().any(|cell| Some(cell) != cells.first());
                    m.put("tr", &[("class", if differs { "differs" } else { "" })], |m| {
                        m.put("th", &[("scope", "row")], |m| {
                            m.text(&name);
                            if differs {
                                m.say("span", &[("class", "unseen")], text::DIFFERS);
                            }
                        });
                        cells.iter().for_each(|cell| m.say("td", &[], cell));
                    });
                }
            });
        });
    });
}

fn head(m: &mut Markup, idx: usize, pin: &Pinned) {
    let status = pin.view.as_ref().map_or("unknown", |view| verdict_of(view.status));
    m.put("th", &[("scope", "col"), ("data-verdict", status)], |m| {
        let name = crate::report::controls::model_name(&pin.scenario.model);
        m.say("a", &[("href", &*["#", &pin.link].concat())], &name);
        let at = idx.to_string();
        let label = text::take_plan_out(&(idx + 1).to_string());
        let out =
            [("class", "why"), ("type", "button"), ("data-press", "unpin"), ("data-at", &*at), ("aria-label", &*label)];
        m.say("button", &out, text::TAKE_OUT);
    });
}
