//! MIL text, token by token, over a range source.
//!
//! The text is read once, forwards, a piece at a time; a token may lie across pieces. What a token holds is kept up to a
//! limit, the rest of it is passed over, so no text can ask for memory. Constants of many elements are not cut into
//! tokens: their elements are counted and fingerprinted byte by byte, which is where most of the bytes of a large file
//! are. Absent on purpose: what the tokens mean.

use super::{Fault, RangeSource, ReadError};

/// Bytes that are read at a time.
const PIECE: u64 = 256 * 1024;
/// Longest word or string that is kept; the rest of a longer one is passed over.
const TEXT_MAX: usize = 64 * 1024;

/// A token; what a word or a text says is in [`Lexer::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number or a keyword.
    Word,
    /// A string between quotation marks.
    Text,
    /// `->`.
    Arrow,
    /// Any other character.
    Mark(u8),
    /// The end of the text.
    End,
}

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file cannot be read, or goes beyond a limit.
    Read(ReadError),
    /// The text is not MIL here.
    Text {
        /// Offset in the file.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// The elements of a constant that were passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) n: u64,
    pub(super) fingerprint: u64,
}

/// Reads one file as MIL text.
pub(super) struct Lexer<'s> {
    source: &'s dyn RangeSource,
    file: &'s str,
    len: u64,
    /// Offset of the first byte of `piece`.
    start: u64,
    piece: Vec<u8>,
    at: usize,
    text: Vec<u8>,
    token: Token,
    token_at: u64,
    is_peeked: bool,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s dyn RangeSource, file: &'s str) -> Self {
        let (piece, text) = (Vec::new(), Vec::new());
        let len = source.len();
        Self { source, file, len, start: 0, piece, at: 0, text, token: Token::End, token_at: 0, is_peeked: false }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token, Stop> {
        if self.is_peeked {
            self.is_peeked = false;
        } else {
            self.token = self.advance()?;
        }
        Ok(self.token)
    }

    /// The next token, which stays the next one.
    pub(super) fn peek(&mut self) -> Result<Token, Stop> {
        if !self.is_peeked {
            self.token = self.advance()?;
            self.is_peeked = true;
        }
        Ok(self.token)
    }

    /// Offset of the last token.
    pub(super) fn token_at(&self) -> u64 {
        self.token_at
    }

    /// What the last word or text says.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// What the last word or text says, as text.
    pub(super) fn owned(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// The error for a token that cannot stand where it stands.
    pub(super) fn unexpected(&self, wanted: &str) -> Stop {
        let found = match self.token {
            Token::Word => format!("`{}`", self.shown()),
            Token::Text => format!("the string \"{}\"", self.shown()),
            Token::Arrow => "`->`".to_owned(),
            Token::Mark(byte) => format!("`{}`", char::from(byte).escape_default()),
            Token::End => "the end of the text".to_owned(),
        };
        Stop::Text { at: self.token_at, what: format!("{found} stands where {wanted} must stand") }
    }

    /// The beginning of what the last word or text says.
    pub(super) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(self.text.get(..40).unwrap_or(&self.text));
        if self.text.len() > 40 { format!("{text}…") } else { text.into_owned() }
    }

    /// Passes over everything up to the mark that closes what an already read mark opened. Strings are respected,
    /// kinds of brackets are not told apart: nesting costs nothing, however deep.
    pub(super) fn pass_to_close(&mut self) -> Result<Passed, Stop> {
        let opened_at = self.token_at;
        let mut passed = Passed { n: 0, fingerprint: FNV_START };
        // A peeked token has been taken from the text already.
        let mut depth = 0_u64;
        if self.is_peeked {
            self.is_peeked = false;
            match self.token {
                Token::Word | Token::Text => {
                    passed.n = 1;
                    for byte in &self.text {
                        passed.mix(*byte);
                    }
                }
                Token::Mark(byte) => match class(byte) {
                    Class::Open => depth = 1,
                    Class::Close => return Ok(passed),
                    Class::Word | Class::Quote | Class::Space | Class::Other => {}
                },
                Token::Arrow | Token::End => {}
            }
        }
        let mut in_word = false;
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let mut taken = rest.len();
            let mut quoted = false;
            for (at, byte) in rest.iter().enumerate() {
                match class(*byte) {
                    Class::Word => {
                        passed.n += u64::from(!in_word);
                        in_word = true;
                        passed.mix(*byte);
                        continue;
                    }
                    Class::Open => depth += 1,
                    Class::Close if depth == 0 => {
                        self.at += at + 1;
                        return Ok(passed);
                    }
                    Class::Close => depth -= 1,
                    Class::Quote => {
                        (taken, quoted) = (at + 1, true);
                        break;
                    }
                    Class::Space | Class::Other => {}
                }
                in_word = false;
                // Where one element ends and the next begins is part of what they say.
                passed.mix(b' ');
            }
            self.at += taken;
            if quoted {
                in_word = false;
                passed.n += 1;
                self.string()?;
                for byte in &self.text {
                    passed.mix(*byte);
                }
            } else if !self.fill()? {
                return Err(Stop::Text { at: opened_at, what: "a bracket is not closed before the text ends".into() });
            }
        }
    }

    fn advance(&mut self) -> Result<Token, Stop> {
        let first = loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let Some(blanks) = rest.iter().position(|byte| class(*byte) != Class::Space) else {
                self.at = self.at.max(self.piece.len());
                if self.fill()? {
                    continue;
                }
                self.token_at = self.len;
                return Ok(Token::End);
            };
            let first = rest.get(blanks).copied().unwrap_or_default();
            self.at += blanks;
            self.token_at = self.start + self.at as u64;
            // A byte order mark.
            if first == 0xEF && self.token_at == 0 {
                self.at += 3;
                continue;
            }
            break first;
        };
        self.at += 1;
        match first {
            b'"' => {
                self.string()?;
                return Ok(Token::Text);
            }
            b'-' if self.byte()? == Some(b'>') => {
                self.at += 1;
                return Ok(Token::Arrow);
            }
            _ if class(first) != Class::Word => return Ok(Token::Mark(first)),
            _ => {}
        }
        let is_number = matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.');
        self.text.clear();
        self.text.push(first);
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            // A sign belongs to a number, not to a name.
            let ends = |byte: &u8| class(*byte) != Class::Word || (!is_number && matches!(byte, b'-' | b'+'));
            let n = rest.iter().position(ends);
            let word = rest.get(..n.unwrap_or(rest.len())).unwrap_or_default();
            let room = TEXT_MAX.saturating_sub(self.text.len()).min(word.len());
            self.text.extend_from_slice(word.get(..room).unwrap_or_default());
            self.at += word.len();
            if n.is_some() || !self.fill()? {
                return Ok(Token::Word);
            }
        }
    }

    /// A string whose first quotation mark has been read.
    fn string(&mut self) -> Result<(), Stop> {
        let opened_at = (self.start + self.at as u64).saturating_sub(1);
        self.text.clear();
        loop {
            let rest = self.piece.get(self.at..).unwrap_or_default();
            let n = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let plain = rest.get(..n.unwrap_or(rest.len())).unwrap_or_default();
            let room = TEXT_MAX.saturating_sub(self.text.len()).min(plain.len());
            self.text.extend_from_slice(plain.get(..room).unwrap_or_default());
            let end = n.and_then(|n| rest.get(n)).copied();
            self.at += plain.len();
            match end {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => {
                    self.at += 1;
                    if let Some(escaped) = self.byte()? {
                        self.at += 1;
                        let meant = match escaped {
                            b'n' => b'\n',
                            b't' => b'\t',
                            b'r' => b'\r',
                            b'0' => 0,
                            other => other,
                        };
                        if self.text.len() < TEXT_MAX {
                            self.text.push(meant);
                        }
                    }
                }
                None if self.fill()? => {}
                None => {
                    let what = "a string is not closed before the text ends".to_owned();
                    return Err(Stop::Text { at: opened_at, what });
                }
            }
        }
    }

    fn byte(&mut self) -> Result<Option<u8>, Stop> {
        if self.at >= self.piece.len() && !self.fill()? {
            return Ok(None);
        }
        Ok(self.piece.get(self.at).copied())
    }

    /// The next piece of the text, once the last one is used up; whether there is one.
    fn fill(&mut self) -> Result<bool, Stop> {
        let over = self.at.saturating_sub(self.piece.len()) as u64;
        let next = self.start + self.piece.len() as u64;
        let size = PIECE.min(self.len.saturating_sub(next));
        if size == 0 {
            return Ok(false);
        }
        self.piece.resize(size as usize, 0);
        (self.start, self.at) = (next, over as usize);
        match self.source.read_at(next, &mut self.piece) {
            Ok(()) => Ok(true),
            Err(what) => {
                let (file, hint) = (self.file.to_owned(), String::new());
                Err(Stop::Read(ReadError { fault: Fault::Io, file, offset: Some(next), what, hint }))
            }
        }
    }
}

