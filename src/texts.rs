//! What the page says: every text of `assets/words/texts`, in the language that was built.
//!
//! A section is a module, a text is a constant, a text with blanks is a function of them. Absent on purpose: texts of the
//! terminal and errors about files, which are English like those of every tool, and words that are data (glossary,
//! fixes, lessons), which `catalog` has.

include!(concat!(env!("OUT_DIR"), "/texts.rs"));
