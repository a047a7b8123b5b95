//! MIL programs as a compiled model writes them: the text of `model.mil` becomes statements for [`super::graph`].
//!
//! Both dialects are read, the one that wraps every scalar in a tensor (`tensor<int32, []>(0)`) and the one that does not
//! (`int32(0)`). Types and constants are read without recursion, however deep they nest; nested blocks by recursion that
//! [`Limits::depth`](super::Limits::depth) bounds. A statement that cannot be understood is left out with a warning, and
//! a text that ends too early gives what it held until there. Absent on purpose: weight values, attributes of functions
//! (what they say of shapes is in the model's description), and the values of long constants.

use std::collections::BTreeMap;

use super::{
    Fault, RangeSource, ReadError,
    constant::Typed,
    graph::{Binding, Body, Programs},
    lex::{Lexer, Stop, Token},
    text_value::{TypeWord, one_value},
};
use crate::model::{Block, Op, OpKind};

type Args = Vec<(String, Vec<Binding>)>;

/// Statements of a program that may be left out before the rest is not read.
const LEFT_OUT_MAX: usize = 100;

/// What the text of a program held, beside the functions that are in the model now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The functions, in the order of the text.
    pub(super) functions: Vec<ToldFunction>,
}

/// A function of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ToldFunction {
    pub(super) name: String,
    /// Statements by operation, `const` aside, those of nested blocks aside.
    pub(super) counts: BTreeMap<String, u64>,
    /// The same in nested blocks.
    pub(super) nested: BTreeMap<String, u64>,
}

impl Programs<'_, '_> {
    /// Reads the text of a program; `prefix` sets its functions apart from those of other models of a pipeline.
    pub(super) fn program_text(&mut self, source: &dyn RangeSource, prefix: &str) -> Result<Told, ReadError> {
        let file = self.file;
        let first = self.model.functions.len();
        let mut reader = Reader { lex: Lexer::new(source, file), to: self, told: Told::default(), n_left_out: 0 };
        let outcome = reader.program(prefix);
        let Reader { told, .. } = reader;
        match outcome {
            Ok(()) if told.functions.is_empty() => {
                self.notes.add(file, "the program has no functions: Core ML refuses it");
            }
            Ok(()) => {}
            Err(Stop::Text { at, what }) if told.functions.is_empty() => {
                let hint = "compile the model again, or give the .mlpackage that it was compiled from";
                return Err(ReadError {
                    fault: Fault::Corrupt,
                    file: file.to_owned(),
                    offset: Some(at),
                    what,
                    hint: hint.to_owned(),
                });
            }
            Err(Stop::Text { at, what }) => {
                self.notes.add(file, format!("at offset {at:#x}, {what}; the rest of the program is not read"));
            }
            Err(Stop::Read(error)) => return Err(error),
        }
        // The same order as that of a specification's functions.
        if let Some(functions) = self.model.functions.get_mut(first..) {
            functions.sort_by(|a, b| a.name.cmp(&b.name));
            let same = functions.iter().zip(functions.iter().skip(1)).find(|(a, b)| a.name == b.name);
            if let Some((function, _)) = same {
                self.notes.add(file, format!("there are two functions `{}`", function.name));
            }
        }
        Ok(told)
    }
}

/// Reads one text.
pub(super) struct Reader<'r, 'a, 's> {
    pub(super) lex: Lexer<'r>,
    pub(super) to: &'r mut Programs<'a, 's>,
    told: Told,
    n_left_out: usize,
}

