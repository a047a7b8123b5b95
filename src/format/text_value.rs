//! Types and constants of MIL text; see [`super::text`].
//!
//! Both are read without recursion, however deep they nest. Of a constant the values are kept when they are few, else
//! its size and a fingerprint. Absent on purpose: what lists, dictionaries and tuples hold.

use super::{
    constant::{Constant, LITERAL_MAX, RANK_MAX, Store, Typed},
    graph::Binding,
    lex::{Stop, Token},
    number::{float, integer},
    text::Reader,
    wire::Span,
};
use crate::model::{DType, Dim, Literal, TensorType, ValueType};

impl Reader<'_, '_, '_> {
    /// `type(literal)`, after the first word of the type.
    pub(super) fn value(&mut self, first: TypeWord) -> Result<Constant, Stop> {
        let at = self.lex.token_at();
        let ty = self.rest_of_type(first)?.ty;
        self.mark(b'(')?;
        let store = match ty.tensor() {
            Some(tensor) => self.literal(tensor)?,
            None => {
                self.lex.pass_to_close()?;
                Store::Other
            }
        };
        Ok(Constant { ty, store, at: Span { at, end: at } })
    }

    /// What stands between the brackets of a tensor's constant, and the closing one.
    fn literal(&mut self, ty: &TensorType) -> Result<Store, Stop> {
        if self.lex.peek()? == Token::Word && self.lex.text() == b"BLOBFILE" {
            self.lex.next()?;
            let store = self.blob()?;
            self.mark(b')')?;
            return Ok(store);
        }
        if ty.elements().is_none_or(|elements| elements > LITERAL_MAX as u64) {
            let passed = self.lex.pass_to_close()?;
            let (literal, fingerprint) = (Literal::Opaque, passed.fingerprint);
            return Ok(Store::Told { bytes: bytes_of(ty, passed.n), literal, fingerprint });
        }
        let mut found = Elements::new(ty.dtype);
        let mut depth = 0_u64;
        loop {
            match self.lex.next()? {
                Token::Mark(b')' | b']' | b'}') if depth == 0 => break,
                Token::Mark(b')' | b']' | b'}') => depth -= 1,
                Token::Mark(b'(' | b'[' | b'{') => depth += 1,
                Token::Mark(b',') => {}
                Token::Word | Token::Text => found.take(self.lex.text()),
                Token::Arrow | Token::Mark(_) | Token::End => return Err(self.lex.unexpected("a number")),
            }
        }
        let (n, fingerprint) = (found.n, found.fingerprint);
        Ok(Store::Told { bytes: bytes_of(ty, n), literal: found.finish(), fingerprint })
    }

    /// `(path = type("…"), offset = type(n))`.
    fn blob(&mut self) -> Result<Store, Stop> {
        self.mark(b'(')?;
        let (mut path, mut offset) = (None, None);
        for (key, items) in self.bindings(b')')? {
            let literal = match one_value(items).map(|value| value.store) {
                Some(Store::Told { literal, .. }) => literal,
                Some(Store::Blob(..) | Store::Inline(..) | Store::Other) | None => continue,
            };
            match (key.as_str(), literal) {
                ("path", Literal::Text(text)) => path = Some(text),
                ("offset", Literal::Ints(ints)) => offset = ints.first().map(|int| *int as u64),
                _ => {}
            }
        }
        match (path, offset) {
            (Some(path), Some(offset)) => Ok(Store::Blob(path, offset)),
            _ => {
                let what = "a constant in a file states no path or no offset".to_owned();
                Err(Stop::Text { at: self.lex.token_at(), what })
            }
        }
    }

    pub(super) fn a_type(&mut self) -> Result<Typed, Stop> {
        let first = self.type_word("a type")?;
        self.rest_of_type(first)
    }

    /// The first word of a type, or a name.
    pub(super) fn type_word(&mut self, wanted: &str) -> Result<TypeWord, Stop> {
        match self.lex.next()? {
            Token::Word => Ok(match self.lex.text() {
                b"tensor" => TypeWord::Tensor,
                b"state" => TypeWord::State,
                word => match dtype(word) {
                    DType::Unknown => TypeWord::Other(self.lex.owned()),
                    dtype => TypeWord::Scalar(dtype),
                },
            }),
            Token::Text | Token::Arrow | Token::Mark(_) | Token::End => Err(self.lex.unexpected(wanted)),
        }
    }

    /// A type after its first word. Nested types other than states are passed over: nothing needs what they hold.
    pub(super) fn rest_of_type(&mut self, first: TypeWord) -> Result<Typed, Stop> {
        let mut found = Typed { ty: ValueType::Other, is_state: false, odd_rank: false };
        let mut word = first;
        let mut n_states = 0_u64;
        while matches!(word, TypeWord::State) && self.takes(b'<')? {
            n_states += 1;
            word = self.type_word("a type")?;
        }
        found.is_state = n_states > 0;
        match word {
            TypeWord::Tensor => found.ty = ValueType::Tensor(self.tensor_type()?),
            TypeWord::Scalar(dtype) => found.ty = ValueType::Tensor(TensorType { dtype, shape: Vec::new() }),
            TypeWord::State => return Err(self.lex.unexpected("`<`")),
            TypeWord::Other(name) if self.takes(b'<')? => {
                if !matches!(name.as_str(), "list" | "dict" | "tuple") {
                    self.to.notes.add(self.to.file, format!("the type `{name}` is not known"));
                }
                self.lex.pass_to_close()?;
            }
            TypeWord::Other(_) => {
                found.ty = ValueType::Tensor(TensorType { dtype: DType::Unknown, shape: Vec::new() });
            }
        }
        for _ in 0..n_states {
            self.mark(b'>')?;
        }
        Ok(found)
    }

    /// `<dtype, [dims]>`.
    fn tensor_type(&mut self) -> Result<TensorType, Stop> {
        self.mark(b'<')?;
        let element = match self.type_word("an element type")? {
            TypeWord::Scalar(dtype) => dtype,
            TypeWord::Tensor | TypeWord::State | TypeWord::Other(_) => DType::Unknown,
        };
        let mut found = TensorType { dtype: element, shape: Vec::new() };
        self.mark(b',')?;
        self.mark(b'[')?;
        while !self.takes(b']')? {
            let dim = match self.lex.next()? {
                Token::Mark(b'?') => Dim::Flexible,
                Token::Word => self.dimension(),
                Token::Text | Token::Arrow | Token::Mark(_) | Token::End => {
                    return Err(self.lex.unexpected("a dimension"));
                }
            };
            if found.shape.len() < RANK_MAX {
                found.shape.push(dim);
            }
            self.takes(b',')?;
        }
        self.mark(b'>')?;
        Ok(found)
    }

    fn dimension(&mut self) -> Dim {
        let word = self.lex.text();
        match std::str::from_utf8(word).ok().and_then(|word| word.parse::<u64>().ok()) {
            Some(size) => Dim::Fixed(size),
            // The name of a size that is decided at run time.
            None if !word.first().is_some_and(u8::is_ascii_digit) => Dim::Flexible,
            None => {
                let at = self.lex.token_at();
                let text =
                    format!("at offset {at:#x}, the dimension {} is larger than can be counted", self.lex.shown());
                self.to.notes.add(self.to.file, text);
                Dim::Fixed(u64::MAX)
            }
        }
    }
}

