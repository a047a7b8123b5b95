//! Zeros left out: `prune_weights` of coremltools 9.0 with a target sparsity.
//!
//! One bit for each element and the values that are left. The threshold is the percentile of the magnitudes, so a
//! weight keeps `n − ⌊p(n−1)⌋ − 1` values when no two are equal; equal values at the threshold go too, which in
//! fp16 makes real files smaller by up to half a percent. (With NumPy 2, coremltools 9.0 prunes nothing in fp16 weights
//! of more than 65,504 elements and the file grows; this is the intended result.)

use super::{
    file::{packed, piece},
    row::Row,
    stored::Pieces,
};

/// Values that are left of `elements`.
pub(super) fn n_nonzero(elements: u64, percent: u32) -> u64 {
    if percent == 0 || elements == 0 {
        return elements;
    }
    let (last, percent) = (elements - 1, u64::from(percent.min(100)));
    // ⌊p(n−1)/100⌋, in two steps so that it cannot overflow.
    last - (last / 100 * percent + last % 100 * percent / 100)
}

/// What the weight becomes.
pub(super) fn prune(row: &Row<'_>, percent: u32, value_bytes: u64) -> Pieces {
    let left = n_nonzero(row.elements, percent);
    Pieces { data: piece(left, left.saturating_mul(value_bytes)), mask: mask(row.elements), ..Pieces::default() }
}

/// The bit mask of a sparse weight.
pub(super) fn mask(elements: u64) -> super::Piece {
    piece(elements, packed(elements, 1))
}

#[cfg(test)]
mod tests {
    use super::n_nonzero;

    #[test]
    fn the_percentile_itself_is_pruned() {
        let check =
            |elements, percent, left| assert_eq!(n_nonzero(elements, percent), left, "{elements} at {percent} %");
        // Of 1, 2, 3, 4, 5 the median is 3: 4 and 5 stay.
        check(5, 50, 2);
        // Of 1, 2, 3, 4 the median is 2.5.
        check(4, 50, 2);
        check(101, 75, 25);
        check(100, 0, 100);
        check(100, 100, 0);
        check(0, 50, 0);
    }
}