impl Reader<'_, '_, '_> {
    fn program(&mut self, prefix: &str) -> Result<(), Stop> {
        self.keyword("program")?;
        self.mark(b'(')?;
        self.lex.pass_to_close()?;
        self.attributes_passed()?;
        self.mark(b'{')?;
        loop {
            match self.lex.next()? {
                Token::Mark(b'}') => return Ok(()),
                Token::Word if self.lex.text() == b"func" => self.function(prefix)?,
                Token::Word | Token::Text | Token::Arrow | Token::Mark(_) | Token::End => {
                    return Err(self.lex.unexpected("`func` or the end of the program"));
                }
            }
        }
    }

    fn function(&mut self, prefix: &str) -> Result<(), Stop> {
        let name = self.word("the name of a function")?;
        if self.to.model.functions.len() >= self.to.limits.functions {
            let what = format!("the model has more than {} functions", self.to.limits.functions);
            let at = self.lex.token_at();
            return Err(Stop::Read(self.to.wire.error(
                Fault::TooLarge,
                at,
                what,
                "it is larger than this planner can show",
            )));
        }
        let mut opset = String::new();
        if self.takes(b'<')? {
            opset = opset_name(&self.word("an operation set")?);
            self.mark(b'>')?;
        }
        let inputs = self.params()?;
        self.attributes_passed()?;
        self.mark(b'{')?;
        let (mut function, mut body) = self.to.begin_function(format!("{prefix}{name}"), opset, inputs);
        self.told.functions.push(ToldFunction { name, ..ToldFunction::default() });
        let mut block = Block { inputs: Vec::new(), outputs: Vec::new(), ops: Vec::new() };
        // What was read until an error is worth showing.
        let outcome = self.body_of(&mut block, &mut body, 0);
        if let Err(Stop::Read(error)) = outcome {
            return Err(Stop::Read(error));
        }
        self.to.finish_function(&mut function, body, Some(block))?;
        self.to.model.functions.push(function);
        outcome?;
        self.takes(b';')?;
        Ok(())
    }

    /// `ops } -> (names)`, after the brace.
    fn body_of(&mut self, block: &mut Block, body: &mut Body, depth: u32) -> Result<(), Stop> {
        loop {
            match self.statement(&mut block.ops, body, depth) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Stop::Text { at, what }) if self.n_left_out < LEFT_OUT_MAX && !self.is_at_end() => {
                    self.n_left_out += 1;
                    self.to.notes.add(self.to.file, format!("at offset {at:#x}, {what}; the statement is left out"));
                    self.pass_statement()?;
                }
                Err(stop) => return Err(stop),
            }
        }
        if self.lex.next()? != Token::Arrow {
            return Err(self.lex.unexpected("`->`"));
        }
        self.mark(b'(')?;
        while !self.takes(b')')? {
            let name = self.word("the name of a result")?;
            block.outputs.push(self.to.look_up(name, "the block's result", body));
            self.takes(b',')?;
        }
        Ok(())
    }

    fn is_at_end(&mut self) -> bool {
        matches!(self.lex.peek(), Ok(Token::End) | Err(_))
    }

    fn pass_statement(&mut self) -> Result<(), Stop> {
        while !matches!(self.lex.next()?, Token::Mark(b';') | Token::End) {}
        Ok(())
    }

    /// One statement; `false` for the brace that ends the block.
    fn statement(&mut self, ops: &mut Vec<Op>, body: &mut Body, depth: u32) -> Result<bool, Stop> {
        match self.lex.peek()? {
            Token::Mark(b'}') => {
                self.lex.next()?;
                return Ok(false);
            }
            Token::Mark(b';') => {
                self.lex.next()?;
                return Ok(true);
            }
            Token::Word | Token::Text | Token::Arrow | Token::Mark(_) | Token::End => {}
        }
        let mut outputs = Vec::new();
        let name = loop {
            let first = self.type_word("a type or an operation")?;
            if self.lex.peek()? == Token::Mark(b'(')
                && let TypeWord::Other(name) = first
            {
                break name;
            }
            let typed = self.rest_of_type(first)?;
            outputs.push((self.word("the name of a result")?, typed));
            if !self.takes(b',')? {
                self.mark(b'=')?;
                break self.word("an operation")?;
            }
        };
        self.to.count_statement(self.lex.token_at())?;
        let mut args = self.arguments()?;
        let kind = self.to.kind(&name);
        // What else an operation says of itself is its name, which is also that of its result.
        let has_parts = kind.is_constant() || name.starts_with("constexpr_");
        let mut attributes = match self.takes(b'[')? {
            true if has_parts => self.bindings(b']')?,
            true => {
                self.lex.pass_to_close()?;
                Vec::new()
            }
            false => Vec::new(),
        };
        if kind == OpKind::Const {
            attributes.append(&mut args);
            let value = attributes.into_iter().find(|(key, _)| key == "val").and_then(|(_, found)| one_value(found));
            self.to.constant_op(outputs.into_iter().next(), value, body)?;
        } else if has_parts {
            self.count(&name, depth);
            sort_by_name(&mut attributes);
            attributes.append(&mut args);
            self.to.constexpr_op(kind, attributes, outputs, body)?;
        } else {
            self.count(&name, depth);
            let inputs = self.to.op_inputs(kind, &name, args, body)?;
            let mut blocks = Vec::new();
            while matches!(self.lex.peek()?, Token::Mark(b'(' | b'{')) {
                blocks.push(self.block(body, depth + 1)?);
            }
            let outputs = self.to.op_outputs(outputs, body);
            ops.push(Op { kind, inputs, outputs, blocks });
        }
        self.mark(b';')?;
        Ok(true)
    }

    fn count(&mut self, name: &str, depth: u32) {
        let Some(function) = self.told.functions.last_mut() else { return };
        let counts = if depth == 0 { &mut function.counts } else { &mut function.nested };
        match counts.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                counts.insert(name.to_owned(), 1);
            }
        }
    }

    fn block(&mut self, body: &mut Body, depth: u32) -> Result<Block, Stop> {
        self.to.check_depth(depth, self.lex.token_at())?;
        let mark = body.enter_block();
        let mut block = Block { inputs: Vec::new(), outputs: Vec::new(), ops: Vec::new() };
        if self.lex.peek()? == Token::Mark(b'(') {
            for input in self.params()? {
                block.inputs.push(self.to.block_input(input, body));
            }
        }
        self.mark(b'{')?;
        let outcome = self.body_of(&mut block, body, depth);
        body.leave_block(mark);
        outcome.map(|()| block)
    }

    /// `(type name, …)`.
    fn params(&mut self) -> Result<Vec<(String, Typed)>, Stop> {
        self.mark(b'(')?;
        let mut params = Vec::new();
        while !self.takes(b')')? {
            let typed = self.a_type()?;
            params.push((self.word("the name of a parameter")?, typed));
            if !self.takes(b',')? && self.lex.peek()? != Token::Mark(b')') {
                self.lex.next()?;
                return Err(self.lex.unexpected("`,` or `)`"));
            }
        }
        Ok(params)
    }

    /// `(name = item, …)`, in the order of the names.
    fn arguments(&mut self) -> Result<Args, Stop> {
        self.mark(b'(')?;
        let mut args = self.bindings(b')')?;
        sort_by_name(&mut args);
        Ok(args)
    }

    /// `name = item, …` up to a closing mark. What a statement calls itself is passed over: its result has the name.
    pub(super) fn bindings(&mut self, close: u8) -> Result<Args, Stop> {
        let mut all = Vec::new();
        while !self.takes(close)? {
            let name = self.word("the name of an argument")?;
            self.mark(b'=')?;
            if name == "name" && close == b']' {
                self.item_passed(close)?;
            } else if self.takes(b'(')? {
                let mut items = Vec::new();
                while !self.takes(b')')? {
                    items.push(self.item()?);
                    self.takes(b',')?;
                }
                all.push((name, items));
            } else {
                let item = self.item()?;
                all.push((name, vec![item]));
            }
            if !self.takes(b',')? && self.lex.peek()? != Token::Mark(close) {
                self.lex.next()?;
                return Err(self.lex.unexpected("`,` or the end of the list"));
            }
        }
        Ok(all)
    }

    fn item_passed(&mut self, close: u8) -> Result<(), Stop> {
        loop {
            match self.lex.peek()? {
                Token::Mark(b',') => return Ok(()),
                Token::Mark(mark) if mark == close => return Ok(()),
                Token::Mark(b'(' | b'<') => {
                    self.lex.next()?;
                    self.lex.pass_to_close()?;
                }
                Token::Word => {
                    self.lex.next()?;
                }
                Token::Text | Token::Arrow | Token::Mark(_) | Token::End => {
                    self.lex.next()?;
                    return Err(self.lex.unexpected("a name"));
                }
            }
        }
    }

    fn item(&mut self) -> Result<Binding, Stop> {
        let first = self.type_word("a name or a constant")?;
        Ok(match (self.lex.peek()?, first) {
            (Token::Mark(b'(' | b'<'), first) => Binding::Value(self.value(first)?),
            (_, first) => Binding::Name(first.into_name()),
        })
    }

    fn attributes_passed(&mut self) -> Result<(), Stop> {
        if self.takes(b'[')? {
            self.lex.pass_to_close()?;
        }
        Ok(())
    }

    pub(super) fn word(&mut self, wanted: &str) -> Result<String, Stop> {
        match self.lex.next()? {
            Token::Word => Ok(self.lex.owned()),
            Token::Text | Token::Arrow | Token::Mark(_) | Token::End => Err(self.lex.unexpected(wanted)),
        }
    }

    fn keyword(&mut self, wanted: &str) -> Result<(), Stop> {
        match self.lex.next()? {
            Token::Word if self.lex.text() == wanted.as_bytes() => Ok(()),
            Token::Word | Token::Text | Token::Arrow | Token::Mark(_) | Token::End => {
                Err(self.lex.unexpected(&format!("`{wanted}`")))
            }
        }
    }

    pub(super) fn mark(&mut self, wanted: u8) -> Result<(), Stop> {
        if self.lex.next()? == Token::Mark(wanted) {
            return Ok(());
        }
        Err(self.lex.unexpected(&format!("`{}`", char::from(wanted))))
    }

    /// Whether the next token is this mark; takes it if so.
    pub(super) fn takes(&mut self, wanted: u8) -> Result<bool, Stop> {
        let is_next = self.lex.peek()? == Token::Mark(wanted);
        if is_next {
            self.lex.next()?;
        }
        Ok(is_next)
    }
}

fn sort_by_name<T>(entries: &mut [(String, T)]) {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
}

/// The operation set of a tag, by the name that specifications give it; an unknown tag is kept.
fn opset_name(tag: &str) -> String {
    let known = match tag {
        "ios13" => "CoreML3",
        "ios14" => "CoreML4",
        "ios15" => "CoreML5",
        "ios16" => "CoreML6",
        "ios17" => "CoreML7",
        "ios18" => "CoreML8",
        "ios26" => "CoreML9",
        other => other,
    };
    known.to_owned()
}
