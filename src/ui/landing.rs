//! Where every operation lands: opened on request, because the worker that knows is loaded for it.
//!
//! A strip along each function, a listing of operations with reasons, what is around one of them, recipes and what they
//! would change, and every chip at a glance. One listener for each kind of event serves all of it. Absent on purpose:
//! numbers and names of ours.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement, KeyboardEvent};

use super::{
    element::{Listener, add, around, button, clear, element, focus, listen, number_of, said, set, source},
    inspector::table,
    listing::Listing,
    masthead,
    region::{always, host},
    state::State,
    worker::Reader,
};
use crate::{
    report::inspection::{Heat, Landed, Near, PlanQuery, PlanReply, Query, Recipe, Reply, Tried},
    scenario::url,
};

/// Most stretches of a strip that are drawn; thinner ones nobody could press.
const STRETCHES: usize = 400;
const PRESSED: &str =
    "[data-from],[data-function],[data-unit-of],[data-row],[data-try],[data-copy],[data-every],[data-sort]";
const UNITS: [(&str, &str); 4] = [("", "All"), ("unit:ane", "Neural Engine"), ("unit:gpu", "GPU"), ("unit:cpu", "CPU")];

/// Shows the operations once they were asked for, and again when the plan changes.
pub(super) fn follow(state: State) {
    let Some(host) = host("operations") else { return };
    let title = said("h2", "", "Every operation");
    set(&title, "id", "landing");
    let note = said("p", "panel-note", "Which unit each operation is predicted on, why, and what would change it.");
    let ask = button("button", "Look at every operation", "data-look", "");
    let head = around("header", "panel-head", &[&around("div", "", &[&title, &note]), &ask]);
    let root = element("div", "", &[]);
    let section = around("section", "panel landing", &[&head, &root]);
    set(&section, "aria-labelledby", "landing");
    add(&host, &[&section]);
    let open = RwSignal::new(false);
    let opened = ask.clone();
    std::mem::forget(listen(
        &ask,
        "click",
        Box::new(move |_| {
            set(&opened, "hidden", "");
            open.set(true);
        }),
    ));
    let panel = RefCell::new(None::<Rc<Panel>>);
    always(Box::new(move || {
        state.settled.track();
        if !(open.get() && state.shows("operations")) {
            return;
        }
        let Some(reader) = state.desk() else { return };
        let link = state.scenario.with_untracked(url::encode);
        let same = panel.borrow().as_ref().filter(|panel| Rc::ptr_eq(&panel.reader, &reader)).cloned();
        let shown = same.unwrap_or_else(|| Panel::new(&root, reader));
        shown.ask(PlanQuery::Open(link));
        panel.replace(Some(shown));
    }));
}

struct Panel {
    reader: Rc<Reader>,
    stage: Element,
    listing: Rc<Listing>,
    landed: RefCell<Option<Landed>>,
    function: Cell<usize>,
    functions: Element,
    strip: Element,
    readout: Element,
    units: Element,
    search: Element,
    number: Element,
    near: Element,
    tried: RefCell<Option<Element>>,
    heat: Element,
    listeners: RefCell<Vec<Listener>>,
}

impl Panel {
    fn new(root: &Element, reader: Rc<Reader>) -> Rc<Self> {
        let field = |kind: &str, label: &str, hint: &str| {
            let attributes = [("type", kind), ("placeholder", hint), ("aria-label", label), ("autocomplete", "off")];
            element("input", "input", &attributes)
        };
        let panel = Rc::new(Self {
            stage: element("div", "package-in", &[("aria-busy", "true")]),
            listing: Listing::new(reader.clone()),
            reader,
            landed: RefCell::new(None),
            function: Cell::new(0),
            functions: element("div", "quick", &[("role", "group"), ("aria-label", "Function")]),
            strip: element("div", "lane", &[("role", "group"), ("aria-label", "Runs of operations on one unit")]),
            readout: element("p", "chart-readout", &[]),
            units: element("div", "quick", &[("role", "group"), ("aria-label", "Unit")]),
            search: field("search", "Search the operations", "Search names, kinds and reasons"),
            number: field("number", "Look around the operation of this number", "no."),
            near: element("div", "near", &[("aria-live", "polite")]),
            tried: RefCell::new(None),
            heat: element("div", "", &[("aria-live", "polite")]),
            listeners: RefCell::default(),
        });
        add(&panel.stage, &[&said("p", "hint", "Planning…")]);
        for name in ["click", "keydown", "input", "pointerover", "focusin"] {
            let own = Rc::downgrade(&panel);
            let act = move |event: Event| {
                if let Some(panel) = own.upgrade() {
                    panel.act(&event);
                }
            };
            panel.listeners.borrow_mut().push(listen(&panel.stage, name, Box::new(act)));
        }
        clear(root);
        add(root, &[&panel.stage]);
        panel
    }

