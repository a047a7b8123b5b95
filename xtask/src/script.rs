//! The script that wasm-bindgen writes, without its comments and indentation: trunk cannot minify it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The scripts of wasm-bindgen in the site, each with its wasm; the scripts that we wrote have none.
pub fn pairs(site: &Path) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(site).map_err(|error| format!("{}: {error}", site.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".js") else { continue };
        let wasm = site.join(format!("{stem}_bg.wasm"));
        if wasm.exists() {
            found.push((entry.path(), wasm));
        }
    }
    Ok(found)
}

/// Shortens the scripts of wasm-bindgen in the site.
pub fn shorten(site: &Path) -> Result<(), String> {
    for (path, _) in pairs(site)? {
        let say = |error: std::io::Error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(say)?;
        fs::write(&path, without_comments(&text)).map_err(say)?;
    }
    Ok(())
}

/// The lines that are neither empty nor a comment. Text over several lines, which must stay as it is, is not in these
/// scripts; if there ever is some, nothing is changed.
fn without_comments(script: &str) -> String {
    if script.lines().any(|line| line.matches('`').count() % 2 == 1) {
        return script.to_owned();
    }
    let mut short = String::with_capacity(script.len());
    let mut is_comment = false;
    for line in script.lines().map(str::trim) {
        is_comment |= line.starts_with("/*");
        if is_comment {
            is_comment = !line.ends_with("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            short.push_str(line);
            short.push('\n');
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::without_comments;

    #[test]
    fn comments_go_and_code_stays() {
        let script =
            "/**\n * @returns {number}\n */\nexport function a() {\n    return 1; // one\n}\n\n// end\n/* b */\n";
        assert_eq!(without_comments(script), "export function a() {\nreturn 1; // one\n}\n");
    }

    #[test]
    fn a_script_with_text_over_several_lines_is_left_alone() {
        let script = "const a = `one\n   // two`;\n";
        assert_eq!(without_comments(script), script);
    }
}
