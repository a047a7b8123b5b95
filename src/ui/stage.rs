//! The two panels that a person digs in: the open package, and where every operation of the plan lands.
//!
//! The worker draws them (`desk::stage`); here a press becomes a question, and an answer goes into its place. What a press
//! does is an attribute of what was pressed. Absent on purpose: numbers, names and sentences of ours, but for what is said
//! while one waits.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement, KeyboardEvent};

use super::{
    element::{Listener, add, button, element, focus, listen, number_of, said, save, set, source},
    listing::Listing,
    patch::patch,
    region::{always, host},
    state::State,
    worker::Reader,
};
use crate::{
    desk::Drawn,
    report::inspection::{Export, ListingHead, PlanQuery, Query, SplitBy},
    scenario::url,
    texts::page,
};

/// Place of the operations among the listings of a package, and of the weights.
const OPS: usize = 1;
const WEIGHTS: usize = 0;
/// The part that has the picture of bytes.
const PICTURE: &str = "picture";
/// Everything that answers to a press.
const PRESSED: &str = "[data-at],[data-find],[data-split],[data-list],[data-sort],[data-kind],[data-save],[data-from],\
                       [data-unit-of],[data-row],[data-try],[data-every]";

/// Shows the package that is open; nothing while none is.
pub(super) fn package(state: State) {
    let Some(host) = host("package") else { return };
    let root = element("section", "panel package", &[("aria-label", page::PACKAGE)]);
    add(&host, &[&root]);
    let shown = Rc::new(RefCell::new(None::<Rc<Stage>>));
    let last = shown.clone();
    always(Box::new(move || {
        let reader = state.package.with(Option::is_some).then(|| state.reader.get_value()).flatten();
        let _ = root.toggle_attribute_with_force("hidden", reader.is_none());
        if let Some(reader) = reader {
            let stage = Stage::new(&root, reader, About::Package);
            stage.ask(Query::Summary, Where::Whole);
            shown.replace(Some(stage));
        }
    }));
    always(Box::new(move || {
        state.width.track();
        state.tab.track();
        if let Some(stage) = last.borrow().as_ref() {
            stage.look_again();
        }
    }));
}

/// Shows the operations once they were asked for, and again when the plan changes.
pub(super) fn operations(state: State) {
    let Some(host) = host("operations") else { return };
    let section = element("section", "panel landing", &[("aria-labelledby", "landing")]);
    let head = element("header", "panel-head", &[]);
    let words = element("div", "", &[]);
    let title = said("h2", "", page::OPERATIONS);
    set(&title, "id", "landing");
    add(&words, &[&title, &said("p", "panel-note", page::OPERATIONS_NOTE)]);
    let ask = button("button", page::OPERATIONS_LOOK, "data-look", "");
    let root = element("div", "", &[]);
    add(&head, &[&words, &ask]);
    add(&section, &[&head, &root]);
    add(&host, &[&section]);
    let open = RwSignal::new(false);
    let opened = ask.clone();
    let look = move |_| {
        set(&opened, "hidden", "");
        open.set(true);
    };
    std::mem::forget(listen(&ask, "click", Box::new(look)));
    let shown = RefCell::new(None::<Rc<Stage>>);
    always(Box::new(move || {
        state.settled.track();
        if !(open.get() && state.shows("operations")) {
            return;
        }
        let Some(reader) = state.desk() else { return };
        let link = state.scenario.with_untracked(url::encode);
        let same = shown.borrow().as_ref().filter(|stage| Rc::ptr_eq(&stage.reader, &reader)).cloned();
        let stage = same.unwrap_or_else(|| Stage::new(&root, reader, About::Plan));
        stage.ask(Query::Plan(PlanQuery::Open(link)), Where::Whole);
        shown.replace(Some(stage));
    }));
}

/// What a stage shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Package,
    Plan,
}

/// Where an answer goes.
enum Where {
    /// It is the whole stage, or nothing that has a place.
    Whole,
    /// Into a part.
    Part(&'static str),
    /// Into an element that is not named.
    Here(Element),
}

struct Stage {
    reader: Rc<Reader>,
    about: About,
    root: Element,
    listing: Rc<Listing>,
    heads: RefCell<Vec<ListingHead>>,
    strips: RefCell<Vec<String>>,
    listed: Cell<usize>,
    split: Cell<SplitBy>,
    /// The part of the package that the picture of bytes shows.
    at: RefCell<String>,
    /// How wide that picture was asked for, and whether it is still waited for.
    drawn_for: Cell<(u32, bool)>,
    listeners: RefCell<Vec<Listener>>,
}

impl Stage {
    fn new(host: &Element, reader: Rc<Reader>, about: About) -> Rc<Self> {
        let stage = Rc::new(Self {
            root: element("div", "package-in", &[("aria-busy", "true")]),
            listing: Listing::new(reader.clone()),
            reader,
            about,
            heads: RefCell::default(),
            strips: RefCell::default(),
            listed: Cell::new(WEIGHTS),
            split: Cell::new(SplitBy::Layer),
            at: RefCell::default(),
            drawn_for: Cell::default(),
            listeners: RefCell::default(),
        });
        add(&stage.root, &[&said("p", "hint", page::LOOKING)]);
        for name in ["click", "keydown", "input", "pointerover", "focusin"] {
            let own = Rc::downgrade(&stage);
            let act = move |event: Event| {
                if let Some(stage) = own.upgrade() {
                    stage.act(&event);
                }
            };
            stage.listeners.borrow_mut().push(listen(&stage.root, name, Box::new(act)));
        }
        host.set_text_content(None);
        add(host, &[&stage.root]);
        stage
    }

