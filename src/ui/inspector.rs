//! What the open package holds; nothing while none is open.
//!
//! The worker keeps the package; this panel asks it and draws what comes back. One listener for each kind of event serves
//! the whole panel: what a press does is an attribute of what was pressed. Absent on purpose: numbers and names of ours.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement, KeyboardEvent};

use super::{
    element::{Listener, add, around, button, clear, draw, element, focus, listen, number_of, said, save, set, source},
    listing::Listing,
    region::{always, host},
    state::State,
    worker::Reader,
};
use crate::{
    chart::Table,
    report::inspection::{Export, ListingHead, Picture, Query, Reply, SplitBy, Summary},
};

/// Kinds of operations that are shown at once; the rest is in the listing.
const KINDS: usize = 12;
/// Place of the operations among the listings, and of the weights.
const OPS: usize = 1;
const WEIGHTS: usize = 0;
const SPLITS: [(SplitBy, &str); 3] =
    [(SplitBy::Layer, "By layer"), (SplitBy::Role, "By role"), (SplitBy::Encoding, "By encoding")];
/// Everything that answers to a press.
const PRESSED: &str = "[data-at],[data-find],[data-split],[data-list],[data-sort],[data-kind],[data-save]";

/// Shows what is open, and again when something else is.
pub(super) fn follow(state: State) {
    let Some(host) = host("package") else { return };
    let root = element("section", "panel package", &[("aria-label", "The open package")]);
    add(&host, &[&root]);
    let panel = RefCell::new(None::<Rc<Panel>>);
    always(Box::new(move || {
        let reader = state.package.with(Option::is_some).then(|| state.reader.get_value()).flatten();
        let _ = root.toggle_attribute_with_force("hidden", reader.is_none());
        if let Some(reader) = reader {
            panel.replace(Some(Panel::open(&root, reader)));
        }
    }));
}

/// The panel of one package.
struct Panel {
    reader: Rc<Reader>,
    stage: Element,
    listing: Rc<Listing>,
    heads: RefCell<Vec<ListingHead>>,
    listed: Cell<usize>,
    split: Cell<SplitBy>,
    /// The parts that are drawn again.
    splits: Element,
    trail: Element,
    picture: Element,
    readout: Element,
    under: Element,
    lists: Element,
    search: Element,
    listeners: RefCell<Vec<Listener>>,
}

impl Panel {
    fn open(root: &Element, reader: Rc<Reader>) -> Rc<Self> {
        let search = element(
            "input",
            "input",
            &[
                ("type", "search"),
                ("placeholder", "Search names, kinds and encodings"),
                ("aria-label", "Search the package"),
                ("autocomplete", "off"),
                ("spellcheck", "false"),
            ],
        );
        let panel = Rc::new(Self {
            stage: element("div", "package-in", &[("aria-busy", "true")]),
            listing: Listing::new(reader.clone()),
            reader,
            heads: RefCell::default(),
            listed: Cell::new(WEIGHTS),
            split: Cell::new(SplitBy::Layer),
            splits: element("div", "quick", &[("role", "group"), ("aria-label", "What makes a part")]),
            trail: element("nav", "trail", &[("aria-label", "Part of the package")]),
            picture: element("div", "chart-stage", &[]),
            readout: element("p", "chart-readout", &[]),
            under: element("div", "", &[]),
            lists: element("div", "quick", &[("role", "group"), ("aria-label", "What is listed")]),
            search,
            listeners: RefCell::default(),
        });
        add(&panel.stage, &[&said("p", "hint", "Looking into the package…")]);
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
        panel.ask(Query::Summary);
        panel
    }

    fn ask(self: &Rc<Self>, query: Query) {
        let own = Rc::downgrade(self);
        self.reader.ask(&query, move |reply| {
            let Some(panel) = own.upgrade() else { return };
            match reply {
                Ok(Reply::Summary(summary)) => panel.begin(&summary),
                Ok(Reply::Picture(picture)) => panel.paint(&picture),
                Ok(Reply::Matches(counts)) => panel.count(&counts),
                Ok(Reply::File(file)) => save(&file.name, &file.media_type, &file.text),
                Ok(Reply::Rows(_) | Reply::Plan(_)) => {}
                Err(what) => {
                    let text = ["The package could not be inspected: ", &what].concat();
                    add(&panel.stage, &[&said("p", "notice", &text)]);
                }
            }
        });
    }

