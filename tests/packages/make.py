"""Makes the package fixtures and what is true of them.

    pip install coremltools==9.0 && python make.py

Writes NAME.mlpackage.zip for each case and truth.json beside them. The truth is read from the files with coremltools'
own protobuf classes and by walking weight.bin record by record, never with the planner's reader.
"""

import json
import os
import struct
import sys
import tempfile
import zipfile
from collections import Counter

import numpy as np
import coremltools as ct
import coremltools.optimize.coreml as cto
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = []


def case(build):
    CASES.append(build)
    return build


def weights(shape, seed=0, dtype=np.float16):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def convert(program, target, **more):
    return ct.convert(program, convert_to="mlprogram", minimum_deployment_target=target, skip_model_load=True, **more)


def conv_program(target, mil=types.fp16, dtype=np.float16):
    @mb.program(input_specs=[mb.TensorSpec((1, 8, 12, 12), dtype=mil)], opset_version=target)
    def main(x):
        weight, bias = weights((16, 8, 3, 3), 1, dtype), weights((16,), 2, dtype)
        y = mb.conv(x=x, weight=weight, bias=bias, pad_type="same", name="conv")
        y = mb.relu(x=y)
        y = mb.reduce_mean(x=y, axes=[2, 3], keep_dims=False)
        return mb.linear(x=y, weight=weights((160, 16), 3, dtype), bias=weights((160,), 4, dtype), name="head")

    return main


def conv(target):
    return convert(conv_program(target), target)


def config(one):
    return cto.OptimizationConfig(global_config=one)


def palettized(target, nbits, **more):
    return cto.palettize_weights(conv(target), config(cto.OpPalettizerConfig(mode="uniform", nbits=nbits, weight_threshold=500, **more)))


def linear(target, **more):
    return cto.linear_quantize_weights(conv(target), config(cto.OpLinearQuantizerConfig(weight_threshold=500, **more)))


@case
def conv_fp16_ios15():
    return conv(ct.target.iOS15)


@case
def conv_fp16_ios17():
    return conv(ct.target.iOS17)


@case
def conv_fp32_ios17():
    program = conv_program(ct.target.iOS17, types.fp32, np.float32)
    return convert(program, ct.target.iOS17, compute_precision=ct.precision.FLOAT32)


@case
def conv_lut4_ios17():
    return palettized(ct.target.iOS17, 4)


@case
def conv_lut2_inline_table_ios16():
    return palettized(ct.target.iOS16, 2)


@case
def conv_lut4_grouped_ios18():
    return palettized(ct.target.iOS18, 4, granularity="per_grouped_channel", group_size=8)


@case
def conv_lut3_ios18():
    return palettized(ct.target.iOS18, 3)


@case
def conv_int8_channel_ios17():
    return linear(ct.target.iOS17, mode="linear_symmetric", dtype="int8", granularity="per_channel")


@case
def conv_uint8_tensor_ios17():
    return linear(ct.target.iOS17, mode="linear", dtype="uint8", granularity="per_tensor")


@case
def conv_int4_block_ios18():
    return linear(ct.target.iOS18, mode="linear_symmetric", dtype="int4", granularity="per_block", block_size=8)


@case
def conv_sparse50_ios17():
    return cto.prune_weights(conv(ct.target.iOS17), config(cto.OpMagnitudePrunerConfig(target_sparsity=0.5, weight_threshold=500)))


@case
def conv_sparse50_lut4_ios18():
    pruned = cto.prune_weights(conv(ct.target.iOS18), config(cto.OpMagnitudePrunerConfig(target_sparsity=0.5, weight_threshold=500)))
    return cto.palettize_weights(pruned, config(cto.OpPalettizerConfig(mode="uniform", nbits=4, weight_threshold=500)), joint_compression=True)