    fn ask(self: &Rc<Self>, query: PlanQuery) {
        let own = Rc::downgrade(self);
        self.reader.ask(&Query::Plan(query), move |reply| {
            let Some(panel) = own.upgrade() else { return };
            match reply {
                Ok(Reply::Plan(PlanReply::Landed(landed))) => panel.begin(landed),
                Ok(Reply::Plan(PlanReply::Around(near))) => panel.surround(&near),
                Ok(Reply::Plan(PlanReply::Tried(tried))) => panel.show_tried(&tried),
                Ok(Reply::Plan(PlanReply::Heat(heat))) => panel.show_heat(&heat),
                Ok(_) => {}
                Err(what) => {
                    clear(&panel.stage);
                    let text = ["The plan could not be made: ", &what].concat();
                    add(&panel.stage, &[&said("p", "notice", &text)]);
                }
            }
        });
    }

    /// Draws a new plan.
    fn begin(self: &Rc<Self>, landed: Landed) {
        clear(&self.stage);
        set(&self.stage, "aria-busy", "false");
        add(&self.stage, &[&said("p", "hint", &landed.line)]);
        if !landed.loads {
            let text = "This system is too old to load the model: the plan is what a newer one would do.";
            add(&self.stage, &[&said("p", "notice", text)]);
        }
        clear(&self.functions);
        for (idx, function) in landed.functions.iter().enumerate() {
            add(&self.functions, &[&button("button", &function.name, "data-function", &idx.to_string())]);
        }
        if landed.functions.len() > 1 {
            add(&self.stage, &[&self.functions]);
        }
        clear(&self.units);
        for (value, name) in UNITS {
            add(&self.units, &[&button("button", name, "data-unit-of", value)]);
        }
        clear(&self.near);
        let tools = around("div", "rows-tools", &[&self.units, &self.search, &self.number]);
        add(&self.stage, &[&self.strip, &self.readout, &tools, &self.listing.root, &self.near]);
        if !landed.recipes.is_empty() {
            add(&self.stage, &[&said("h3", "", "What to do about it")]);
            for recipe in &landed.recipes {
                add(&self.stage, &[&described(recipe)]);
            }
        }
        clear(&self.heat);
        add(&self.heat, &[&button("button", "The same model on every chip", "data-every", "")]);
        add(&self.stage, &[&said("h3", "", "Other devices"), &self.heat]);
        let function = self.function.get().min(landed.functions.len().saturating_sub(1));
        *self.landed.borrow_mut() = Some(landed);
        self.choose(function);
    }

    /// Shows one function.
    fn choose(self: &Rc<Self>, idx: usize) {
        let landed = self.landed.borrow();
        let Some(function) = landed.as_ref().and_then(|landed| landed.functions.get(idx)) else {
            add(&self.stage, &[&said("p", "hint", "This model has no operations to place.")]);
            return;
        };
        self.function.set(idx);
        mark(&self.functions, "data-function", &idx.to_string());
        clear(&self.strip);
        add(&self.strip, &[&said("p", "", &function.line)]);
        for note in &function.notes {
            add(&self.strip, &[&said("p", "notice", note)]);
        }
        let svg = document().create_element_ns(Some("http://www.w3.org/2000/svg"), "svg");
        let Ok(svg) = svg else { return };
        let pictured = [("class", "strip lanes"), ("viewBox", "0 0 1000 28"), ("preserveAspectRatio", "none")];
        pictured.iter().for_each(|(name, value)| set(&svg, name, value));
        let mut at = 0;
        for stretch in function.strip.iter().take(STRETCHES) {
            let rect = document().create_element_ns(Some("http://www.w3.org/2000/svg"), "rect");
            let Ok(rect) = rect else { continue };
            let unit = if stretch.unit == "ane" { "ne" } else { &stretch.unit };
            let width = stretch.permille.max(2);
            let attributes = [
                ("class", ["bar tile unit-", unit].concat()),
                ("x", at.to_string()),
                ("y", "0".to_owned()),
                ("width", width.to_string()),
                ("height", "28".to_owned()),
                ("role", "button".to_owned()),
                ("tabindex", if at == 0 { "0" } else { "-1" }.to_owned()),
                ("aria-label", stretch.text.clone()),
                ("data-from", stretch.from.to_string()),
            ];
            attributes.iter().for_each(|(name, value)| set(&rect, name, value));
            at += width;
            add(&svg, &[&rect]);
        }
        set(&svg, "viewBox", &["0 0 ", &at.max(1000).to_string(), " 28"].concat());
        add(&self.strip, &[&svg]);
        self.readout.set_text_content(Some("Point at a stretch, or tab to it; press it to see its operations"));
        self.search.unchecked_ref::<HtmlInputElement>().set_value("");
        mark(&self.units, "data-unit-of", "");
        self.listing.show(function.head.clone());
    }

