//! Running programs, with what they print left visible.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the project: the folder above this package.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// `program args…` from the root of the project, with `path` as its search path when there is one.
pub fn command(program: &str, args: &[&str], path: Option<&OsString>) -> Command {
    // npm and npx are scripts on Windows, which only a shell finds by their bare name.
    let is_script = cfg!(windows) && matches!(program, "npm" | "npx");
    let mut command = if is_script {
        let mut shell = Command::new("cmd");
        shell.arg("/C").arg(program);
        shell
    } else {
        Command::new(program)
    };
    command.args(args).current_dir(root());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command
}

/// Runs it to the end; an error names the command.
pub fn run(mut command: Command) -> Result<(), String> {
    let shown = format!("{command:?}").replace('"', "");
    println!("+ {}", shown.split_once(" PATH=").map_or(shown.as_str(), |(_, rest)| rest));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}")),
        Err(error) => Err(format!("`{shown}` could not start: {error}")),
    }
}

/// What it prints, if it runs and ends well.
pub fn output(mut command: Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The static site.
pub fn build(path: &OsString) -> Result<(), String> {
    run(command("trunk", &["build", "--release"], Some(path)))
}

/// Builds and serves the page on this machine.
pub fn serve(path: &OsString, port: &str) -> Result<(), String> {
    println!("the page will be at http://127.0.0.1:{port}/ (the first build takes a few minutes)");
    run(command("trunk", &["serve", "--release", "--port", port], Some(path)))
}
