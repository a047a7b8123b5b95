//! The regions of the page: each is drawn again when what it reads changes.
//!
//! What a first visit needs is drawn here; the other panels, and all of them for an open package, come from the worker.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use js_sys::Array;
use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{
    Element, HtmlDialogElement, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit,
    ResizeObserver, ResizeObserverEntry,
};

use super::{
    patch::patch,
    state::{State, Step},
};
use crate::{
    markup::{self, DRAWN_BY_WORKER, REGIONS, TABS},
    report::{controls, view::View},
    texts::{answers, sheet},
};

/// What draws a region.
type Draw = Box<dyn Fn() -> String>;

/// The element of a region.
pub(super) fn host(name: &str) -> Option<Element> {
    document().get_element_by_id(&["r-", name].concat())
}

/// Runs now, and again whenever a signal changes that it has read.
pub(super) fn always(run: Box<dyn Fn()>) {
    // It runs as long as the page is open.
    std::mem::forget(RenderEffect::<()>::new(move |_| run()));
}

/// Draws everything, and keeps it true.
pub(super) fn follow(state: State) {
    for one in REGIONS {
        let Some(host) = host(one.panel) else { continue };
        always(Box::new(move || {
            let _ = host.toggle_attribute_with_force("hidden", !state.shows(one.panel));
        }));
    }
    controls_of(state);
    region("notes", Box::new(move || state.notes.with(|notes| markup::notes(notes))));
    let empty = move || {
        if state.step.get() < Step::Answer {
            return String::new();
        }
        let why = state.answer.with(|answer| answer.as_ref().err().cloned()).or_else(|| state.trouble.get());
        why.as_deref().map_or_else(String::new, markup::empty)
    };
    region("empty", Box::new(empty));
    of_answer(state, "verdict", When::AtOnce(Step::Answer), |_, view| markup::verdict(view));
    of_answer(state, "figures", When::AtOnce(Step::Answer), |_, view| markup::figures(view));
    of_answer(state, "matrix", When::AtOnce(Step::Matrix(0)), |state, view| {
        let n_groups = if let Step::Matrix(n_groups) = state.step.get() { n_groups } else { usize::MAX };
        markup::matrix(view, state.everything.get(), n_groups)
    });
    let tabs = move || {
        let n_pins = state.pins.with(Vec::len);
        markup::tabs(state.tab.get(), state.package.with(Option::is_some), n_pins)
    };
    region(
        "tabs",
        Box::new(move || if state.step.get() == Step::All && state.shows("tabs") { tabs() } else { String::new() }),
    );
    always(Box::new(move || {
        // The first one is in sight: a page that is being painted is not asked where things are.
        if state.step.get() == Step::All && state.tab.get() != TABS[0].id {
            reveal_tab();
        }
    }));
    of_answer(state, "limits", When::AtRest, |_, view| markup::limits(view));
    DRAWN_BY_WORKER.into_iter().for_each(|name| of_worker(state, name));
    dialog(state);
    spoken(state);
    width(state);
    near(state);
    go_on(state);
}

/// Scrolls the strip of tabs, and nothing else, to the one that is open.
fn reveal_tab() {
    let found = document().query_selector(".tab[aria-current=\"true\"]").ok().flatten();
    let Some((tab, strip)) = found.and_then(|tab| Some((tab.clone(), tab.closest(".tabs").ok()??))) else { return };
    let (tab, seen) = (tab.get_bounding_client_rect(), strip.get_bounding_client_rect());
    let beyond =
        if tab.right() > seen.right() { tab.right() - seen.right() } else { (tab.left() - seen.left()).min(0.0) };
    strip.set_scroll_left(strip.scroll_left() + beyond as i32);
}

fn region(name: &str, draw: Draw) {
    let Some(host) = host(name) else { return };
    let last = RefCell::new(String::new());
    always(Box::new(move || {
        let markup = draw();
        if *last.borrow() != markup {
            patch(&host, &markup);
            *last.borrow_mut() = markup;
        }
    }));
}

