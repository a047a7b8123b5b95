//! What stands as long as the page is open: the head, the places of controls and panels, the foot.
//!
//! A place is an element of class `region` that is not laid out itself; `ui` fills it, and fills it again.

use super::{Icon, Markup, icon, truth, when};
use crate::texts::shell;

/// A part of the page below the matrix; one is shown at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Its name in links.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
}

/// The parts, in order; the first is shown at the start.
pub const TABS: [Tab; 9] = [
    Tab { id: "memory", title: shell::TAB_MEMORY },
    Tab { id: "speed", title: shell::TAB_SPEED },
    Tab { id: "where", title: shell::TAB_WHERE },
    Tab { id: "package", title: shell::TAB_PACKAGE },
    Tab { id: "find", title: shell::TAB_FIND },
    Tab { id: "compare", title: shell::TAB_COMPARE },
    Tab { id: "take", title: shell::TAB_TAKE },
    Tab { id: "accuracy", title: shell::TAB_ACCURACY },
    Tab { id: "known", title: shell::TAB_KNOWN },
];

/// The place of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// What an embedding page calls the panel.
    pub panel: &'static str,
    /// The part of the page that it belongs to; none for what always stands there.
    pub tab: Option<&'static str>,
}

const fn region(panel: &'static str, tab: &'static str) -> Region {
    Region { panel, tab: Some(tab) }
}

/// Every place of a panel, in order.
pub const REGIONS: [Region; 24] = [
    Region { panel: "lesson", tab: None },
    Region { panel: "verdict", tab: None },
    Region { panel: "figures", tab: None },
    Region { panel: "matrix", tab: None },
    Region { panel: "tabs", tab: None },
    region("limits", "memory"),
    region("memory", "memory"),
    region("variants", "speed"),
    region("frontier", "speed"),
    region("start", "speed"),
    region("context", "speed"),
    region("roofline", "speed"),
    region("placement", "where"),
    region("operations", "where"),
    region("pair", "where"),
    region("evidence", "where"),
    region("package", "package"),
    region("find", "find"),
    region("compare", "compare"),
    region("take", "take"),
    region("accuracy", "accuracy"),
    region("measured", "accuracy"),
    region("known", "known"),
    region("words", "known"),
];

/// The panels that the worker draws, whatever the model is.
pub const DRAWN_BY_WORKER: [&str; 17] = [
    "lesson",
    "memory",
    "variants",
    "frontier",
    "start",
    "context",
    "roofline",
    "placement",
    "pair",
    "evidence",
    "find",
    "compare",
    "take",
    "accuracy",
    "measured",
    "known",
    "words",
];

/// The whole page around its panels; `theme` is the chosen one.
#[must_use]
pub fn shell(theme: &str) -> String {
    let mut m = Markup::new();
    icon::sprites(&mut m);
    m.say("a", &[("class", "skip"), ("href", "#answers"), ("data-press", "skip")], shell::SKIP);
    m.put("header", &[("class", "masthead")], |m| masthead(m, theme));
    m.put("div", &[("class", "workbench")], |m| {
        m.put("aside", &[("class", "rail"), ("aria-label", shell::CONTROLS)], |m| {
            place(m, "summary", &[]);
            m.put("div", &[("class", "rail-body"), ("id", "controls")], |m| {
                for control in ["model", "device", "workload"] {
                    place(m, control, &[("data-control", control)]);
                }
            });
        });
        m.put("main", &[("class", "answers"), ("id", "answers"), ("tabindex", "-1")], |m| {
            place(m, "notes", &[]);
            let spoken = [("class", "unseen"), ("role", "status"), ("aria-live", "polite"), ("id", "spoken")];
            m.say("p", &spoken, "");
            place(m, "empty", &[]);
            m.put("div", &[("class", "answers"), ("id", "plan")], |m| {
                for region in REGIONS {
                    place(m, region.panel, &[("data-panel", region.panel)]);
                    if region.panel == "tabs" {
                        // As wide as a picture may be; when it comes near the screen, the pictures below it are asked for.
                        m.say("div", &[("class", "measure"), ("id", "measure")], "");
                    }
                }
            });
        });
    });
    foot(&mut m);
    m.say("dialog", &[("class", "sheet"), ("id", "sheet"), ("aria-labelledby", "why"), ("data-press", "backdrop")], "");
    m.done()
}