    /// Draws what stays as long as the package is open.
    fn begin(self: &Rc<Self>, summary: &Summary) {
        let title = around("div", "", &[&said("h2", "", &summary.name), &said("p", "panel-note", &summary.line)]);
        let save = button("button", "Save as JSON", "data-save", "json");
        let head = around("header", "panel-head", &[&title, &around("div", "panel-tools", &[&save])]);
        let facts = element("dl", "facts", &[]);
        for fact in &summary.facts {
            let parts = [said("dt", "", &fact.name), said("dd", "", &fact.value), said("dd", "hint", &fact.note)];
            add(&facts, &[&around("div", "", &[&parts[0], &parts[1], &parts[2]])]);
        }
        clear(&self.stage);
        set(&self.stage, "aria-busy", "false");
        add(&self.stage, &[&head, &facts]);
        if !summary.warnings.is_empty() {
            let list = element("ul", "", &[]);
            for warning in &summary.warnings {
                add(&list, &[&said("li", "", warning)]);
            }
            let notice = around("div", "notice", &[&list]);
            set(&notice, "data-kind", "warn");
            add(&self.stage, &[&notice]);
        }
        for (idx, (_, name)) in SPLITS.iter().enumerate() {
            add(&self.splits, &[&button("button", name, "data-split", &idx.to_string())]);
        }
        let figure = around("figure", "chart-figure", &[&self.trail, &self.picture, &self.readout, &self.under]);
        add(&self.stage, &[&said("h3", "", "Where the bytes are"), &self.splits, &figure]);
        let kinds = around("div", "", &[&said("h3", "", "Operations by kind"), &kinds(summary)]);
        let interface = match summary.interface.rows.is_empty() {
            true => said("p", "hint", "The specification declares no inputs and no outputs."),
            false => table(&summary.interface, "Interface"),
        };
        let interface = around("div", "", &[&said("h3", "", "Interface"), &interface]);
        add(&self.stage, &[&around("div", "package-pair", &[&kinds, &interface])]);
        for (idx, head) in summary.listings.iter().enumerate() {
            let choice = button("button", &head.title, "data-list", &idx.to_string());
            add(&choice, &[&said("span", "hint", &head.count)]);
            add(&self.lists, &[&choice]);
        }
        let save = button("button", "Save as CSV", "data-save", "csv");
        let tools = around("div", "rows-tools", &[&self.lists, &self.search, &save]);
        add(&self.stage, &[&said("h3", "", "Everything in it"), &tools, &self.listing.root]);
        *self.heads.borrow_mut() = summary.listings.clone();
        self.list(WEIGHTS);
        self.look(String::new());
    }

    fn act(self: &Rc<Self>, event: &Event) {
        match event.type_().as_str() {
            "click" => {
                if let Some(pressed) = source(event, PRESSED) {
                    self.press(&pressed);
                }
            }
            "keydown" => self.key(event.unchecked_ref()),
            "input" => self.find(&self.search.unchecked_ref::<HtmlInputElement>().value()),
            _ => {
                let tile = source(event, ".tile").and_then(|tile| tile.get_attribute("aria-label"));
                if tile.is_some() {
                    self.readout.set_text_content(tile.as_deref());
                }
            }
        }
    }

    fn press(self: &Rc<Self>, pressed: &Element) {
        if let Some(at) = pressed.get_attribute("data-at") {
            self.look(at);
        } else if let Some(name) = pressed.get_attribute("data-find") {
            self.search_in(WEIGHTS, &name);
        } else if let Some(name) = pressed.get_attribute("data-kind") {
            self.search_in(OPS, &name);
        } else if let Some((split, _)) = number_of(pressed, "data-split").and_then(|idx| SPLITS.get(idx)) {
            self.split.set(*split);
            self.look(String::new());
        } else if let Some(list) = number_of(pressed, "data-list") {
            self.list(list);
        } else if let Some(column) = number_of(pressed, "data-sort") {
            if let Some(head) = self.listing.sorted(column) {
                if let Some(own) = self.heads.borrow_mut().get_mut(self.listed.get()) {
                    own.view = head.view.clone();
                }
                self.listing.show(head);
                self.listing.focus(column);
            }
        } else if let Some(form) = pressed.get_attribute("data-save") {
            let view = self.listing.view().filter(|_| form == "csv");
            self.ask(Query::Export(view.map_or(Export::Document, Export::Csv)));
        }
    }

    /// Keys on a tile: arrows move between tiles, Enter and Space press one.
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

    /// Asks for the picture of a part.
    fn look(self: &Rc<Self>, at: String) {
        let width = u32::try_from(self.picture.client_width()).unwrap_or(0);
        self.ask(Query::Treemap { by: self.split.get(), at, width });
    }

