//! A table of any length: only the rows that can be seen are in the page, and they come from the worker when needed.
//!
//! Invariants: the scroll bar stands for all rows; a row is asked for once while its neighbourhood is in sight; an answer
//! to an old question is dropped. Up to [`TALLEST`] a row has its own place; beyond, places are shared in proportion,
//! because browsers draw nothing that is taller.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::{
    element::{Listener, add, around, button, clear, element, listen, set},
    worker::Reader,
};
use crate::{
    desk::Drawn,
    report::inspection::{Content, ListingHead, ListingView, Order, Query, Rows},
    texts::page,
};

/// Tallest list, in CSS pixels. Browsers draw some ten to thirty million.
const TALLEST: f64 = 8_000_000.0;
/// Height of a row until one has been measured.
const ROW: f64 = 30.0;
/// Rows drawn above and below what can be seen, so that a flick of the wheel shows no gap.
const BEYOND: u32 = 12;
/// Rows asked for at once.
const CHUNK: u32 = 400;

/// The table, its scroll box and its line of words.
pub(super) struct Listing {
    reader: Rc<Reader>,
    /// All of it.
    pub(super) root: Element,
    scroller: Element,
    table: Element,
    head: Element,
    body: Element,
    above: Element,
    below: Element,
    status: Element,
    shown: RefCell<Shown>,
    listener: RefCell<Option<Listener>>,
    /// A row to bring into sight when the rows are here.
    wanted: Cell<Option<usize>>,
}

/// What is listed, and the rows that are here.
struct Shown {
    head: Option<ListingHead>,
    n_rows: u32,
    from: u32,
    rows: Vec<Vec<String>>,
    row_height: f64,
    /// Counts the questions; an answer to an older one is dropped.
    question: u32,
    is_asking: bool,
}

impl Listing {
    pub(super) fn new(reader: Rc<Reader>) -> Rc<Self> {
        let head = element("tr", "", &[("aria-rowindex", "1")]);
        let [above, below] = [0, 1].map(|_| element("tr", "gap", &[("aria-hidden", "true")]));
        for gap in [&above, &below] {
            add(gap, &[&element("td", "", &[])]);
        }
        let body = element("tbody", "", &[]);
        let table = around("table", "listing rows", &[&around("thead", "", &[&head]), &body]);
        let scroller = element("div", "scroller rows-box", &[("tabindex", "0"), ("role", "region")]);
        add(&scroller, &[&table]);
        let status = element("p", "hint", &[("role", "status")]);
        let root = around("div", "rows-around", &[&scroller, &status]);
        let shown =
            Shown { head: None, n_rows: 0, from: 0, rows: Vec::new(), row_height: ROW, question: 0, is_asking: false };
        let listing = Rc::new(Self {
            reader,
            root,
            scroller,
            table,
            head,
            body,
            above,
            below,
            status,
            shown: RefCell::new(shown),
            listener: RefCell::new(None),
            wanted: Cell::new(None),
        });
        let own = Rc::downgrade(&listing);
        let scrolled = move |_| {
            if let Some(listing) = own.upgrade() {
                listing.draw();
            }
        };
        *listing.listener.borrow_mut() = Some(listen(&listing.scroller, "scroll", Box::new(scrolled)));
        listing
    }

    /// Lists something, from its first row.
    pub(super) fn show(self: &Rc<Self>, head: ListingHead) {
        clear(&self.head);
        clear(&self.body);
        set(&self.scroller, "aria-label", &head.title);
        set(&self.table, "data-columns", if head.columns.len() > 5 { "many" } else { "few" });
        for (idx, column) in head.columns.iter().enumerate() {
            let cell = element("th", class_of(column.content), &[("scope", "col")]);
            if head.view.sort == Some(idx as u32) {
                set(&cell, "aria-sort", if head.view.order == Order::Ascending { "ascending" } else { "descending" });
            }
            add(&cell, &[&button("sort", &column.name, "data-sort", &idx.to_string())]);
            add(&self.head, &[&cell]);
        }
        {
            let mut shown = self.shown.borrow_mut();
            shown.head = Some(head);
            (shown.n_rows, shown.from) = (0, 0);
            shown.rows.clear();
            shown.question += 1;
            shown.is_asking = false;
        }
        self.scroller.set_scroll_top(0);
        set(&self.root, "aria-busy", "true");
        self.ask(0);
    }