fn place(m: &mut Markup, name: &str, more: &[(&str, &str)]) {
    let id = ["r-", name].concat();
    let mut attributes = vec![("class", "region"), ("id", &*id)];
    attributes.extend_from_slice(more);
    m.say("div", &attributes, "");
}

fn masthead(m: &mut Markup, theme: &str) {
    m.say("span", &[("class", "masthead-name")], shell::NAME);
    m.say("span", &[("class", "masthead-purpose")], shell::PURPOSE);
    m.put("div", &[("class", "masthead-actions")], |m| {
        m.say("div", &[("class", "share"), ("aria-live", "polite"), ("id", "r-shared")], "");
        m.say("label", &[("class", "unseen"), ("for", "theme")], shell::COLOURS);
        m.put("select", &[("class", "select compact"), ("id", "theme"), ("data-change", "theme")], |m| {
            let names = [shell::COLOURS_AUTO, shell::COLOURS_LIGHT, shell::COLOURS_DARK];
            for (value, name) in ["auto", "light", "dark"].into_iter().zip(names) {
                m.say("option", &[("value", value), ("selected", when(theme == value))], name);
            }
        });
        let share = [("class", "button"), ("type", "button"), ("title", shell::SHARE_TITLE), ("data-press", "share")];
        m.put("button", &share, |m| {
            m.icon(Icon::Share);
            m.text(shell::SHARE);
        });
    });
}

fn foot(m: &mut Markup) {
    m.put("footer", &[("class", "pagefoot")], |m| {
        m.say("p", &[], shell::FOOT);
        m.say("p", &[], &shell::foot_version(env!("CARGO_PKG_VERSION")));
    });
}

/// What became of the link to share: nothing, copied, or shown because the clipboard refused.
#[must_use]
pub fn shared(copied: bool, address: &str) -> String {
    let mut m = Markup::new();
    if copied {
        m.say("output", &[("class", "said")], shell::SHARE_DONE);
    } else if !address.is_empty() {
        let attributes = [
            ("class", "input"),
            ("readonly", ""),
            ("aria-label", shell::SHARE_LINK),
            ("value", address),
            ("data-all", ""),
        ];
        m.void("input", &attributes);
    }
    m.done()
}

/// The bar that opens the controls on a narrow page.
#[must_use]
pub fn summary(text: &str, is_open: bool) -> String {
    let mut m = Markup::new();
    let attributes = [
        ("class", "rail-toggle"),
        ("type", "button"),
        ("aria-controls", "controls"),
        ("aria-expanded", truth(is_open)),
        ("data-press", "rail"),
    ];
    m.put("button", &attributes, |m| {
        m.say("span", &[("class", "rail-toggle-text")], text);
        m.say(
            "span",
            &[("class", "rail-toggle-word")],
            if is_open { shell::CONTROLS_CLOSE } else { shell::CONTROLS_OPEN },
        );
    });
    m.done()
}

/// The choice between the parts of the page.
#[must_use]
pub fn tabs(current: &str, has_package: bool, n_pins: usize) -> String {
    let mut m = Markup::new();
    m.put("nav", &[("class", "tabs"), ("aria-label", shell::TABS)], |m| {
        for tab in TABS.iter().filter(|tab| has_package || tab.id != "package") {
            let attributes = [
                ("class", "tab"),
                ("type", "button"),
                ("data-press", "tab"),
                ("data-id", tab.id),
                ("aria-current", truth(tab.id == current)),
            ];
            m.put("button", &attributes, |m| {
                m.text(tab.title);
                if tab.id == "compare" && n_pins > 0 {
                    m.say("span", &[("class", "count")], &n_pins.to_string());
                }
            });
        }
    });
    m.done()
}
