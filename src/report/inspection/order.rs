//! Which rows of a listing are shown, and in which order.

use std::cmp::Ordering;

use super::{
    listing::{Cell, Listing, columns},
    query::{Content, ListingKind, ListingView, Order},
};

/// The order of a listing's rows: those that match, sorted as the view says.
pub(super) fn ordered(listing: &dyn Listing, view: &ListingView) -> Vec<u32> {
    let mut rows = matching(listing, view.which, &view.search.to_lowercase());
    let column = view.sort.and_then(|column| {
        let column = column as usize;
        Some((column, columns(view.which).get(column)?.1))
    });
    match column {
        // The order of the file has one direction only that anyone asks for.
        None => {}
        Some((column, Content::Number)) => {
            let mut keyed: Vec<(f64, u32)> =
                rows.iter().map(|row| (listing.cell(*row as usize, column).value(), *row)).collect();
            keyed.sort_by(|a, b| directed(a.0.total_cmp(&b.0), view.order));
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
        Some((column, Content::Text)) => {
            let text = |row: &u32| match listing.cell(*row as usize, column) {
                Cell::Text(text) => text,
                Cell::Bytes(_) | Cell::Count(_) | Cell::Bits(_) | Cell::Share(_) | Cell::Unknown => "".into(),
            };
            let mut keyed: Vec<_> = rows.iter().map(|row| (text(row), *row)).collect();
            keyed.sort_by(|a, b| directed(natural(&a.0, &b.0), view.order));
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
    }
    rows
}

fn directed(ordering: Ordering, order: Order) -> Ordering {
    match order {
        Order::Ascending => ordering,
        Order::Descending => ordering.reverse(),
    }
}

/// Compares names so that `layer_2` comes before `layer_10`, in any letter case.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (n, m) = (digits(a), digits(b));
        if n > 0 && m > 0 {
            let (left, right) = (a.get(..n).unwrap_or_default(), b.get(..m).unwrap_or_default());
            let zeros = |text: &[u8]| text.iter().take_while(|byte| **byte == b'0').count();
            let (left, right) =
                (left.get(zeros(left)..).unwrap_or_default(), right.get(zeros(right)..).unwrap_or_default());
            let ordering = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
            if ordering.is_ne() {
                return ordering;
            }
            (a, b) = (a.get(n..).unwrap_or_default(), b.get(m..).unwrap_or_default());
            continue;
        }
        match (a.split_first(), b.split_first()) {
            (Some((x, rest_of_a)), Some((y, rest_of_b))) => {
                let ordering = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
                if ordering.is_ne() {
                    return ordering;
                }
                (a, b) = (rest_of_a, rest_of_b);
            }
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        }
    }
}

/// The rows that hold a text, which is in small letters, in one of their words.
pub(super) fn matching(listing: &dyn Listing, kind: ListingKind, needle: &str) -> Vec<u32> {
    let rows = 0..u32::try_from(listing.len()).unwrap_or(u32::MAX);
    if needle.is_empty() {
        return rows.collect();
    }
    let words = columns(kind).iter().enumerate().filter(|(_, (_, content))| *content == Content::Text);
    let words: Vec<usize> = words.map(|(column, _)| column).collect();
    let holds = |row: u32| {
        words.iter().any(|column| match listing.cell(row as usize, *column) {
            Cell::Text(text) => has(&text, needle),
            Cell::Bytes(_) | Cell::Count(_) | Cell::Bits(_) | Cell::Share(_) | Cell::Unknown => false,
        })
    };
    rows.filter(|row| holds(*row)).collect()
}

/// Whether a text holds another, which is in small letters. Without a copy of the text where it is plain ASCII.
fn has(text: &str, needle: &str) -> bool {
    if text.is_ascii() {
        let needle = needle.as_bytes();
        text.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
    } else {
        text.to_lowercase().contains(needle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_numbers_are_ordered_as_people_count() {
        let check = |mut names: Vec<&str>, expected: &[&str]| {
            names.sort_by(|a, b| natural(a, b));
            assert_eq!(names, expected);
        };
        check(vec!["l_10", "l_2", "l_1"], &["l_1", "l_2", "l_10"]);
        check(vec!["b", "A", "c1", "c01x"], &["A", "b", "c1", "c01x"]);
        check(
            vec!["9999999999999999999999", "10000000000000000000000"],
            &["9999999999999999999999", "10000000000000000000000"],
        );
    }
}
