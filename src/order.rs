//! Puts short lists in order.
//!
//! The standard library's sorts are some five kilobytes of the page for each kind of list; ours here have a handful of
//! rows. Absent on purpose: anything for long lists, which this would be slow for.

/// Orders a short list so that `before(a, b)` holds for no later `a` and earlier `b`; equals keep their order.
pub fn by<T>(list: &mut [T], before: impl Fn(&T, &T) -> bool) {
    for end in 1..list.len() {
        let mut at = end;
        while at > 0 && matches!((list.get(at), list.get(at - 1)), (Some(a), Some(b)) if before(a, b)) {
            list.swap(at, at - 1);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn equals_keep_their_order() {
        let mut list = [(3, 'a'), (1, 'b'), (3, 'c'), (2, 'd'), (1, 'e')];
        super::by(&mut list, |a, b| a.0 < b.0);
        assert_eq!(list, [(1, 'b'), (1, 'e'), (2, 'd'), (3, 'a'), (3, 'c')]);
    }
}
