//! Every recipe that a placement rule names is there, and its code is a program.

#![allow(clippy::print_stdout, reason = "a test says what it left out")]

use std::{
    io::Write,
    process::{Command, Stdio},
};

use coreml_planner::catalog::{Recipes, RuleTexts};

#[test]
fn every_recipe_that_a_rule_names_is_there() {
    let recipes = Recipes::get();
    assert!(recipes.recipe.len() >= 40, "{} recipes", recipes.recipe.len());
    for text in &RuleTexts::get().texts {
        if !text.fix_id.is_empty() {
            assert!(recipes.find(&text.fix_id).is_some(), "rule {} names the recipe `{}`", text.id, text.fix_id);
        }
    }
    let mut ids: Vec<&str> = recipes.recipe.iter().map(|recipe| recipe.id.as_str()).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "an id is there twice");
}

#[test]
fn every_recipe_says_what_it_does_and_what_it_costs() {
    for recipe in &Recipes::get().recipe {
        assert!(!recipe.title.is_empty() && recipe.changes.ends_with('.'), "{}", recipe.id);
        assert!(["python", "swift"].contains(&recipe.language.as_str()), "{}", recipe.id);
        assert!(recipe.code.lines().all(|line| line.chars().count() <= 120), "{}: a line is too long", recipe.id);
        assert!(recipe.code.trim().lines().count() <= 20, "{}: not a sketch", recipe.id);
    }
}

#[test]
fn the_python_of_every_recipe_is_valid() {
    let script = "import ast, sys; ast.parse(sys.stdin.read())";
    for recipe in Recipes::get().recipe.iter().filter(|recipe| recipe.language == "python") {
        let started = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut python) = started else {
            println!("not checked: there is no python3");
            return;
        };
        if let Some(mut input) = python.stdin.take() {
            let _ = input.write_all(recipe.code.as_bytes());
        }
        let output = python.wait_with_output().unwrap_or_else(|error| unreachable!("{error}"));
        assert!(output.status.success(), "{}: {}", recipe.id, String::from_utf8_lossy(&output.stderr));
    }
}
