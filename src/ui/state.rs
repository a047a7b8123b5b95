//! What the page remembers: one scenario, one open package, and the view that follows from them.

use std::{rc::Rc, sync::Arc, time::Duration};

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*};

use crate::{
    format::Package,
    markup::{REGIONS, Reading},
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
    /// How far the reading of a file is.
    pub(super) reading: RwSignal<Reading>,
    /// Whether a file is held over the page.
    pub(super) is_over: RwSignal<bool>,
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
    /// The part of the page that is shown below the matrix.
    pub(super) tab: RwSignal<&'static str>,
    /// The only panels that are shown, where the page around asks for that.
    pub(super) only: StoredValue<Option<Vec<String>>>,
    /// Whether the controls are unfolded on a narrow page.
    pub(super) rail_is_open: RwSignal<bool>,
    /// The field of an own device whose text is no such number.
    pub(super) wrong: RwSignal<Option<String>>,
    /// What became of the link: whether it was copied, and the link.
    pub(super) shared: RwSignal<Option<(bool, String)>>,
    /// Width that charts are drawn for, in CSS pixels.
    pub(super) width: RwSignal<u32>,
}

impl State {
    pub(super) fn new(scenario: Scenario, notes: Vec<String>, only: Option<Vec<String>>, tab: &'static str) -> Self {
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
        super::region::always(Box::new(move || {
            let view = answer.get().ok();
            if let Some(handle) = waiting.get_value() {
                handle.clear();
            }
            // A slider under the hand asks for verdict and matrix at every step, for pictures when it rests.
            waiting.set_value(set_timeout_with_handle(move || settled.set(view), SETTLE).ok());
        }));
        Self {
            scenario,
            reader: StoredValue::new_local(None),
            package,
            reading: RwSignal::new(Reading::No),
            is_over: RwSignal::new(false),
            notes: RwSignal::new(notes),
            answer,
            settled,
            explained: RwSignal::new(None),
            everything: RwSignal::new(false),
            tab: RwSignal::new(tab),
            only: StoredValue::new(only),
            rail_is_open: RwSignal::new(false),
            wrong: RwSignal::new(None),
            shared: RwSignal::new(None),
            width: RwSignal::new(0),
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

    /// Explains one figure of the picked cell.
    pub(super) fn explain(self, key: FigureKey) {
        let picked = self.answer.with_untracked(|answer| answer.as_ref().ok().and_then(|view| view.picked));
        let package = self.package.get_untracked();
        let why = picked
            .and_then(|picked| self.scenario.with_untracked(|asked| page::why(asked, package.as_deref(), picked, key)));
        self.explained.set(why);
    }
}
