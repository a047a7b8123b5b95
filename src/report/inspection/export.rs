//! Files to keep: a listing as CSV, and what to call it.

use super::{
    listing::{Cell, Listing, columns},
    query::ListingKind,
};

/// The rows of a listing, in this order.
pub(super) fn csv(listing: &dyn Listing, kind: ListingKind, order: &[u32]) -> String {
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        for (idx, cell) in cells.enumerate() {
            if idx > 0 {
                out.push(',');
            }
            out.push_str(&cell);
        }
        out.push_str("\r\n");
    };
    line(&mut columns(kind).iter().map(|(name, _)| quoted(name)));
    for row in order {
        line(&mut (0..columns(kind).len()).map(|column| match listing.cell(*row as usize, column) {
            Cell::Text(text) => quoted(&text),
            number => number.plain().into_owned(),
        }));
    }
    out
}

/// A text as a CSV cell. A name from a file that a spreadsheet would take for a formula is marked as text.
fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if is_formula { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

/// A name for a file to keep: the package's own, without what file systems refuse.
pub(super) fn file_name(package: &str, ending: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = package.chars().take(80).map(plain).collect();
    format!("{}-{ending}", name.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_spreadsheet_is_neither_a_formula_nor_two_cells() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("plain", "plain");
        check("=1+1", "'=1+1");
        check("a,b", "\"a,b\"");
        check("-\"x\"\n", "\"'-\"\"x\"\"\n\"");
    }

    #[test]
    fn a_file_name_has_nothing_that_a_file_system_refuses() {
        let check = |text: &str, expected: &str| assert_eq!(file_name(text, "x.csv"), expected);
        check("../a b", "-a-b-x.csv");
        check("Llama-3.2_3B", "Llama-3.2_3B-x.csv");
        check("<\u{202e}>", "----x.csv");
    }
}