const FNV_START: u64 = 0xCBF2_9CE4_8422_2325;

impl Passed {
    fn mix(&mut self, byte: u8) {
        self.fingerprint = (self.fingerprint ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
}

/// What a byte is for the lexer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Open,
    Close,
    Quote,
    Space,
    Other,
}

fn class(byte: u8) -> Class {
    const CLASSES: [Class; 256] = classes();
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Other)
}

const fn classes() -> [Class; 256] {
    let mut all = [Class::Other; 256];
    let mut at = 0;
    while at < 256 {
        #[allow(clippy::indexing_slicing, reason = "the index is the loop's own, and the build would fail")]
        {
            all[at] = match at as u8 {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80.. => Class::Word,
                b'_' | b'.' | b'+' | b'-' | b'$' | b'@' | b'/' | b':' | b'&' | b'~' => Class::Word,
                b'(' | b'[' | b'{' | b'<' => Class::Open,
                b')' | b']' | b'}' | b'>' => Class::Close,
                b'"' => Class::Quote,
                b' ' | b'\n' | b'\r' | b'\t' => Class::Space,
                _ => Class::Other,
            };
        }
        at += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);
    impl RangeSource for Bytes {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
            let from = offset as usize;
            into.copy_from_slice(self.0.get(from..from + into.len()).ok_or("past the end")?);
            Ok(())
        }
    }

    fn tokens(text: &str) -> String {
        let source = Bytes(text.as_bytes().to_vec());
        let mut lexer = Lexer::new(&source, "test");
        let mut seen = Vec::new();
        loop {
            seen.push(match lexer.next() {
                Ok(Token::Word) => lexer.owned(),
                Ok(Token::Text) => format!("{:?}", lexer.owned()),
                Ok(Token::Arrow) => "arrow".to_owned(),
                Ok(Token::Mark(byte)) => char::from(byte).to_string(),
                Ok(Token::End) => break,
                Err(Stop::Text { at, what }) => {
                    seen.push(format!("{at}: {what}"));
                    break;
                }
                Err(Stop::Read(error)) => panic!("{error}"),
            });
        }
        seen.join(" ")
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(tokens(text), expected, "{text}");
    }

    #[test]
    fn text_is_cut_into_names_numbers_strings_and_marks() {
        check("tensor<fp16, [1,?]> x=f(y = -0x1.8p-3);", "tensor < fp16 , [ 1 , ? ] > x = f ( y = -0x1.8p-3 ) ;");
        check("\u{feff}} -> (a)", "} arrow ( a )");
        check("x->(y)", "x arrow ( y )");
        check(r#"string("a \"b\" \\ \n")"#, r#"string ( "a \"b\" \\ \n" )"#);
        check("a\0b", "a \0 b");
        check("1e+5,inf", "1e+5 , inf");
        check("\"never closed", "0: a string is not closed before the text ends");
    }

    #[test]
    fn a_token_across_two_pieces_is_one_token() {
        for at in PIECE as usize - 3..PIECE as usize + 3 {
            let spaces = " ".repeat(at - 2);
            check(&format!("{spaces}name\"a\\\"text\" ->"), "name \"a\\\"text\" arrow");
        }
    }

    #[test]
    fn what_is_between_brackets_is_counted_whatever_its_depth() {
        let pass = |text: &str| {
            let source = Bytes(text.as_bytes().to_vec());
            let mut lexer = Lexer::new(&source, "test");
            lexer.next().ok();
            lexer.pass_to_close().ok().map(|passed| (passed.n, lexer.next().ok()))
        };
        assert_eq!(pass("(1, [2, 3], \"]) \", {x}) ;"), Some((5, Some(Token::Mark(b';')))));
        assert_eq!(pass("(1, 2"), None);
        let deep = format!("({}7{}) x", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(pass(&deep), Some((1, Some(Token::Word))));
    }
}
