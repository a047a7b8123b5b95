//! A lesson: tasks that are checked on the plan of the page, and a quick check.

use super::form::Form;
use crate::{
    catalog::{Lesson, Lessons, Question, Task},
    estimate::Status,
    markup::{Icon, Markup, when},
    report::{controls::device_id, details::Details, view::View},
    scenario::Scenario,
    texts::lesson as text,
};

/// Whether a task is solved by a plan of a model with `n_params` parameters.
#[must_use]
pub fn is_solved(task: &Task, scenario: &Scenario, n_params: f64, view: &View, details: &Details) -> bool {
    let pick = view.pick();
    let has_device = task.device.as_ref().is_none_or(|id| device_id(&scenario.device) == id);
    let is_large = task.params_min.is_none_or(|least| n_params >= least);
    let has_verdict = match task.verdict.as_deref() {
        None => true,
        Some("fits-or-tight") => matches!(view.status, Status::Fits | Status::Tight),
        Some(_) => view.status == Status::Fits,
    };
    let has_units = task.units.as_ref().is_none_or(|id| pick.is_some_and(|pick| pick.units.id() == id));
    let has_variant = task.variant.as_ref().is_none_or(|id| pick.is_some_and(|pick| pick.variant.id().starts_with(id)));
    let least = details.placement.iter().filter_map(|function| function.shares.first()).min();
    let is_on_ane = task.ane_percent_min.is_none_or(|wanted| least.is_some_and(|least| *least >= wanted));
    has_device && is_large && has_verdict && has_units && has_variant && is_on_ane
}

pub(super) fn draw(scenario: &Scenario, n_params: f64, view: &View, details: &Details, more: &str) -> String {
    let form = Form::read(more);
    let lessons = Lessons::get();
    let mut m = Markup::new();
    let Some(lesson) = lessons.lesson.iter().find(|lesson| lesson.id == form.get("id")) else {
        if form.get("id").is_empty() {
            return String::new();
        }
        m.say("p", &[("class", "notice")], &text::none(form.get("id")));
        return m.done();
    };
    m.put("section", &[("class", "panel lesson"), ("aria-labelledby", "lesson")], |m| {
        m.put("header", &[("class", "panel-head")], |m| {
            m.put("div", &[], |m| {
                m.say("p", &[("class", "panel-note")], text::KICKER);
                m.say("h2", &[("id", "lesson")], &lesson.title);
            });
            let start = ["#", &lesson.link, "&l=", &lesson.id].concat();
            m.say("a", &[("class", "button"), ("href", &start)], text::START);
        });
        lesson.text.iter().for_each(|text| m.say("p", &[], text));
        tasks(m, lesson, |task| is_solved(task, scenario, n_params, view, details));
        if !lesson.question.is_empty() {
            m.say("h3", &[], text::CHECK);
            lesson.question.iter().enumerate().for_each(|(idx, question)| ask(m, &form, idx, question));
        }
    });
    m.done()
}

fn tasks(m: &mut Markup, lesson: &Lesson, is_solved: impl Fn(&Task) -> bool) {
    m.put("ol", &[("class", "findings"), ("aria-live", "polite")], |m| {
        for task in &lesson.task {
            let solved = is_solved(task);
            let status = if solved { Status::Fits } else { Status::Unknown };
            m.put("li", &[("data-verdict", if solved { "fits" } else { "unknown" })], |m| {
                m.put("div", &[("class", "finding-head")], |m| {
                    m.put("span", &[("class", "badge"), ("data-verdict", crate::markup::verdict_of(status))], |m| {
                        m.icon(Icon::Status(status));
                        m.say("span", &[], if solved { text::SOLVED } else { text::NOT_YET });
                    });
                });
                m.say("p", &[], &task.text);
                m.put("details", &[("class", "fold")], |m| {
                    m.say("summary", &[], text::HINT);
                    m.say("p", &[], &task.hint);
                });
            });
        }
    });
}

fn ask(m: &mut Markup, form: &Form, idx: usize, question: &Question) {
    let name = ["q", &idx.to_string()].concat();
    let given = form.get(&name).parse::<usize>().ok();
    m.put("fieldset", &[("class", "question")], |m| {
        m.say("legend", &[], &question.text);
        for (at, answer) in question.answers.iter().enumerate() {
            m.put("label", &[("class", "check")], |m| {
                let attributes = [
                    ("type", "radio"),
                    ("name", &*name),
                    ("value", &*at.to_string()),
                    ("checked", when(given == Some(at))),
                    ("data-field", &*name),
                ];
                m.void("input", &attributes);
                m.say("span", &[], answer);
            });
        }
        if let Some(given) = given {
            let say = if given == question.right { text::right } else { text::wrong };
            m.say("p", &[("role", "status")], &say(&question.why));
        }
    });
}