    /// Brings a row into sight once the rows of the last question are here.
    pub(super) fn reveal(&self, row: usize) {
        self.wanted.set(Some(row));
    }

    /// What is listed.
    pub(super) fn view(&self) -> Option<ListingView> {
        self.shown.borrow().head.as_ref().map(|head| head.view.clone())
    }

    fn ask(self: &Rc<Self>, from: u32) {
        let (view, question) = {
            let mut shown = self.shown.borrow_mut();
            let Some(view) = shown.head.as_ref().map(|head| head.view.clone()) else { return };
            shown.is_asking = true;
            (view, shown.question)
        };
        let own = Rc::downgrade(self);
        self.reader.ask(&Query::Rows { view, from, n: CHUNK }, move |reply| {
            if let Some(listing) = own.upgrade() {
                listing.take(question, reply);
            }
        });
    }

    fn take(self: &Rc<Self>, question: u32, reply: Result<Drawn, String>) {
        if self.shown.borrow().question != question {
            return;
        }
        self.shown.borrow_mut().is_asking = false;
        set(&self.root, "aria-busy", "false");
        match reply {
            Ok(Drawn::Rows(Rows { from, n_matching, said, rows })) => {
                let text = {
                    let mut shown = self.shown.borrow_mut();
                    (shown.n_rows, shown.from, shown.rows) = (n_matching, from, rows);
                    let head = shown.head.as_ref();
                    let is_empty = n_matching == 0 && head.is_some_and(|head| head.view.search.is_empty());
                    if is_empty { head.map(|head| head.empty.clone()).unwrap_or_default() } else { said }
                };
                set(&self.table, "aria-rowcount", &n_matching.saturating_add(1).to_string());
                if self.status.text_content().as_deref() != Some(text.as_str()) {
                    self.status.set_text_content(Some(&text));
                }
                self.draw();
                if let Some(row) = self.wanted.take() {
                    let height = self.shown.borrow().row_height;
                    // The scroll event that follows draws what is there.
                    self.scroller.set_scroll_top((row as f64 * height) as i32);
                }
            }
            Ok(_) => {}
            Err(what) => self.status.set_text_content(Some(&page::rows_failed(&what))),
        }
    }

    /// Draws the rows that can be seen, and asks for those that are not here.
    fn draw(self: &Rc<Self>) {
        let wanted = {
            let mut shown = self.shown.borrow_mut();
            if let Some(row) = self.body.query_selector("tr:not(.gap)").ok().flatten() {
                let height = row.get_bounding_client_rect().height();
                shown.row_height = if height > 1.0 { height } else { shown.row_height };
            }
            let n_rows = shown.n_rows;
            let height = (f64::from(n_rows) * shown.row_height).min(TALLEST);
            // As high as what there is to list, up to what the style allows; a search moves nothing.
            if shown.head.as_ref().is_some_and(|head| head.view.search.is_empty()) {
                tall(&self.scroller, height + 1.5 * shown.row_height);
            }
            let seen = f64::from(self.scroller.client_height());
            let n_seen = (seen / shown.row_height) as u32 + 1;
            let top = f64::from(self.scroller.scroll_top());
            let is_shared = f64::from(n_rows) * shown.row_height > TALLEST;
            let first = if is_shared {
                let part = (top / (height - seen).max(1.0)).min(1.0);
                (part * f64::from(n_rows.saturating_sub(n_seen))) as u32
            } else {
                (top / shown.row_height) as u32
            };
            let begin = first.saturating_sub(BEYOND);
            let end = first.saturating_add(n_seen + BEYOND).min(n_rows);
            // Where places are shared, the rows stand where the box is looking.
            let above = if is_shared {
                top - f64::from(first - begin) * shown.row_height
            } else {
                f64::from(begin) * shown.row_height
            };
            let above = above.clamp(0.0, height);
            let drawn = f64::from(end.saturating_sub(begin)) * shown.row_height;
            self.fill(&shown, begin, end);
            tall(&self.above, above);
            tall(&self.below, height - above - drawn);
            let last = shown.from + shown.rows.len() as u32;
            let is_here = begin >= shown.from && end <= last;
            (!is_here && !shown.is_asking).then(|| begin.saturating_sub(CHUNK / 2 - BEYOND * 2))
        };
        if let Some(from) = wanted {
            self.ask(from);
        }
    }