    fn act(self: &Rc<Self>, event: &Event) {
        match event.type_().as_str() {
            "click" => match source(event, PRESSED) {
                Some(pressed) => self.press(&pressed),
                None => {
                    let row = source(event, "tbody tr").and_then(|row| row.last_element_child());
                    let number = row.and_then(|cell| cell.text_content()).and_then(|text| count(&text));
                    if let Some(number) = number {
                        self.look_around(number.saturating_sub(1));
                    }
                }
            },
            "keydown" => self.key(event.unchecked_ref()),
            "input" => {
                let at = event.target().and_then(|target| target.dyn_into::<Element>().ok());
                if at.as_ref() == Some(&self.number) {
                    if let Some(number) = count(&self.number.unchecked_ref::<HtmlInputElement>().value()) {
                        self.look_around(number.saturating_sub(1));
                    }
                } else if at.as_ref() == Some(&self.search) {
                    self.find(&self.search.unchecked_ref::<HtmlInputElement>().value());
                }
            }
            _ => {
                if let Some(text) = source(event, ".tile").and_then(|tile| tile.get_attribute("aria-label")) {
                    self.readout.set_text_content(Some(&text));
                }
            }
        }
    }

    fn press(self: &Rc<Self>, pressed: &Element) {
        if let Some(from) = number_of(pressed, "data-from") {
            mark(&self.units, "data-unit-of", "");
            self.find("");
            self.listing.reveal(from);
            self.look_around(from);
        } else if let Some(function) = number_of(pressed, "data-function") {
            self.choose(function);
        } else if let Some(unit) = pressed.get_attribute("data-unit-of") {
            mark(&self.units, "data-unit-of", &unit);
            self.search.unchecked_ref::<HtmlInputElement>().set_value(&unit);
            self.find(&unit);
        } else if let Some(row) = number_of(pressed, "data-row") {
            self.look_around(row);
        } else if let Some(recipe) = pressed.get_attribute("data-try") {
            *self.tried.borrow_mut() = pressed.parent_element().and_then(|parent| parent.next_element_sibling());
            self.ask(PlanQuery::Try(recipe));
        } else if pressed.has_attribute("data-copy") {
            let code = pressed.parent_element().and_then(|parent| parent.previous_element_sibling());
            if let Some(text) = code.and_then(|code| code.text_content()) {
                let pressed = pressed.clone();
                wasm_bindgen_futures::spawn_local(async move {
                    let copied = masthead::copy(&text).await;
                    pressed.set_text_content(Some(if copied { "Copied" } else { "Select and copy it by hand" }));
                });
            }
        } else if pressed.has_attribute("data-every") {
            clear(&self.heat);
            add(&self.heat, &[&said("p", "hint", "Planning on every chip…")]);
            self.ask(PlanQuery::Compare);
        } else if let Some(column) = number_of(pressed, "data-sort")
            && let Some(head) = self.listing.sorted(column)
        {
            self.listing.show(head);
            self.listing.focus(column);
        }
    }

    /// Keys on the strip: arrows move along it, Enter and Space press a stretch.
    fn key(self: &Rc<Self>, event: &KeyboardEvent) {
        let Some(tile) = source(event, ".tile") else { return };
        let next = match event.key().as_str() {
            "ArrowRight" | "ArrowDown" => tile.next_element_sibling(),
            "ArrowLeft" | "ArrowUp" => tile.previous_element_sibling(),
            "Enter" | " " => {
                event.prevent_default();
                return self.press(&tile);
            }
            _ => return,
        };
        event.prevent_default();
        if let Some(next) = next {
            focus(&next);
        }
    }