    /// What the markup calls by a name.
    fn part(&self, name: &str) -> Option<Element> {
        self.root.query_selector(&["[data-part=", name, "]"].concat()).ok().flatten()
    }

    fn field(&self, name: &str) -> Option<HtmlInputElement> {
        self.part(name)?.dyn_into().ok()
    }

    fn ask(self: &Rc<Self>, query: Query, into: Where) {
        let own = Rc::downgrade(self);
        self.reader.ask(&query, move |answer| {
            if let Some(stage) = own.upgrade() {
                stage.take(answer, into);
            }
        });
    }

    fn take(self: &Rc<Self>, answer: Result<Drawn, String>, into: Where) {
        match answer {
            Ok(Drawn::Stage { markup, heads, strips }) => self.begin(&markup, heads, strips),
            Ok(Drawn::Part(markup)) => {
                let is_picture = matches!(into, Where::Part(PICTURE));
                let place = match into {
                    Where::Whole => None,
                    Where::Part(name) => self.part(name),
                    Where::Here(place) => Some(place),
                };
                if let Some(place) = place {
                    fill(&place, &markup);
                }
                if is_picture {
                    self.drawn_for.set((self.drawn_for.get().0, false));
                    self.look_again();
                }
            }
            Ok(Drawn::Counts(counts)) => self.count(&counts),
            Ok(Drawn::File(file)) => save(&file.name, &file.media_type, &file.text),
            Ok(Drawn::Rows(_)) => {}
            Err(what) => {
                self.root.set_text_content(None);
                add(&self.root, &[&said("p", "notice", &what)]);
            }
        }
    }

    fn begin(self: &Rc<Self>, markup: &str, heads: Vec<ListingHead>, strips: Vec<String>) {
        patch(&self.root, markup);
        set(&self.root, "aria-busy", "false");
        if let Some(place) = self.part("rows") {
            add(&place, &[&self.listing.root]);
        }
        let last = heads.len().saturating_sub(1);
        *self.heads.borrow_mut() = heads;
        *self.strips.borrow_mut() = strips;
        self.list(self.listed.get().min(last));
        if self.about == About::Package {
            self.look(String::new());
        }
    }

    fn act(self: &Rc<Self>, event: &Event) {
        match event.type_().as_str() {
            "click" => match source(event, PRESSED) {
                Some(pressed) => self.press(&pressed),
                None if self.about == About::Plan => {
                    // The last cell of an operation's row is its number.
                    let cell = source(event, "tbody tr").and_then(|row| row.last_element_child());
                    self.look_around_no(cell.and_then(|cell| cell.text_content()).as_deref());
                }
                None => {}
            },
            "keydown" => self.key(event.unchecked_ref()),
            "input" => {
                let Some(field) = source(event, "[data-part]") else { return };
                let text = field.unchecked_ref::<HtmlInputElement>().value();
                match field.get_attribute("data-part").as_deref() {
                    Some("search") => self.find(&text),
                    Some("number") => self.look_around_no(Some(&text)),
                    _ => {}
                }
            }
            _ => {
                if let Some(text) = source(event, ".tile").and_then(|tile| tile.get_attribute("aria-label"))
                    && let Some(readout) = self.part("readout")
                {
                    readout.set_text_content(Some(&text));
                }
            }
        }
    }

