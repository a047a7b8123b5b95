//! What the page remembers: one scenario, one open package, and the view that follows from them.

use std::{rc::Rc, sync::Arc, time::Duration};

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*};

use crate::{
    format::Package,
    report::{
        page,
        view::{FigureKey, View},
        why::Why,
    },
    scenario::Scenario,
};

use super::worker::Reader;

/// How long nothing must change until the panels below the matrix are drawn.
const SETTLE: Duration = Duration::from_millis(60);

/// The state of the page; every part of it is a signal, so the whole is copied freely.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// The question.
    pub(super) scenario: RwSignal<Scenario>,
    /// The worker that has the package open and answers questions about it; set before the package is.
    pub(super) reader: StoredValue<Option<Rc<Reader>>, LocalStorage>,
    /// The package that is open.
    pub(super) package: RwSignal<Option<Arc<Package>>>,
    /// What was wrong with the link; empty when nothing was, or when it was read and put away.
    pub(super) notes: RwSignal<Vec<String>>,
    /// The answer, or why there is none.
    pub(super) answer: Memo<Result<Arc<View>, String>>,
    /// The last answer, a moment after the last change: what the panels below the matrix draw.
    pub(super) settled: RwSignal<Option<Arc<View>>>,
    /// The figure that is being explained.
    pub(super) explained: RwSignal<Option<Why>>,
    /// Whether variants that need retraining or calibration are listed as well.
    pub(super) everything: RwSignal<bool>,
    /// Width that charts are drawn for, in CSS pixels.
    pub(super) width: RwSignal<u32>,
}

impl State {
    pub(super) fn new(scenario: Scenario, notes: Vec<String>) -> Self {
        let scenario = RwSignal::new(scenario);
        let package = RwSignal::new(None::<Arc<Package>>);
        let answer = Memo::new(move |_| {
            let package = package.get();
            scenario.with(|scenario| match page::view(scenario, package.as_deref()) {
                Ok(view) => Ok(Arc::new(view)),
                Err(reason) => Err(reason.to_string()),
            })
        });
        let settled = RwSignal::new(answer.with_untracked(|answer| answer.clone().ok()));
        let waiting = StoredValue::new(None::<TimeoutHandle>);
        Effect::new(move |before: Option<()>| {
            let view = answer.get().ok();
            if before.is_none() {
                return;
            }
            if let Some(handle) = waiting.get_value() {
                handle.clear();
            }
            // A slider under the hand asks for verdict and matrix at every step, for pictures when it rests.
            waiting.set_value(set_timeout_with_handle(move || settled.set(view), SETTLE).ok());
        });
        Self {
            scenario,
            reader: StoredValue::new_local(None),
            package,
            notes: RwSignal::new(notes),
            answer,
            settled,
            explained: RwSignal::new(None),
            everything: RwSignal::new(false),
            width: RwSignal::new(0),
        }
    }

    /// One part of the scenario; whoever reads it runs again only when that part changes.
    pub(super) fn part<T: Clone + PartialEq + Send + Sync + 'static>(self, part: fn(&Scenario) -> T) -> Memo<T> {
        Memo::new(move |_| self.scenario.with(part))
    }

    /// Draws a part of the answer, again whenever it changes; nothing while there is no answer.
    pub(super) fn shown(self, draw: fn(Self, &View) -> AnyView) -> AnyView {
        (move || self.answer.get().ok().map(|view| draw(self, &view))).into_any()
    }

    /// Draws a part of the answer as [`Self::shown`] does, a moment after the last change.
    pub(super) fn shown_later(self, draw: fn(Self, &View) -> AnyView) -> AnyView {
        (move || self.settled.get().map(|view| draw(self, &view))).into_any()
    }

    /// Explains one figure of the picked cell.
    pub(super) fn explain(self, key: FigureKey) {
        let picked = self.answer.with_untracked(|answer| answer.as_ref().ok().and_then(|view| view.picked));
        let package = self.package.get_untracked();
        let why = picked
            .and_then(|picked| self.scenario.with_untracked(|asked| page::why(asked, package.as_deref(), picked, key)));
        self.explained.set(why);
    }
}