    fn find(&self, text: &str) {
        let head = self
            .landed
            .borrow()
            .as_ref()
            .and_then(|landed| Some(landed.functions.get(self.function.get())?.head.clone()));
        if let Some(mut head) = head {
            if let Some(known) = self.listing.view() {
                (head.view.sort, head.view.order) = (known.sort, known.order);
            }
            text.clone_into(&mut head.view.search);
            self.listing.show(head);
        }
    }

    fn look_around(self: &Rc<Self>, row: usize) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.ask(PlanQuery::Around { function: number(self.function.get()), row: number(row) });
    }

    /// What is around one operation.
    fn surround(&self, near: &Near) {
        clear(&self.near);
        if near.title.is_empty() {
            return;
        }
        add(&self.near, &[&said("h3", "", &near.title), &said("p", "hint", &near.line)]);
        let reasons = element("ul", "reasons", &[]);
        for reason in &near.reasons {
            add(&reasons, &[&said("li", "", reason)]);
        }
        add(&self.near, &[&reasons]);
        for (title, rows) in [("Reads from", &near.reads), ("Read by", &near.read_by)] {
            let list = element("ul", "neighbours", &[]);
            for (row, name) in rows {
                add(&list, &[&around("li", "", &[&button("linklike", name, "data-row", &row.to_string())])]);
            }
            if rows.is_empty() {
                add(&list, &[&said("li", "hint", "nothing in this function")]);
            }
            add(&self.near, &[&around("div", "neighbour", &[&said("h4", "", title), &list])]);
        }
    }

    fn show_tried(&self, tried: &Result<Tried, String>) {
        let target = self.tried.borrow();
        let Some(target) = target.as_ref() else { return };
        clear(target);
        match tried {
            Ok(tried) => add(target, &[&said("p", "hint", &tried.line), &table(&tried.table, &tried.title)]),
            Err(why) => add(target, &[&said("p", "hint", why)]),
        }
    }

    fn show_heat(&self, heat: &Heat) {
        clear(&self.heat);
        let head = element("tr", "", &[]);
        add(&head, &[&heading("chip, system", "col")]);
        for units in &heat.head {
            add(&head, &[&heading(units, "col")]);
        }
        let body = element("tbody", "", &[]);
        for row in &heat.rows {
            let name = heading(&row.name, "row");
            set(&name, "title", &row.note);
            let line = around("tr", "", &[&name]);
            for cell in &row.cells {
                let shade = element("td", "num heat", &[("data-level", &cell.level.to_string())]);
                add(&shade, &[&said("span", "", &cell.text), &said("span", "hint", &cell.note)]);
                add(&line, &[&shade]);
            }
            add(&body, &[&line]);
        }
        let all = around("table", "listing heats", &[&around("thead", "", &[&head]), &body]);
        let region = [("tabindex", "0"), ("role", "region"), ("aria-label", "The model on every chip")];
        let scroller = element("div", "scroller", &region);
        add(&scroller, &[&all]);
        let words = "Speed, and how much of Core ML's own cost is on the Neural Engine. Predicted, not measured.";
        add(&self.heat, &[&said("p", "hint", words), &scroller]);
    }
}

fn heading(text: &str, scope: &str) -> Element {
    let cell = said("th", "", text);
    set(&cell, "scope", scope);
    cell
}

/// A recipe: what it does, what it costs, its code, and a button to try it.
fn described(recipe: &Recipe) -> Element {
    let title =
        around("summary", "", &[&said("b", "", &recipe.title), &said("span", "hint", &[" — ", &recipe.line].concat())]);
    let copy = button("button", "Copy", "data-copy", "");
    let buttons = around("div", "quick", &[&copy]);
    if recipe.can_try {
        add(&buttons, &[&button("button", "What would it change?", "data-try", &recipe.id)]);
    }
    let code = around("pre", "code", &[&said("code", "", &recipe.code)]);
    set(&code, "tabindex", "0");
    around(
        "details",
        "fold",
        &[&title, &said("p", "", &recipe.changes), &code, &buttons, &element("div", "", &[("aria-live", "polite")])],
    )
}

/// Marks the choice whose attribute has a value.
fn mark(choices: &Element, name: &str, value: &str) {
    let mut choice = choices.first_element_child();
    while let Some(own) = choice {
        let is_chosen = own.get_attribute(name).as_deref() == Some(value);
        set(&own, "aria-pressed", if is_chosen { "true" } else { "false" });
        choice = own.next_element_sibling();
    }
}

/// A whole number that may have spaces between its thousands.
fn count(text: &str) -> Option<usize> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}