/// The controls.
fn controls_of(state: State) {
    let summary = move || markup::summary(&state.scenario.with(controls::summary), state.rail_is_open.get());
    region("summary", Box::new(summary));
    let model = move || {
        let open = state.package.get();
        let reading = state.reading.get();
        let over = state.is_over.get();
        state.scenario.with(|scenario| markup::model(scenario, open.as_deref(), &reading, over))
    };
    region("model", Box::new(model));
    let device = move || {
        let wrong = state.wrong.get();
        state.scenario.with(|scenario| markup::device(scenario, wrong.as_deref()))
    };
    region("device", Box::new(device));
    region("workload", Box::new(move || state.scenario.with(markup::workload)));
    let shared = move || match state.shared.get() {
        Some((copied, address)) => markup::shared(copied, &address),
        None => String::new(),
    };
    region("shared", Box::new(shared));
}

/// When a panel of the answer is drawn again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// With every change, from this step on.
    AtOnce(Step),
    /// A moment after the last change.
    AtRest,
}

/// A panel of the answer: drawn here, or by the worker where only the worker knows the answer.
fn of_answer(state: State, name: &'static str, when: When, draw: fn(State, &View) -> String) {
    let Some(host) = host(name) else { return };
    let desk = Rc::new(Place::new(host, name));
    always(Box::new(move || {
        let answer = match when {
            When::AtOnce(from) if state.step.get() < from => return,
            When::AtOnce(_) => state.answer.get(),
            When::AtRest if state.step.get() < Step::All => return,
            When::AtRest => {
                state.settled.track();
                state.answer.get_untracked()
            }
        };
        if !state.shows(name) {
            return;
        }
        match answer {
            Ok(Some(view)) => desk.show(&draw(state, &view)),
            Ok(None) => {
                // The worker is asked again for every change, though there is nothing to compute here.
                state.settled.track();
                desk.ask(state);
            }
            Err(_) => desk.show(""),
        }
    }));
}

/// A panel that the worker draws.
fn of_worker(state: State, name: &'static str) {
    let Some(host) = host(name) else { return };
    let desk = Rc::new(Place::new(host, name));
    always(Box::new(move || {
        state.settled.track();
        if state.step.get() < Step::All || !state.shows(name) {
            return;
        }
        if name == "lesson" {
            // A lesson is one panel of many: no worker is started for a page without one.
            if state.lesson.with(String::is_empty) {
                return desk.show("");
            }
        } else if !state.is_near.get() {
            // Nor for a picture that nobody has come near to.
            return;
        }
        match state.answer.get_untracked() {
            Ok(_) => desk.ask(state),
            Err(_) => desk.show(""),
        }
    }));
}

/// Where a panel stands, and what it was last asked.
struct Place {
    host: Element,
    name: &'static str,
    shown: RefCell<String>,
    question: Cell<u32>,
}

impl Place {
    fn new(host: Element, name: &'static str) -> Self {
        Self { host, name, shown: RefCell::default(), question: Cell::new(0) }
    }

    /// Puts markup in its place; an answer that is still under way is for an older question.
    fn show(&self, markup: &str) {
        self.question.set(self.question.get().wrapping_add(1));
        if *self.shown.borrow() != markup {
            patch(&self.host, markup);
            markup.clone_into(&mut self.shown.borrow_mut());
        }
    }

    /// Asks the worker; what is there stays until the new is here.
    fn ask(self: &Rc<Self>, state: State) {
        let asked = state.asked(self.name);
        let Some(desk) = state.desk() else { return };
        let own = self.question.get().wrapping_add(1);
        self.question.set(own);
        let _ = self.host.set_attribute("aria-busy", "true");
        let place = self.clone();
        let done = move |answer: Result<String, String>| {
            if place.question.get() == own {
                let _ = place.host.remove_attribute("aria-busy");
                // Why there is no plan is said once, above the panels.
                place.show(&answer.unwrap_or_default());
            }
        };
        desk.panel(self.name, &asked, Box::new(done));
    }
}