    /// Writes rows into the elements that are there, and makes or drops what is missing or too much.
    fn fill(&self, shown: &Shown, begin: u32, end: u32) {
        let columns = shown.head.as_ref().map_or(&[][..], |head| &head.columns);
        if self.above.parent_node().is_none() {
            add(&self.body, &[&self.above, &self.below]);
        }
        let mut row = self.above.next_element_sibling();
        for at in begin..end {
            let cells = shown.rows.get((at as usize).wrapping_sub(shown.from as usize)).filter(|_| at >= shown.from);
            let own = match row.take().filter(|row| *row != self.below) {
                Some(own) => own,
                None => {
                    let own = element("tr", "", &[]);
                    for (idx, column) in columns.iter().enumerate() {
                        let class = class_of(column.content);
                        add(
                            &own,
                            &[&match idx {
                                0 => element("th", class, &[("scope", "row")]),
                                _ => element("td", class, &[]),
                            }],
                        );
                    }
                    let _ = self.body.insert_before(&own, Some(&self.below));
                    own
                }
            };
            set(&own, "aria-rowindex", &at.saturating_add(2).to_string());
            let mut cell = own.first_element_child();
            let mut is_name = true;
            let mut texts = cells.map_or(&[][..], Vec::as_slice).iter();
            while let Some(current) = cell {
                let text = texts.next().map_or("…", String::as_str);
                current.set_text_content(Some(text));
                if is_name {
                    set(&current, "title", text);
                    is_name = false;
                }
                cell = current.next_element_sibling();
            }
            row = own.next_element_sibling();
        }
        while let Some(extra) = row.take().filter(|row| *row != self.below) {
            row = extra.next_element_sibling();
            extra.remove();
        }
    }

    /// The view after a press on a column's head: its better end first, then the other.
    pub(super) fn sorted(&self, column: usize) -> Option<ListingHead> {
        let mut head = self.shown.borrow().head.clone()?;
        let first = match head.columns.get(column)?.content {
            Content::Number => Order::Descending,
            Content::Text => Order::Ascending,
        };
        let is_again = head.view.sort == Some(column as u32);
        head.view.order = match head.view.order {
            Order::Ascending if is_again => Order::Descending,
            Order::Descending if is_again => Order::Ascending,
            Order::Ascending | Order::Descending => first,
        };
        head.view.sort = Some(column as u32);
        Some(head)
    }

    /// Puts the focus on a column's head.
    pub(super) fn focus(&self, column: usize) {
        let selector = ["[data-sort=\"", &column.to_string(), "\"]"].concat();
        if let Some(button) = self.head.query_selector(&selector).ok().flatten() {
            super::element::focus(&button);
        }
    }
}

fn class_of(content: Content) -> &'static str {
    match content {
        Content::Text => "",
        Content::Number => "num",
    }
}

/// Makes a gap as tall as the rows that are not in the page.
fn tall(gap: &Element, pixels: f64) {
    // Set through the object model, which the content security policy allows.
    let text = [&(pixels.max(0.0) as u32).to_string(), "px"].concat();
    let _ = gap.unchecked_ref::<HtmlElement>().style().set_property("height", &text);
}
