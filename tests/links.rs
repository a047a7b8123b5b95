//! Links that were published open for ever.

use coreml_planner::{
    report::answer,
    scenario::url::{decode, encode},
};

#[test]
fn every_published_link_opens_and_says_the_same_again() {
    let mut n_links = 0;
    for line in include_str!("links.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (scenario, notes) = decode(line);
        assert!(notes.is_empty(), "{line}: {notes:?}");
        assert_eq!(encode(&scenario), line);
        assert!(answer::machine(&scenario).is_ok(), "{line}: unknown device");
        let chosen = answer::choose(&scenario, None);
        assert!(chosen.is_ok(), "{line}: {:?}", chosen.err());
        n_links += 1;
    }
    assert!(n_links >= 4);
}