@case
def conv_lut4_int8_table_ios18():
    model = palettized(ct.target.iOS18, 4)
    return cto.linear_quantize_weights(
        model, config(cto.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8", granularity="per_tensor", weight_threshold=500)), joint_compression=True
    )


@case
def state_ios18():
    @mb.program(
        input_specs=[mb.TensorSpec((1, 16), dtype=types.fp16), mb.StateTensorSpec((1, 16), dtype=types.fp16)],
        opset_version=ct.target.iOS18,
    )
    def main(x, acc):
        held = mb.read_state(input=acc)
        total = mb.add(x=held, y=x, name="total")
        mb.coreml_update_state(state=acc, value=total)
        return mb.linear(x=total, weight=weights((32, 16)), name="out")

    return convert(main, ct.target.iOS18)


@case
def control_flow_ios17():
    @mb.program(input_specs=[mb.TensorSpec((1,), dtype=types.fp16), mb.TensorSpec((4, 16), dtype=types.fp16)], opset_version=ct.target.iOS17)
    def main(flag, x):
        pred = mb.squeeze(x=mb.greater(x=flag, y=np.float16(0)), axes=[0])

        def yes():
            return mb.linear(x=x, weight=weights((16, 16), 5))

        def no():
            return mb.mul(x=mb.relu(x=x), y=np.float16(2))

        return mb.cond(pred=pred, _true_fn=yes, _false_fn=no)

    return convert(main, ct.target.iOS17)


@case
def tied_weight_ios17():
    @mb.program(input_specs=[mb.TensorSpec((1, 4), dtype=types.int32)], opset_version=ct.target.iOS17)
    def main(ids):
        table = mb.const(val=weights((64, 16), 6), name="table")
        x = mb.gather(x=table, indices=ids, axis=0)
        return mb.matmul(x=x, y=table, transpose_y=True)

    return convert(main, ct.target.iOS17)


def multifunction():
    folder = tempfile.mkdtemp()
    description = ct.utils.MultiFunctionDescriptor()
    for name, rows in [("prefill", 8), ("decode", 1)]:

        @mb.program(input_specs=[mb.TensorSpec((rows, 16), dtype=types.fp16)], opset_version=ct.target.iOS18)
        def main(x):
            return mb.linear(x=x, weight=weights((48, 16), 7), bias=weights((48,), 8))

        path = os.path.join(folder, f"{name}.mlpackage")
        convert(main, ct.target.iOS18).save(path)
        description.add_function(path, src_function_name="main", target_function_name=name)
    description.default_function_name = "decode"
    return description


def flexible(inputs):
    """A fixed program whose description allows other sizes: only the description is read for them."""

    @mb.program(input_specs=[mb.TensorSpec((1, 8, 16), dtype=types.fp16)], opset_version=ct.target.iOS17)
    def main(x):
        return mb.relu(x=x)

    model = convert(main, ct.target.iOS17)
    spec = model.get_spec()
    array = spec.description.input[0].type.multiArrayType
    inputs(array)
    return ct.models.MLModel(spec, weights_dir=model.weights_dir, skip_model_load=True)


def ranges(array):
    for low, high in [(1, 1), (8, 8), (1, 64)]:
        size = array.shapeRange.sizeRanges.add()
        size.lowerBound, size.upperBound = low, high


def enumerated(array):
    for length in [16, 32]:
        array.enumeratedShapes.shapes.add().shape.extend([1, 8, length])


@case
def flexible_enumerated_ios17():
    return flexible(enumerated)


@case
def flexible_range_ios17():
    return flexible(ranges)


def histogram(block, into):
    for op in block.operations:
        if op.type != "const" and not op.type.startswith("constexpr_"):
            into[op.type] += 1
        for inner in op.blocks:
            histogram(inner, into)


def blobs(path):
    """(offset, bytes) of every blob of a weight file, by its own records."""
    data = open(path, "rb").read()
    count, version = struct.unpack_from("<II", data, 0)
    assert version == 2
    at, found = 64, []
    for _ in range(count):
        sentinel, _, size, offset = struct.unpack_from("<IIQQ", data, at)
        assert sentinel == 0xDEADBEEF
        found.append((at, size))
        at = (offset + size + 63) // 64 * 64
    return found, len(data)


def truth(folder, n_params):
    spec = ct.utils.load_spec(folder)
    files = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            files[os.path.relpath(path, folder)] = os.path.getsize(path)
    functions = {}
    for name, function in spec.mlProgram.functions.items():
        counted = Counter()
        histogram(function.block_specializations[function.opset], counted)
        functions[name] = dict(sorted(counted.items()))
    weight_file = os.path.join(folder, "Data/com.apple.CoreML/weights/weight.bin")
    stored, size = blobs(weight_file) if os.path.exists(weight_file) else ([], 0)
    return {
        "spec_version": spec.specificationVersion,
        "files": files,
        "functions": functions,
        "n_blobs": len(stored),
        "stored_bytes": sum(bytes for _, bytes in stored),
        "weight_file_bytes": size,
        "n_params": n_params,
    }


# Elements of the arrays that each program is written with, of at least ten (smaller ones stand in the specification);
# a linear layer without a bias is given one of zeros.
PARAMS = {"conv": 16 * 8 * 9 + 16 + 160 * 16 + 160, "state": 32 * 16 + 32, "flexible": 0, "control": 16 * 16 + 16, "tied": 64 * 16, "multi": 48 * 16 + 48}


def write(name, model, out):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{name}.mlpackage")
        if isinstance(model, ct.utils.MultiFunctionDescriptor):
            ct.utils.save_multifunction(model, path)
        else:
            model.save(path)
        key = next(key for key in PARAMS if name.startswith(key))
        out[name] = truth(path, PARAMS[key])
        with zipfile.ZipFile(os.path.join(HERE, f"{name}.mlpackage.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            for root, _, names in sorted(os.walk(path)):
                for file in sorted(names):
                    full = os.path.join(root, file)
                    info = zipfile.ZipInfo(os.path.relpath(full, folder), date_time=(2026, 1, 1, 0, 0, 0))
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, open(full, "rb").read())


if __name__ == "__main__":
    for old in os.listdir(HERE):
        if old.endswith(".zip"):
            os.remove(os.path.join(HERE, old))
    out = {}
    for build in CASES:
        print(build.__name__, file=sys.stderr)
        write(build.__name__, build(), out)
    write("multifunction_ios18", multifunction(), out)
    with open(os.path.join(HERE, "truth.json"), "w") as file:
        json.dump(out, file, indent=1, sort_keys=True)
        file.write("\n")