    fn paint(&self, drawn: &Picture) {
        // Whoever works by keyboard goes on in the new picture.
        let was_inside =
            [&self.picture, &self.trail].iter().any(|part| part.contains(document().active_element().as_deref()));
        draw(&self.picture, &drawn.svg);
        self.readout.set_text_content(Some("Point at a part, or tab to it, to read its size; press it to look inside"));
        clear(&self.trail);
        for (idx, (name, at)) in drawn.trail.iter().enumerate() {
            let is_last = idx + 1 == drawn.trail.len();
            let step = if is_last { said("b", "", name) } else { button("linklike", name, "data-at", at) };
            add(&self.trail, &[&step]);
        }
        clear(&self.under);
        let legend = element("ul", "legend", &[]);
        for (ink, name) in &drawn.keys {
            let entry = around("li", "", &[&element("span", &["swatch ", ink.class()].concat(), &[])]);
            add(&entry, &[&said("span", "", name)]);
            add(&legend, &[&entry]);
        }
        let data = around("details", "data", &[&said("summary", "", "Show as a table")]);
        add(&data, &[&table(&drawn.table, "Where the bytes are")]);
        add(&self.under, &[&legend, &data]);
        mark(&self.splits, SPLITS.iter().position(|(split, _)| *split == self.split.get()));
        if was_inside && let Some(first) = self.picture.query_selector(".tile").ok().flatten() {
            focus(&first);
        }
    }

    fn list(self: &Rc<Self>, list: usize) {
        let Some(mut head) = self.heads.borrow().get(list).cloned() else { return };
        head.view.search = self.search.unchecked_ref::<HtmlInputElement>().value();
        self.listed.set(list);
        mark(&self.lists, Some(list));
        self.listing.show(head);
    }

    fn find(self: &Rc<Self>, text: &str) {
        self.list(self.listed.get());
        self.ask(Query::Matches(text.to_owned()));
    }

    fn search_in(self: &Rc<Self>, list: usize, text: &str) {
        self.search.unchecked_ref::<HtmlInputElement>().set_value(text);
        self.listed.set(list);
        self.find(text);
        focus(&self.search);
    }

    /// Says beside each listing how many of its rows match.
    fn count(&self, counts: &[String]) {
        let mut choice = self.lists.first_element_child();
        for count in counts {
            let Some(own) = choice else { return };
            if let Some(text) = own.last_element_child() {
                text.set_text_content(Some(count));
            }
            choice = own.next_element_sibling();
        }
    }
}

/// Marks the choice that holds.
fn mark(choices: &Element, chosen: Option<usize>) {
    let mut choice = choices.first_element_child();
    let mut idx = 0;
    while let Some(own) = choice {
        set(&own, "aria-pressed", if Some(idx) == chosen { "true" } else { "false" });
        choice = own.next_element_sibling();
        idx += 1;
    }
}

/// A bar for each of the most frequent kinds.
fn kinds(summary: &Summary) -> Element {
    let list = element("ul", "bars", &[]);
    for kind in summary.kinds.iter().take(KINDS) {
        let bar =
            element("meter", "", &[("max", "1000"), ("value", &kind.permille.to_string()), ("aria-hidden", "true")]);
        let name = button("linklike", &kind.name, "data-kind", &kind.name);
        add(&list, &[&around("li", "", &[&name, &bar, &said("span", "num", &kind.count)])]);
    }
    if summary.kinds.is_empty() {
        let empty = summary.listings.get(OPS).map_or("", |head| head.empty.as_str());
        return said("p", "hint", empty);
    }
    list
}

/// A short table.
pub(super) fn table(table: &Table, name: &str) -> Element {
    let row = |tag: &str, cells: &[String]| {
        let row = element("tr", "", &[]);
        for (idx, text) in cells.iter().enumerate() {
            let cell = said(if idx == 0 { "th" } else { tag }, "", text);
            match (tag, idx) {
                ("th", _) => set(&cell, "scope", "col"),
                (_, 0) => set(&cell, "scope", "row"),
                _ => {}
            }
            add(&row, &[&cell]);
        }
        row
    };
    let head = around("thead", "", &[&row("th", &table.head)]);
    let body = element("tbody", "", &[]);
    for cells in &table.rows {
        add(&body, &[&row("td", cells)]);
    }
    let scroller = element("div", "scroller", &[("tabindex", "0"), ("role", "region"), ("aria-label", name)]);
    add(&scroller, &[&around("table", "listing", &[&head, &body])]);
    scroller
}