/// The explanation of a figure, in a dialog that gives the focus back.
fn dialog(state: State) {
    let found = document().get_element_by_id("sheet");
    let Some(dialog) = found.and_then(|found| found.dyn_into::<HtmlDialogElement>().ok()) else { return };
    always(Box::new(move || {
        let Some(key) = state.explained.get() else { return dialog.close() };
        patch(&dialog, &markup::waiting(if key.starts_with("word:") { sheet::GLOSSARY } else { answers::WHY }));
        if !dialog.open() {
            // The browser gives the focus back to the button that opened it.
            let _ = dialog.show_modal();
        }
        let Some(desk) = state.desk() else { return };
        let dialog = dialog.clone();
        let asked = untrack(|| state.asked("why"));
        let done = move |answer: Result<String, String>| {
            patch(&dialog, &answer.unwrap_or_else(|what| markup::empty(&what)));
        };
        desk.panel(&["why:", &key].concat(), &asked, Box::new(done));
    }));
}

/// Says the verdict to those who cannot see it change, a moment after the last change.
fn spoken(state: State) {
    let Some(said) = document().get_element_by_id("spoken") else { return };
    let waiting = Rc::new(RefCell::new(None::<TimeoutHandle>));
    let is_first = Cell::new(true);
    always(Box::new(move || {
        state.settled.track();
        if state.step.get() < Step::All {
            return;
        }
        let answer = state.answer.get_untracked();
        if let Some(handle) = waiting.take() {
            handle.clear();
        }
        let (said, waiting) = (said.clone(), waiting.clone());
        let say = move |sentence: String| {
            let say = move || said.set_text_content(Some(&sentence));
            waiting.replace(set_timeout_with_handle(say, Duration::from_millis(700)).ok());
        };
        // Nothing is said at the start: the heading is read anyway.
        let is_first = is_first.replace(false);
        match answer {
            Ok(Some(view)) => {
                state.trouble.set(None);
                if !is_first {
                    say(view.sentence.to_string());
                }
            }
            Ok(None) => {
                let Some(desk) = state.desk() else { return };
                let asked = untrack(|| state.asked("sentence"));
                let done = move |answer: Result<String, String>| {
                    state.trouble.set(answer.as_ref().err().cloned());
                    if let Ok(sentence) = answer {
                        say(sentence);
                    }
                };
                desk.panel("sentence", &asked, Box::new(done));
            }
            Err(_) => {}
        }
    }));
}

/// Measures what charts are drawn for.
fn width(state: State) {
    let Some(measure) = document().get_element_by_id("measure") else { return };
    // Told after the page was laid out: to ask would make the browser do that at once, and then again.
    let told = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
        let entry = entries.get(0).unchecked_into::<ResizeObserverEntry>();
        state.width.set(entry.content_rect().width() as u32);
    });
    if let Ok(observer) = ResizeObserver::new(told.as_ref().unchecked_ref()) {
        observer.observe(&measure);
        std::mem::forget((observer, told));
    }
}

/// Notes when the panels below the matrix come near the screen.
fn near(state: State) {
    let Some(measure) = document().get_element_by_id("measure") else { return };
    let told = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
        if entries.iter().any(|entry| entry.unchecked_into::<IntersectionObserverEntry>().is_intersecting()) {
            state.come_near();
        }
    });
    let options = IntersectionObserverInit::new();
    options.set_root_margin("50%");
    let observer = IntersectionObserver::new_with_options(told.as_ref().unchecked_ref(), &options);
    if let Ok(observer) = observer {
        observer.observe(&measure);
        std::mem::forget((observer, told));
    }
}

/// Groups of the matrix that are drawn one by one; what is left comes with everything else.
const N_GROUPS: usize = 6;

/// Draws the next step in a task of its own, so that the browser can paint, and hear a hand, between two. Not with the
/// next frame: a page that is out of sight has none, and the page around it waits for its height.
fn go_on(state: State) {
    let next = move || {
        let step = match state.step.get_untracked() {
            Step::Controls => Step::Plan,
            Step::Plan => Step::Answer,
            Step::Answer => Step::Matrix(1),
            Step::Matrix(n_groups) if n_groups < N_GROUPS => Step::Matrix(n_groups + 1),
            Step::Matrix(_) | Step::All => Step::All,
        };
        if step == Step::Plan {
            state.answer.with_untracked(|_| ());
        }
        state.step.set(step);
        if let (Step::Matrix(_), Some(matrix)) = (step, host("matrix")) {
            // Laid out in this task: the next frame would do all groups at once.
            let _ = matrix.parent_element().map(|whole| whole.scroll_height());
        }
        if step < Step::All {
            go_on(state);
        }
    };
    set_timeout(next, Duration::ZERO);
}
