//! Everything that must hold before a change lands, in the order in which it fails fastest.

use std::{env, ffi::OsString, path::PathBuf, process::Command, time::Instant};

use crate::{
    run::{command, output, root, run},
    size, tools,
};

/// Runs all of it; the first failure ends it.
pub fn everything() -> Result<(), String> {
    let mut steps = Steps::default();
    steps.step("format", || run(command("cargo", &["fmt", "--all", "--check"], None)))?;
    steps.step("lints of the core and the tools", || {
        run(command("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], None))
    })?;
    steps.step("tests of the core", || run(command("cargo", &["test", "--workspace"], None)))?;
    let mut path = OsString::new();
    steps.step("tools of the page", || {
        path = tools::web()?;
        Ok(())
    })?;
    steps.step("lints of the page", || {
        let args = [
            "clippy",
            "--features",
            "ui",
            "--target",
            "wasm32-unknown-unknown",
            "--bin",
            "app",
            "--",
            "-D",
            "warnings",
        ];
        run(command("cargo", &args, None))?;
        let args = [
            "clippy",
            "--features",
            "reader",
            "--target",
            "wasm32-unknown-unknown",
            "--bin",
            "reader",
            "--",
            "-D",
            "warnings",
        ];
        run(command("cargo", &args, None))
    })?;
    steps.step("the static site", || crate::run::build(&path))?;
    steps.step("its size", || size::report(size::Gate::On))?;
    steps.step("the page in a browser", browser)?;
    steps.summary();
    Ok(())
}

#[derive(Default)]
struct Steps {
    done: Vec<(&'static str, f64)>,
}

impl Steps {
    fn step(&mut self, name: &'static str, run: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        println!("\n== {name}");
        let start = Instant::now();
        run().map_err(|error| format!("{name}: {error}"))?;
        self.done.push((name, start.elapsed().as_secs_f64()));
        Ok(())
    }

    fn summary(&self) {
        println!("\n== everything passed");
        for (name, seconds) in &self.done {
            println!("{seconds:>7.1} s  {name}");
        }
    }
}

/// Installs the browser tests and runs them against `dist/`.
fn browser() -> Result<(), String> {
    let e2e = root().join("tests").join("e2e");
    let here = |mut command: Command| {
        command.current_dir(&e2e);
        command
    };
    run(here(command("npm", &["ci", "--no-audit", "--no-fund"], None)))?;
    let mut tests = here(command("npx", &["playwright", "test"], None));
    if let Some(browser) = installed_browser() {
        println!("browser: {}", browser.display());
        tests.env("PLANNER_BROWSER", browser);
    } else if run(here(command("npx", &["playwright", "install", "chromium"], None))).is_err() {
        tests.env("PLANNER_BROWSER", debian_browser()?);
    }
    run(tests)
}

/// A Chromium that is already there: the one that was named, or one with a usual name.
fn installed_browser() -> Option<PathBuf> {
    if let Some(named) = env::var_os("PLANNER_BROWSER") {
        return Some(PathBuf::from(named));
    }
    let usual = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    usual.iter().find_map(|name| {
        let found =
            env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())?;
        output(command(&found.to_string_lossy(), &["--version"], None)).map(|_| found)
    })
}

/// Where Playwright cannot download its own browser, Debian's serves as well.
fn debian_browser() -> Result<PathBuf, String> {
    let ask = "no browser: install Chromium or Chrome, or set PLANNER_BROWSER to one";
    let is_root = output(command("id", &["-u"], None)).as_deref() == Some("0");
    if !is_root {
        return Err(ask.to_owned());
    }
    let _ = run(command("apt-get", &["update", "-qq"], None));
    run(command("apt-get", &["install", "-y", "-qq", "chromium"], None)).map_err(|error| format!("{ask} ({error})"))?;
    installed_browser().ok_or_else(|| ask.to_owned())
}
