//! The text of compiled programs, written by hand in the form that files by Apple's compiler have in public
//! repositories, and texts that are cut, deep, huge or wrong.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use coreml_planner::{
    format::{self, Entry, Limits, Package, RangeSource, ReadError},
    model::{DType, Def, Dim, Encoding, Function, Literal, Op, Value},
};

struct Bytes(Vec<u8>);

impl RangeSource for Bytes {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        let from = offset as usize;
        into.copy_from_slice(self.0.get(from..from + into.len()).ok_or("beyond the end")?);
        Ok(())
    }
}

fn read(text: impl Into<Vec<u8>>) -> Result<Package, ReadError> {
    let source = Box::new(Bytes(text.into()));
    format::open(vec![Entry { path: "a.mlmodelc/model.mil".to_owned(), source }], &Limits::default())
}

/// The program of one function with these statements.
fn program(statements: &str, results: &str) -> String {
    format!(
        "program(1.3)\n[buildInfo = dict<string, string>({{{{\"coremlc-version\", \"3520.5.1\"}}}})]\n{{\n    \
         func main<ios18>(tensor<fp16, [1, 4]> x) {{\n{statements}\n        }} -> ({results});\n}}"
    )
}

fn function(package: &Package) -> &Function {
    package.model.functions.first().expect("a function")
}

fn value<'p>(package: &'p Package, name: &str) -> &'p Value {
    let found = function(package).values.iter().find(|value| value.name == name);
    found.unwrap_or_else(|| panic!("no value {name}"))
}

fn ops(package: &Package) -> Vec<&str> {
    function(package).ops().map(|(_, op)| package.model.op_name(op.kind)).collect()
}

fn warnings(package: &Package) -> String {
    package.warnings.iter().map(|warning| warning.text.as_str()).collect::<Vec<_>>().join(" | ")
}

// ---- what is read --------------------------------------------------------------------------------------------------

#[test]
fn the_dialect_that_wraps_scalars_is_read() {
    let text = r#"program(1.0)
[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{"coremlc-component-MIL", "5.33.5"}, {"coremlc-version", "1877.40.3"}})]
{
    func main<ios16>(tensor<fp32, [1, 3, 8, 8]> image) {
            tensor<string, []> cast_0_dtype_0 = const()[name = tensor<string, []>("cast_0_dtype_0"), val = tensor<string, []>("fp16")];
            tensor<fp16, [1, 3, 8, 8]> cast_0 = cast(dtype = cast_0_dtype_0, x = image)[name = tensor<string, []>("cast_0")];
            tensor<fp16, [4, 3, 3, 3]> w = constexpr_lut_to_dense()[indices = tensor<uint8, [54]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(64))), lut = tensor<fp16, [16]>([-0x1p+0, -0x1.cp-1, -0x1.8p-1, -0x1.4p-1, -0x1p-1, -0x1.8p-2, -0x1p-2, -0x1p-3, 0x0p+0, 0x1p-3, 0x1p-2, 0x1.8p-2, 0x1p-1, 0x1.4p-1, 0x1.8p-1, 0x1.cp-1]), name = tensor<string, []>("w"), shape = tensor<uint32, [4]>([4, 3, 3, 3])];
            tensor<string, []> pad_type = const()[name = tensor<string, []>("pad_type"), val = tensor<string, []>("valid")];
            tensor<int32, [2]> ones = const()[name = tensor<string, []>("ones"), val = tensor<int32, [2]>([1, 1])];
            tensor<int32, [4]> pad = const()[name = tensor<string, []>("pad"), val = tensor<int32, [4]>([0, 0, 0, 0])];
            tensor<int32, []> groups = const()[name = tensor<string, []>("groups"), val = tensor<int32, []>(1)];
            tensor<fp16, [1, 4, 6, 6]> y = conv(dilations = ones, groups = groups, pad = pad, pad_type = pad_type, strides = ones, weight = w, x = cast_0)[name = tensor<string, []>("y")];
        } -> (y);
}"#;
    let package = read(text).expect("a program");
    assert_eq!(ops(&package), ["cast", "conv"]);
    assert_eq!(function(&package).opset, "CoreML6");
    assert_eq!(value(&package, "groups").def, Def::Const(Literal::Ints(vec![1])));
    assert_eq!(value(&package, "pad_type").def, Def::Const(Literal::Text("valid".to_owned())));
    let weight = package.model.weights.first().expect("a weight");
    assert_eq!(weight.shape, [4, 3, 3, 3]);
    assert_eq!(weight.encoding, Encoding::Palettized { bits: 4, tables: 1, vector: 1, int8_table: false });
    assert_eq!(weight.parts.iter().map(|part| part.bytes).collect::<Vec<_>>(), [54, 32]);
    assert_eq!(weight.consumer.as_ref().map(|consumer| consumer.param.as_str()), Some("weight"));
    // Nothing but the program is there, so the least version that has the operation set stands for it.
    assert_eq!(package.spec_version, 7);
}

