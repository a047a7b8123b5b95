//! Lessons: a plan to start from, tasks that the planner itself checks, and a quick check. Shared with the build script by
//! `#[path]`, so it uses serde and nothing else.

use serde::{Deserialize, Serialize};

/// Every lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lessons {
    /// In the order of the file.
    pub lesson: Vec<Lesson>,
}

/// One lesson.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Its id in links.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What a reader should know first, a paragraph each.
    pub text: Vec<String>,
    /// The plan it starts from, as in a link.
    pub link: String,
    /// What to do.
    #[serde(default)]
    pub task: Vec<Task>,
    /// What to know at the end.
    #[serde(default)]
    pub question: Vec<Question>,
}

/// Something to bring about; everything that is stated must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What to do.
    pub text: String,
    /// Where to look.
    pub hint: String,
    /// The device that must be chosen.
    #[serde(default)]
    pub device: Option<String>,
    /// Fewest parameters of the model.
    #[serde(default)]
    pub params_min: Option<f64>,
    /// The verdict: `fits`, or `fits-or-tight`.
    #[serde(default)]
    pub verdict: Option<String>,
    /// The compute units of the picked cell.
    #[serde(default)]
    pub units: Option<String>,
    /// Least share of the time on the Neural Engine, in percent, of the function that has least.
    #[serde(default)]
    pub ane_percent_min: Option<u32>,
    /// Beginning of the id of the picked variant.
    #[serde(default)]
    pub variant: Option<String>,
}

/// A question with one right answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// What can be answered.
    pub answers: Vec<String>,
    /// Which is right, counted from 0.
    pub right: usize,
    /// Why.
    pub why: String,
}
