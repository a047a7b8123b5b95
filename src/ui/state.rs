//! What the page remembers: one scenario, one open package, and the view that follows from them.

use std::{rc::Rc, sync::Arc, time::Duration};

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*};

use crate::{
    desk::Asked,
    markup::{REGIONS, Reading},
    report::{page, view::View},
    scenario::{ModelRef, Scenario, url},
};

use super::worker::Reader;

/// How long nothing must change until the panels below the matrix are drawn.
const SETTLE: Duration = Duration::from_millis(60);

/// The steps of the first painting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The controls, which need no plan.
    Controls,
    /// The plan is computed, and nothing new is shown.
    Plan,
    /// The verdict and the figures.
    Answer,
    /// The first groups of the matrix, so many: hundreds of cells at once would hold the page up.
    Matrix(usize),
    /// Everything.
    All,
}

/// The state of the page; every part of it is a signal, so the whole is copied freely.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// The question.
    pub(super) scenario: RwSignal<Scenario>,
    /// The worker that has the package open and answers questions about it; set before the package is.
    pub(super) reader: StoredValue<Option<Rc<Reader>>, LocalStorage>,
    /// The name of the package that is open; set again, even if it is the same, when one is opened.
    pub(super) package: RwSignal<Option<String>>,
    /// How far the reading of a file is.
    pub(super) reading: RwSignal<Reading>,
    /// Whether a file is held over the page.
    pub(super) is_over: RwSignal<bool>,
    /// What was wrong with the link; empty when nothing was, or when it was read and put away.
    pub(super) notes: RwSignal<Vec<String>>,
    /// The answer, or why there is none. Without a view where the worker knows it: a package is planned there.
    pub(super) answer: Memo<Result<Option<Arc<View>>, String>>,
    /// Why the worker has no plan.
    pub(super) trouble: RwSignal<Option<String>>,
    /// Counts the changes, each a moment after the last one: what the panels below the matrix wait for.
    pub(super) settled: RwSignal<u32>,
    /// The figure that is being explained.
    pub(super) explained: RwSignal<Option<String>>,
    /// Whether variants that need retraining or calibration are listed as well.
    pub(super) everything: RwSignal<bool>,
    /// The part of the page that is shown below the matrix.
    pub(super) tab: RwSignal<&'static str>,
    /// The only panels that are shown, where the page around asks for that.
    pub(super) only: StoredValue<Option<Vec<String>>>,
    /// What panels of the worker are asked with besides the plan: the name of the panel, and its form.
    pub(super) more: RwSignal<Vec<(String, String)>>,
    /// Links of the plans that are pinned.
    pub(super) pins: RwSignal<Vec<String>>,
    /// The lesson; empty for none.
    pub(super) lesson: RwSignal<String>,
    /// Whether the controls are unfolded on a narrow page.
    pub(super) rail_is_open: RwSignal<bool>,
    /// The field of an own device whose text is no such number.
    pub(super) wrong: RwSignal<Option<String>>,
    /// What became of the link: whether it was copied, and the link.
    pub(super) shared: RwSignal<Option<(bool, String)>>,
    /// Width that charts are drawn for, in CSS pixels.
    pub(super) width: RwSignal<u32>,
    /// Whether somebody has moved, or come near the panels below the matrix: only then is the worker loaded.
    pub(super) is_near: RwSignal<bool>,
    /// How much of the page may be drawn: a first visit paints it in steps, and each is on the screen before the next
    /// begins.
    pub(super) step: RwSignal<Step>,
}

