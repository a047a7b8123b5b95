//! Lessons: none is solved where it starts, each can be solved, and the words are whole.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use coreml_planner::{
    catalog::{Lesson, Lessons, Task},
    desk::is_solved,
    report::{answer, controls::repair, page},
    scenario::{DeviceRef, Pick, Scenario, Units, url},
    variant,
};

fn lessons() -> &'static [Lesson] {
    &Lessons::get().lesson
}

fn solved(task: &Task, scenario: &Scenario) -> bool {
    let (view, details) = page::whole(scenario, None).expect("a plan");
    let chosen = answer::choose(scenario, None).expect("a model");
    is_solved(task, scenario, chosen.model.n_params() as f64, &view, &details)
}

fn start(lesson: &Lesson) -> Scenario {
    let (mut scenario, notes) = url::decode(&lesson.link);
    assert_eq!(notes, Vec::<String>::new(), "{}", lesson.id);
    assert_eq!(repair(&mut scenario), Vec::<String>::new(), "{}", lesson.id);
    scenario
}

#[test]
fn no_task_is_solved_where_its_lesson_starts() {
    assert!(lessons().len() >= 2);
    for lesson in lessons() {
        for task in &lesson.task {
            assert!(!solved(task, &start(lesson)), "{}: {} is solved at the start", lesson.id, task.text);
        }
    }
}

#[test]
fn every_task_can_be_solved_by_a_cell_of_the_matrix_and_a_shorter_context() {
    for lesson in lessons() {
        for task in &lesson.task {
            let can = [4096, 2048, 1024].into_iter().any(|context| {
                variant::EVERY.iter().any(|variant| {
                    Units::EVERY.into_iter().any(|units| {
                        let pick = Some(Pick { variant: *variant, units });
                        let own = start(lesson);
                        let device = task
                            .device
                            .as_ref()
                            .map_or(own.device.clone(), |id| DeviceRef::Known { id: id.clone(), ram_gib: None });
                        let asked = Scenario { pick, device, context, ..own };
                        task.units.as_ref().is_none_or(|id| units.id() == id)
                            && task.variant.as_ref().is_none_or(|id| variant.id().starts_with(id))
                            && solved(task, &asked)
                    })
                })
            });
            assert!(can, "{}: {} cannot be solved", lesson.id, task.text);
        }
    }
}

#[test]
fn every_question_has_its_right_answer_and_says_why() {
    for question in lessons().iter().flat_map(|lesson| &lesson.question) {
        assert!(question.right < question.answers.len(), "{}", question.text);
        assert!(question.why.ends_with('.') && question.text.ends_with('?'), "{}", question.text);
    }
}
