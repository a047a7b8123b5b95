//! One style sheet where trunk wrote several: one request, and words that repeat across files compress once.

use std::{fs, path::Path};

/// Joins the style sheets that the page links, in their order, and links the whole in their place.
pub fn join(site: &Path) -> Result<(), String> {
    let at = site.join("index.html");
    let page = fs::read_to_string(&at).map_err(|error| format!("{}: {error}", at.display()))?;
    let (names, without) = linked(&page);
    if names.len() < 2 {
        return Ok(());
    }
    let mut whole = String::new();
    for name in &names {
        let path = site.join(name);
        whole += &fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let name = format!("styles-{:016x}.css", super::offline::hash(whole.bytes()));
    let path = site.join(&name);
    fs::write(&path, whole).map_err(|error| format!("{}: {error}", path.display()))?;
    let page = without.replacen(PLACE, &format!("<link rel=\"stylesheet\" href=\"./{name}\">"), 1);
    fs::write(&at, page).map_err(|error| format!("{}: {error}", at.display()))
}

/// Where the first sheet was linked.
const PLACE: &str = "<!--styles-->";

/// The style sheets that a page links from its own folder, and the page without them.
fn linked(page: &str) -> (Vec<String>, String) {
    let (mut names, mut rest, mut left) = (Vec::new(), String::new(), page);
    while let Some(start) = left.find("<link") {
        let Some(end) = left[start..].find('>').map(|length| start + length + 1) else { break };
        let tag = &left[start..end];
        rest += &left[..start];
        match own_sheet(tag) {
            Some(name) => {
                if names.is_empty() {
                    rest += PLACE;
                }
                names.push(name.to_owned());
            }
            None => rest += tag,
        }
        left = &left[end..];
    }
    (names, rest + left)
}

/// The file that a tag links as a style sheet, with or without quotes around its attributes.
fn own_sheet(tag: &str) -> Option<&str> {
    let value = |name: &str| {
        let text = tag.split_once(name)?.1;
        match text.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => text.split([' ', '>']).next(),
        }
    };
    (value(" rel=")? == "stylesheet").then_some(())?;
    let name = value(" href=")?.trim_start_matches("./");
    (!name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::linked;

    #[test]
    fn sheets_are_taken_out_whether_quoted_or_not() {
        let page = "<head><link rel=icon href=./i.svg><link href=./a-1.css integrity=x rel=stylesheet>\
                    <link rel=\"stylesheet\" href=\"./b.css\"/><link rel=\"stylesheet\" href=\"https://x/y.css\"></head>";
        let (names, rest) = linked(page);
        assert_eq!(names, ["a-1.css", "b.css"]);
        assert_eq!(
            rest,
            "<head><link rel=icon href=./i.svg><!--styles--><link rel=\"stylesheet\" href=\"https://x/y.css\"></head>"
        );
    }
}
