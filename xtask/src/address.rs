//! What a site can say of itself only when it knows its address: oEmbed, by which other pages unfold a link to it.
//!
//! `PLANNER_ADDRESS` names the folder that the site will stand in. Without it there is no such file: an address that was
//! guessed would lead readers elsewhere.

use std::{env, fs, path::Path};

/// Writes `oembed.json` into the site and links it from the page, if the address is known.
pub fn write(site: &Path) -> Result<(), String> {
    let Ok(address) = env::var("PLANNER_ADDRESS") else { return Ok(()) };
    let address = checked(&address)?;
    let path = site.join("index.html");
    let page = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let linked =
        link(&page, &address).ok_or_else(|| format!("{}: there is no title to put a link after", path.display()))?;
    fs::write(&path, linked).map_err(|error| format!("{}: {error}", path.display()))?;
    let path = site.join("oembed.json");
    fs::write(&path, document(&address)).map_err(|error| format!("{}: {error}", path.display()))
}

/// The address with a slash at its end; only signs that need no escaping in HTML and JSON.
fn checked(address: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~:/".contains(letter);
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    if !is_web || !address.chars().all(is_plain) {
        return Err(format!("PLANNER_ADDRESS: `{address}` is no plain http address; name the folder of the site"));
    }
    Ok(format!("{}/", address.trim_end_matches('/')))
}

fn document(address: &str) -> String {
    format!(
        "{{\n  \"version\": \"1.0\",\n  \"type\": \"rich\",\n  \"title\": \"Core ML Planner\",\n  \"provider_name\": \"Core ML \
         Planner\",\n  \"provider_url\": \"{address}\",\n  \"width\": 800,\n  \"height\": 900,\n  \"html\": \"<iframe \
         src=\\\"{address}index.html?embed=1\\\" title=\\\"Core ML Planner\\\" width=\\\"800\\\" height=\\\"900\\\" \
         allow=\\\"clipboard-write\\\"></iframe>\"\n}}\n"
    )
}

/// The page with a link to the document after its title; nothing if it is there already.
fn link(page: &str, address: &str) -> Option<String> {
    let link = format!(
        "<link rel=\"alternate\" type=\"application/json+oembed\" href=\"{address}oembed.json\" title=\"Core ML Planner\">"
    );
    if page.contains(&link) {
        return Some(page.to_owned());
    }
    let (before, after) = page.split_once("</title>")?;
    Some([before, "</title>", &link, after].concat())
}

#[cfg(test)]
mod tests {
    use super::{checked, document, link};

    #[test]
    fn an_address_ends_with_one_slash_and_needs_no_escaping() {
        assert_eq!(checked("https://a.example/planner").as_deref(), Ok("https://a.example/planner/"));
        assert_eq!(checked("https://a.example/planner//").as_deref(), Ok("https://a.example/planner/"));
        for bad in
            ["", "a.example", "javascript:alert", "https://a.example/\"", "https://a.example/<b>", "https://a/?q"]
        {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_link_is_put_after_the_title_once() {
        let page = "<head><title>P</title><meta></head>";
        let once = link(page, "https://a.example/").unwrap_or_default();
        assert!(once.starts_with("<head><title>P</title><link rel=\"alternate\""), "{once}");
        assert!(once.ends_with("><meta></head>"), "{once}");
        assert_eq!(link(&once, "https://a.example/").as_deref(), Some(&*once));
        assert_eq!(link("<head></head>", "https://a.example/"), None);
    }

    #[test]
    fn the_document_frames_the_site_by_its_own_address() {
        let document = document("https://a.example/p/");
        assert!(document.contains("src=\\\"https://a.example/p/index.html?embed=1\\\""), "{document}");
        assert_eq!(document.matches("https://a.example/p/").count(), 2, "{document}");
    }
}