#[test]
fn states_flexible_shapes_lists_and_several_results_are_read() {
    let text = r#"program(1.3)
{
    func main<ios18>(state<tensor<fp16, [1, 2, 64, 8]>> cache, tensor<fp16, [1, ?]> x) [FlexibleShapeInformation = tuple<tuple<string, dict<string, tensor<int32, [?]>>>, tuple<string, dict<string, list<tensor<int32, [2]>, ?>>>>((("DefaultShapes", {{"x", [1, 4]}}), ("RangeDims", {{"x", [[1, 1], [1, 4]]}})))] {
            tensor<fp16, [1, 2, 64, 8]> old = read_state(input = cache)[name = string("old")];
            tensor<fp16, [1, 1]> left, tensor<fp16, [1, 3]> right = split(axis = int32(-1), split_sizes = tensor<int32, [2]>([1, 3]), x = x)[name = string("op_7")];
            bool joined_interleave = const()[name = string("joined_interleave"), val = bool(false)];
            tensor<fp16, [1, 4]> joined = concat(axis = int32(1), interleave = joined_interleave, values = (left, right))[name = string("joined")];
            write_state(data = old, input = cache)[name = string("cache_write")];
        } -> (joined);
}"#;
    let package = read(text).expect("a program");
    assert_eq!(warnings(&package), "");
    assert_eq!(ops(&package), ["read_state", "split", "concat", "write_state"]);
    let function = function(&package);
    assert_eq!((function.states.len(), function.inputs.len()), (1, 1));
    let x = value(&package, "x").ty.tensor().expect("a tensor");
    assert_eq!(x.shape, [Dim::Fixed(1), Dim::Flexible]);
    let concat: &Op = function.ops().map(|(_, op)| op).nth(2).expect("concat");
    assert_eq!(concat.all(&package.model.names, "values").map(<[_]>::len), Some(2));
    let axis = concat.input(&package.model.names, "axis").expect("an axis");
    assert_eq!(function.literal(axis), Some(&Literal::Ints(vec![1])));
    assert!(package.interfaces[0].states[0].name == "cache", "{:?}", package.interfaces);
}

#[test]
fn nested_blocks_see_the_names_around_them_and_hide_their_own() {
    let text = program(
        r#"bool p = const()[val = bool(true)];
           tensor<fp16, [1, 4]> y = cond(pred = p)[name = string("y")]
               () {
                   tensor<fp16, [1, 4]> inner = relu(x = x);
               } -> (inner)
               () {
                   tensor<fp16, [1, 4]> inner = tanh(x = x);
               } -> (inner);
           tensor<fp16, [1, 4]> z = relu(x = inner);"#,
        "y",
    );
    let package = read(text).expect("a program");
    let cond = function(&package).ops().map(|(_, op)| op).next().expect("cond");
    assert_eq!(cond.blocks.len(), 2);
    assert_eq!(cond.blocks[1].ops.len(), 1);
    assert!(warnings(&package).contains("reads `inner`, which nothing before it makes"), "{}", warnings(&package));
}