impl State {
    pub(super) fn new(scenario: Scenario, notes: Vec<String>, only: Option<Vec<String>>, tab: &'static str) -> Self {
        let scenario = RwSignal::new(scenario);
        let package = RwSignal::new(None::<String>);
        let answer = Memo::new(move |_| {
            let open = package.get();
            scenario.with(|scenario| match &scenario.model {
                ModelRef::Package(name) if open.as_ref() == Some(name) => Ok(None),
                ModelRef::Package(_) | ModelRef::Preset(_) => match page::view(scenario, None) {
                    Ok(view) => Ok(Some(Arc::new(view))),
                    Err(reason) => Err(reason.to_string()),
                },
            })
        });
        let settled = RwSignal::new(0);
        let waiting = StoredValue::new(None::<TimeoutHandle>);
        super::region::always(Box::new(move || {
            scenario.track();
            package.track();
            if let Some(handle) = waiting.get_value() {
                handle.clear();
            }
            // A slider under the hand asks for verdict and matrix at every step, for pictures when it rests.
            let rest = move || settled.update(|count| *count += 1);
            waiting.set_value(set_timeout_with_handle(rest, SETTLE).ok());
        }));
        Self {
            scenario,
            reader: StoredValue::new_local(None),
            package,
            reading: RwSignal::new(Reading::No),
            is_over: RwSignal::new(false),
            notes: RwSignal::new(notes),
            answer,
            trouble: RwSignal::new(None),
            settled,
            explained: RwSignal::new(None),
            everything: RwSignal::new(false),
            tab: RwSignal::new(tab),
            only: StoredValue::new(only),
            more: RwSignal::new(Vec::new()),
            pins: RwSignal::new(Vec::new()),
            lesson: RwSignal::new(String::new()),
            rail_is_open: RwSignal::new(false),
            wrong: RwSignal::new(None),
            shared: RwSignal::new(None),
            width: RwSignal::new(0),
            is_near: RwSignal::new(false),
            step: RwSignal::new(Step::Controls),
        }
    }

    /// Whether a panel is shown now.
    pub(super) fn shows(self, panel: &str) -> bool {
        let of = REGIONS.iter().find(|region| region.panel == panel);
        let chosen = self.only.with_value(|only| only.as_ref().map(|only| only.iter().any(|name| name == panel)));
        match (chosen, of.and_then(|region| region.tab)) {
            (Some(chosen), _) => chosen,
            (None, None) => true,
            (None, Some(tab)) => self.tab.get() == tab,
        }
    }

    /// What a panel of the worker is asked with.
    pub(super) fn asked(self, panel: &str) -> Asked {
        let form = self.more.with(|more| more.iter().find(|(name, _)| name == panel).map(|(_, form)| form.clone()));
        let mut more = form.unwrap_or_default();
        match panel {
            "compare" | "pair" => self.pins.with(|pins| {
                pins.iter().for_each(|link| more.push_str(&["&c=", &escaped(link)].concat()));
            }),
            "lesson" => more = self.lesson.with(|id| ["id=", &escaped(id), "&", &more].concat()),
            _ => {}
        }
        Asked {
            link: self.scenario.with_untracked(url::encode),
            width: self.width.get(),
            everything: self.everything.get(),
            more,
        }
    }

    /// Asks a panel something else from now on.
    pub(super) fn ask_more(self, panel: &str, form: String) {
        self.more.update(|more| {
            more.retain(|(name, _)| name != panel);
            more.push((panel.to_owned(), form));
        });
    }

    /// Loads the worker: what it draws will be looked at.
    pub(super) fn come_near(self) {
        if !self.is_near.get_untracked() {
            let _ = self.desk();
            self.is_near.set(true);
        }
    }

    /// The worker; it is started when it is first needed.
    pub(super) fn desk(self) -> Option<Rc<Reader>> {
        if let Some(reader) = self.reader.get_value() {
            return Some(reader);
        }
        match Reader::start() {
            Ok(reader) => {
                let reader = Rc::new(reader);
                self.reader.set_value(Some(reader.clone()));
                Some(reader)
            }
            Err(error) => {
                self.trouble.set(Some([error.what.as_str(), ": ", &error.hint].concat()));
                None
            }
        }
    }
}

/// A value as it stands in a link.
pub(super) fn escaped(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}