    fn press(self: &Rc<Self>, pressed: &Element) {
        let word = |name: &str| pressed.get_attribute(name);
        if let Some(at) = word("data-at") {
            self.look(at);
        } else if let Some(name) = word("data-find") {
            self.search_in(WEIGHTS, &name);
        } else if let Some(name) = word("data-kind") {
            self.search_in(OPS, &name);
        } else if let Some(split) = number_of(pressed, "data-split").and_then(|idx| SplitBy::ALL.get(idx)) {
            self.split.set(*split);
            self.look(String::new());
        } else if let Some(list) = number_of(pressed, "data-list") {
            self.list(list);
        } else if let Some(column) = number_of(pressed, "data-sort") {
            if let Some(head) = self.listing.sorted(column) {
                if let Some(own) = self.heads.borrow_mut().get_mut(self.listed.get()) {
                    (own.view.sort, own.view.order) = (head.view.sort, head.view.order);
                }
                self.listing.show(head);
                self.listing.focus(column);
            }
        } else if let Some(form) = word("data-save") {
            let view = self.listing.view().filter(|_| form == "csv");
            self.ask(Query::Export(view.map_or(Export::Document, Export::Csv)), Where::Whole);
        } else if let Some(from) = number_of(pressed, "data-from") {
            self.mark("data-unit-of", "");
            self.find("");
            self.listing.reveal(from);
            self.look_around(from);
        } else if let Some(unit) = word("data-unit-of") {
            self.mark("data-unit-of", &unit);
            if let Some(search) = self.field("search") {
                search.set_value(&unit);
            }
            self.find(&unit);
        } else if let Some(row) = number_of(pressed, "data-row") {
            self.look_around(row);
        } else if let Some(recipe) = word("data-try") {
            let place = pressed.parent_element().and_then(|parent| parent.next_element_sibling());
            if let Some(place) = place {
                self.ask(Query::Plan(PlanQuery::Try(recipe)), Where::Here(place));
            }
        } else if pressed.has_attribute("data-every") {
            pressed.set_text_content(Some(page::EVERY_CHIP));
            self.ask(Query::Plan(PlanQuery::Compare), Where::Part("heat"));
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

    /// Asks for the picture of a part of the package.
    fn look(self: &Rc<Self>, at: String) {
        *self.at.borrow_mut() = at.clone();
        let width = self.room();
        self.drawn_for.set((width, true));
        self.ask(Query::Treemap { by: self.split.get(), at, width }, Where::Part(PICTURE));
    }

    /// Asks for it again if there is more room for it now, or less.
    fn look_again(self: &Rc<Self>) {
        let (width, waits) = self.drawn_for.get();
        let room = self.room();
        if !waits && room > 0 && room != width {
            let at = self.at.borrow().clone();
            self.look(at);
        }
    }

    /// Pixels beside each other that the picture of bytes may have; 0 while it is out of sight.
    fn room(&self) -> u32 {
        self.part(PICTURE).and_then(|part| u32::try_from(part.client_width()).ok()).unwrap_or(0)
    }

    /// Lists something else.
    fn list(self: &Rc<Self>, list: usize) {
        let Some(mut head) = self.heads.borrow().get(list).cloned() else { return };
        self.listed.set(list);
        self.mark("data-list", &list.to_string());
        let search = self.field("search");
        match self.about {
            About::Package => head.view.search = search.map(|search| search.value()).unwrap_or_default(),
            About::Plan => {
                if let Some(search) = search {
                    search.set_value("");
                }
                self.mark("data-unit-of", "");
                if let (Some(place), Some(strip)) = (self.part("strip"), self.strips.borrow().get(list)) {
                    patch(&place, strip);
                }
            }
        }
        self.listing.show(head);
    }

    /// Lists the rows that have a text in them.
    fn find(self: &Rc<Self>, text: &str) {
        let Some(mut head) = self.heads.borrow().get(self.listed.get()).cloned() else { return };
        text.clone_into(&mut head.view.search);
        self.listing.show(head);
        if self.about == About::Package {
            self.ask(Query::Matches(text.to_owned()), Where::Whole);
        }
    }

    fn search_in(self: &Rc<Self>, list: usize, text: &str) {
        let Some(search) = self.field("search") else { return };
        search.set_value(text);
        self.listed.set(list);
        self.mark("data-list", &list.to_string());
        self.find(text);
        focus(&search);
    }

    /// Says beside each listing how many of its rows match.
    fn count(&self, counts: &[String]) {
        for (idx, count) in counts.iter().enumerate() {
            let own = ["[data-list=\"", &idx.to_string(), "\"] span"].concat();
            if let Some(text) = self.root.query_selector(&own).ok().flatten() {
                text.set_text_content(Some(count));
            }
        }
    }

    /// Looks around the operation whose number a text has, with or without spaces between its thousands.
    fn look_around_no(self: &Rc<Self>, text: Option<&str>) {
        let digits: String = text.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
        if let Ok(number) = digits.parse::<usize>() {
            // They are counted from one; nothing has the number 0.
            self.look_around(number.wrapping_sub(1));
        }
    }

    fn look_around(self: &Rc<Self>, row: usize) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let query = PlanQuery::Around { function: number(self.listed.get()), row: number(row) };
        self.ask(Query::Plan(query), Where::Part("near"));
    }

    /// Marks the choice whose attribute has a value.
    fn mark(&self, name: &str, value: &str) {
        let Ok(choices) = self.root.query_selector_all(&["[", name, "]"].concat()) else { return };
        for choice in (0..choices.length()).filter_map(|idx| choices.get(idx)?.dyn_into::<Element>().ok()) {
            let is_chosen = choice.get_attribute(name).as_deref() == Some(value);
            set(&choice, "aria-pressed", if is_chosen { "true" } else { "false" });
        }
    }
}

/// Puts markup into its place; whoever works by keyboard in a picture goes on in the new one.
fn fill(place: &Element, markup: &str) {
    let inside = document().active_element().filter(|active| place.contains(Some(active)));
    let was_inside = inside.is_some_and(|active| active.closest(".tile, .trail").ok().flatten().is_some());
    patch(place, markup);
    if was_inside && let Some(first) = place.query_selector(".tile").ok().flatten() {
        focus(&first);
    }
}