/// The first word of a type, or a name that is none.
pub(super) enum TypeWord {
    Tensor,
    State,
    Scalar(DType),
    Other(String),
}

impl TypeWord {
    pub(super) fn into_name(self) -> String {
        match self {
            Self::Tensor => "tensor".to_owned(),
            Self::State => "state".to_owned(),
            Self::Scalar(dtype) => dtype.name().to_owned(),
            Self::Other(name) => name,
        }
    }
}

fn dtype(word: &[u8]) -> DType {
    // Most words are names, and longer than any element type.
    if word.len() > 10 { DType::Unknown } else { std::str::from_utf8(word).map_or(DType::Unknown, DType::from_name) }
}

/// The elements of a short constant.
struct Elements {
    dtype: DType,
    n: u64,
    fingerprint: u64,
    ints: Vec<i64>,
    floats: Vec<f32>,
    texts: Vec<String>,
    /// Whether some element is not of the type.
    is_odd: bool,
}

impl Elements {
    fn new(dtype: DType) -> Self {
        let (ints, floats, texts) = (Vec::new(), Vec::new(), Vec::new());
        Self { dtype, n: 0, fingerprint: 0xCBF2_9CE4_8422_2325, ints, floats, texts, is_odd: false }
    }

    fn take(&mut self, element: &[u8]) {
        self.n += 1;
        for byte in element.iter().chain(b" ") {
            self.fingerprint = (self.fingerprint ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
        if self.n > LITERAL_MAX as u64 {
            self.is_odd = true;
        } else if self.dtype == DType::Bool {
            match element {
                b"true" | b"1" => self.ints.push(1),
                b"false" | b"0" => self.ints.push(0),
                _ => self.is_odd = true,
            }
        } else if self.dtype == DType::String {
            self.texts.push(String::from_utf8_lossy(element).into_owned());
        } else if self.dtype.is_float() {
            match float(element) {
                Some(value) => self.floats.push(value as f32),
                None => self.is_odd = true,
            }
        } else {
            match integer(element) {
                Some(value) => self.ints.push(value),
                None => self.is_odd = true,
            }
        }
    }

    fn finish(mut self) -> Literal {
        match self.dtype {
            _ if self.is_odd => Literal::Opaque,
            DType::Unknown => Literal::Opaque,
            DType::String if self.n == 1 => Literal::Text(self.texts.pop().unwrap_or_default()),
            DType::String => Literal::Opaque,
            DType::Bool => Literal::Bools(self.ints.into_iter().map(|int| int != 0).collect()),
            dtype if dtype.is_float() => Literal::Floats(self.floats),
            _ => Literal::Ints(self.ints),
        }
    }
}

/// Bytes that a constant stands for, by its type, but never more than the elements that are there.
fn bytes_of(ty: &TensorType, n_elements: u64) -> u64 {
    let bits = u64::from(ty.dtype.bits().unwrap_or(0));
    ty.bytes().min(n_elements.saturating_mul(bits).div_ceil(8))
}

pub(super) fn one_value(items: Vec<Binding>) -> Option<Constant> {
    items.into_iter().find_map(|item| match item {
        Binding::Value(value) => Some(value),
        Binding::Name(_) => None,
    })
}