#[test]
fn literals_of_every_kind_keep_their_values() {
    for (literal, expected) in [
        ("fp16(0x1.8p-3)", Literal::Floats(vec![0.1875])),
        ("tensor<fp16, [2]>([0x1p-24, -inf])", Literal::Floats(vec![5.960_464_5e-8, f32::NEG_INFINITY])),
        ("fp32(0.1)", Literal::Floats(vec![0.1])),
        ("tensor<fp16,[2]>([500.0,-1e-2])", Literal::Floats(vec![500.0, -0.01])),
        ("int8(-1)", Literal::Ints(vec![-1])),
        ("uint64(18446744073709551615)", Literal::Ints(vec![-1])),
        ("tensor<uint4, [3]>([0xF, 7, 0])", Literal::Ints(vec![15, 7, 0])),
        ("tensor<int32, [0]>([])", Literal::Ints(Vec::new())),
        ("tensor<int32, [2, 2]>([[1, 2], [3, 4]])", Literal::Ints(vec![1, 2, 3, 4])),
        ("tensor<bool, [2]>([true, false])", Literal::Bools(vec![true, false])),
        (r#"string("a \"b\" \\ \n <b>")"#, Literal::Text("a \"b\" \\ \n <b>".to_owned())),
        ("string(\"}; func ] -> (\")", Literal::Text("}; func ] -> (".to_owned())),
        ("tensor<int32, [100]>([1, 2])", Literal::Opaque),
        ("list<tensor<string, []>, 2>((\"a\", \"b)\"))", Literal::Opaque),
    ] {
        let package = read(program(&format!("tensor<fp16, [1]> c = const()[val = {literal}];"), "x"))
            .unwrap_or_else(|error| panic!("{literal}: {error}"));
        assert_eq!(value(&package, "c").def, Def::Const(expected), "{literal}");
        assert_eq!(warnings(&package), "", "{literal}");
    }
}

#[test]
fn what_is_unknown_is_kept_or_noted_and_the_rest_is_read() {
    let text = program(
        r#"tensor<fp12, [2]> a = flux_capacitor(power = fp32(0x1.21p+0), x = x)[name = string("a"), era = int32(1955)];
           mystery<tensor<fp16, [2]>, 4> b = conjure(x = (a, a));
           tensor<fp16, [1, 4]> y = relu(x = x);"#,
        "y",
    );
    let package = read(text).expect("a program");
    assert_eq!(ops(&package), ["flux_capacitor", "conjure", "relu"]);
    assert_eq!(value(&package, "a").ty.tensor().map(|ty| ty.dtype), Some(DType::Unknown));
    assert!(warnings(&package).contains("type `mystery` is not known"), "{}", warnings(&package));
    assert!(warnings(&package).contains("`a` has an unknown element type"), "{}", warnings(&package));
}

#[test]
fn line_ends_tabs_missing_blanks_and_a_byte_order_mark_do_not_matter() {
    let text = program("tensor<fp16,[1,4]>y=relu(x=x)[name=string(\"y\")];", "y");
    for text in [text.replace('\n', "\r\n"), text.replace("    ", "\t"), format!("\u{feff}{text}")] {
        let package = read(text).expect("a program");
        assert_eq!((ops(&package), warnings(&package).as_str()), (vec!["relu"], ""));
    }
}

// ---- what is wrong -------------------------------------------------------------------------------------------------

#[test]
fn a_statement_that_is_wrong_is_left_out_and_the_rest_is_read() {
    for wrong in [
        "tensor<fp16, [1, 4]> = relu(x = x);",
        "tensor<fp16, [1, 4> a = relu(x = x);",
        "tensor<fp16, [1, 4]> a = relu(x x);",
        "tensor<fp16, [1, 4]> a relu(x = x);",
        "\"text\" a = relu(x = x);",
        "tensor<fp16, [1]> a = const()[val = tensor<fp16, [1]>(BLOBFILE(path = string(\"w\")))];",
        "%;",
    ] {
        let package = read(program(&format!("{wrong}\n tensor<fp16, [1, 4]> y = tanh(x = x);"), "y"))
            .unwrap_or_else(|error| panic!("{wrong}: {error}"));
        assert_eq!(ops(&package), ["tanh"], "{wrong}");
        let text = warnings(&package);
        assert!(text.contains("at offset 0x") && text.contains("the statement is left out"), "{wrong}: {text}");
    }
}

#[test]
fn a_text_cut_anywhere_gives_what_it_held_or_an_error_with_its_place() {
    let text = program(
        "tensor<fp16, [4, 4]> w = const()[val = tensor<fp16, [4, 4]>(BLOBFILE(path = string(\"@model_path/w.bin\"), \
         offset = uint64(64)))];\n tensor<fp16, [1, 4]> y = linear(weight = w, x = x)[name = string(\"y\")];\n \
         bool p = const()[val = bool(true)]; tensor<fp16, [1, 4]> z = cond(pred = p) () { tensor<fp16, [1, 4]> i = \
         relu(x = y); } -> (i) () { } -> (y);",
        "z",
    );
    let (mut n_errors, mut n_partial) = (0, 0);
    for length in 0..text.len() - 1 {
        match read(&text[..length]) {
            Ok(package) => {
                assert!(warnings(&package).contains("the rest of the program is not read"), "{length}");
                assert_eq!(package.model.functions.len(), 1);
                n_partial += 1;
            }
            Err(error) => {
                assert!(!error.hint.is_empty() || length == 0, "{length}: {error}");
                n_errors += 1;
            }
        }
    }
    assert!(n_errors > 50 && n_partial > 200, "{n_errors} {n_partial}");
}

#[test]
fn any_byte_of_a_text_can_change_without_stopping_the_reader() {
    let text = program(
        "tensor<int32, [2]> s = const()[name = string(\"s\"), val = tensor<int32, [2]>([1, 1])];\n \
         tensor<fp16, [1, 4]> y = cond(pred = s)[name = string(\"y\")] (tensor<fp16, [2]> k) { } -> (k);",
        "y",
    );
    for at in 0..text.len() {
        for byte in [b'(', b')', b'[', b']', b'<', b'>', b'{', b'}', b'"', b';', b'=', b',', 0, 0xFF, b'-', b'?'] {
            let mut damaged = text.clone().into_bytes();
            damaged[at] = byte;
            let _ = read(damaged);
        }
    }
}

#[test]
fn nesting_of_any_depth_is_passed_over_or_refused() {
    let n = 10_000;
    let blocks = "tensor<fp16, [1]> y = cond(pred = x) () {".repeat(n) + &"} -> (x);".repeat(n);
    let error = read(program(&blocks, "x")).expect_err("ten thousand blocks");
    assert!(error.what.contains("nested more than 64 deep"), "{error}");
    let types = format!("{}fp16{} a = relu(x = x);", "list<".repeat(n), ", 1>".repeat(n));
    assert_eq!(ops(&read(program(&types, "x")).expect("deep types")), ["relu"]);
    let states = format!("{}fp16{} a = relu(x = x);", "state<".repeat(n), ">".repeat(n));
    assert_eq!(ops(&read(program(&states, "x")).expect("deep states")), ["relu"]);
    let brackets =
        format!("tensor<fp16, [1]> a = const()[val = tensor<fp16, [1]>({}1{})];", "[".repeat(n), "]".repeat(n));
    assert_eq!(warnings(&read(program(&brackets, "x")).expect("deep brackets")), "");
    let never = "tensor<fp16, [1]> a = const()[val = tensor<fp16, [1]>(".to_owned() + &"[".repeat(n);
    assert!(read(program(&never, "x")).is_ok());
    let attribute = format!("program(1.3) [a = {}", "tuple<".repeat(n));
    assert!(read(attribute).expect_err("cut").offset.is_some());
}

#[test]
fn a_string_or_a_bracket_that_never_ends_says_where_it_began() {
    let text = program(&format!("string s = const()[val = string(\"{}", "a".repeat(1 << 20)), "x");
    // The first quotation mark after it is the end of the string, the text ends in the middle of what follows.
    let package = read(text.replace(" -> (x)", "")).expect("what came before");
    assert!(warnings(&package).contains("a string is not closed before the text ends"), "{}", warnings(&package));
}

#[test]
fn names_words_and_numbers_of_a_megabyte_are_cut_not_refused() {
    let name = "a".repeat(1 << 20);
    let package = read(program(&format!("tensor<fp16, [1, 4]> {name} = relu(x = x);"), "x")).expect("a long name");
    assert!(function(&package).values.iter().all(|value| value.name.len() <= 64 * 1024));
    let number = format!("tensor<fp16, [{}]> y = relu(x = x);", "9".repeat(1 << 20));
    let package = read(program(&number, "x")).expect("a long number");
    assert!(warnings(&package).contains("larger than can be counted"));
}

#[test]
fn a_constant_of_a_million_elements_keeps_its_size_only() {
    let list = (0..1_000_000).map(|at| format!("0x1.{:x}p-3", at % 16)).collect::<Vec<_>>().join(", ");
    let statement = format!(
        "tensor<fp16, [1000000]> w = constexpr_cast(source_val = tensor<fp16, [1000000]>([{list}]), output_dtype = \
         string(\"fp16\"));"
    );
    let package = read(program(&statement, "x")).expect("a program");
    assert_eq!(package.model.weights[0].parts[0].bytes, 2_000_000);
    // A list that is shorter than its type says counts for what is there.
    let short = "tensor<fp16, [1000000]> w = constexpr_cast(source_val = tensor<fp16, [1000000]>([0x1p+0, 0x0p+0]));";
    let package = read(program(short, "x")).expect("a program");
    assert_eq!(package.model.weights[0].parts[0].bytes, 4);
}

#[test]
fn two_hundred_thousand_operations_are_read() {
    let mut statements = String::new();
    let mut before = "x".to_owned();
    for at in 0..200_000 {
        statements += &format!("tensor<fp16, [1, 4]> v{at} = relu(x = {before})[name = string(\"v{at}\")];\n");
        before = format!("v{at}");
    }
    let package = read(program(&statements, &before)).expect("a program");
    assert_eq!(function(&package).ops().count(), 200_000);
    assert_eq!(warnings(&package), "");
}

#[test]
fn what_is_no_program_says_where() {
    for (text, expected) in [
        ("", "the end of the text stands where"),
        ("hello", "stands where `program` must stand"),
        ("program(1.3", "not closed"),
        ("program(1.3) { func", "the name of a function"),
        ("\0\0\0\0", "stands where"),
        ("program(1.3) { print }", "`func` or the end of the program"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    let version = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 12345\n";
    assert!(read(version).expect_err("a pointer").to_string().contains("Git LFS pointer to 12345 bytes"));
}

#[test]
fn a_weight_path_that_leads_out_of_the_model_is_not_followed() {
    let constant = "tensor<fp16, [4]> w = const()[val = tensor<fp16, [4]>(BLOBFILE(path = \
                    string(\"@model_path/../../etc/passwd\"), offset = uint64(64)))];";
    let package = read(program(constant, "x")).expect("a program");
    assert!(warnings(&package).contains("leads out of the package"), "{}", warnings(&package));
    assert_eq!(package.model.weights[0].parts[0].bytes, 8);
}
