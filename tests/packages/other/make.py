"""Makes the fixtures that are no single ML program: networks, trees, pipelines; and what is true of them.

    pip install coremltools==9.0 && python make.py

Writes the artefacts and truth.json beside them. The truth is read from the files with coremltools' own protobuf
classes, never with the planner's reader.
"""

import json
import os
import tempfile
import zipfile
from collections import Counter

import numpy as np
import coremltools as ct
import coremltools.optimize.coreml as cto
from coremltools.converters.mil import Builder as mb
from coremltools.models import datatypes, neural_network, pipeline
from coremltools.models.tree_ensemble import TreeEnsembleRegressor

HERE = os.path.dirname(os.path.abspath(__file__))


def values(shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network():
    """A network with every way a layer can hold weights, and a branch."""
    builder = neural_network.NeuralNetworkBuilder(
        [("image", datatypes.Array(3, 8, 8)), ("flag", datatypes.Array(1))],
        [("y", datatypes.Array(4))],
        disable_rank5_shape_mapping=True,
    )
    builder.add_convolution(
        "conv", 3, 4, 3, 3, 1, 1, "same", 1, values((3, 3, 3, 4), 1), values((4,), 2), True, False, None, "image", "c"
    )
    builder.add_activation("prelu", "PRELU", "c", "p", params=values((4,), 3))
    builder.add_batchnorm("bn", 4, values((4,), 4), values((4,), 5), values((4,), 6), np.abs(values((4,), 7)), "p", "b")
    builder.add_flatten_to_2d("flat", "b", "f", axis=0)
    branch = builder.add_branch("branch", "flag")
    inside = neural_network.NeuralNetworkBuilder(input_features=None, output_features=None, nn_spec=branch.branch.ifBranch)
    inside.add_inner_product("fc_if", values((4, 256), 8), None, 256, 4, False, "f", "y")
    inside = neural_network.NeuralNetworkBuilder(input_features=None, output_features=None, nn_spec=branch.branch.elseBranch)
    inside.add_inner_product("fc_else", values((4, 256), 9), None, 256, 4, False, "f", "y")
    builder.add_unilstm(
        "lstm",
        [values((2, 4), i) for i in range(4)],
        [values((2, 2), i) for i in range(4)],
        [values((2,), i) for i in range(4)],
        hidden_size=2,
        input_size=4,
        input_names=["s", "h", "k"],
        output_names=["o", "h1", "k1"],
    )
    spec = builder.spec
    layers = spec.neuralNetwork.layers
    # Halves, an 8-bit linear weight and a 4-bit palette, as the compression tools of that time write them.
    bias = layers[0].convolution.bias
    halves = np.array(bias.floatValue, dtype=np.float16).tobytes()
    del bias.floatValue[:]
    bias.float16Value = halves
    fc = branch.branch.ifBranch.layers[0].innerProduct.weights
    del fc.floatValue[:]
    fc.rawValue = bytes(1024)
    fc.quantization.numberOfBits = 8
    fc.quantization.linearQuantization.scale.extend([0.1] * 4)
    fc.quantization.linearQuantization.bias.extend([0.0] * 4)
    fc = branch.branch.elseBranch.layers[0].innerProduct.weights
    del fc.floatValue[:]
    fc.rawValue = bytes(512)
    fc.quantization.numberOfBits = 4
    fc.quantization.lookupTableQuantization.floatValue.extend([0.0] * 16)
    return spec


def tree():
    model = TreeEnsembleRegressor([("x", datatypes.Array(3))], "price")
    model.set_default_prediction_value(0.0)
    model.add_branch_node(0, 0, 1, 0.5, "BranchOnValueLessThan", 1, 2)
    model.add_leaf_node(0, 1, 10.0)
    model.add_leaf_node(0, 2, 20.0)
    return model.spec


def scaler_and_regressor():
    scaler = ct.proto.Model_pb2.Model()
    scaler.specificationVersion = 1
    regressor = ct.proto.Model_pb2.Model()
    regressor.specificationVersion = 1
    scaler.scaler.shiftValue.append(1.0)
    scaler.scaler.scaleValue.append(2.0)
    regressor.glmRegressor.weights.add().value.extend([1.0, 2.0, 3.0])
    regressor.glmRegressor.offset.append(0.5)
    for model, (given, made) in ((scaler, ("x", "scaled")), (regressor, ("scaled", "y"))):
        for features, name in ((model.description.input, given), (model.description.output, made)):
            feature = features.add()
            feature.name = name
            feature.type.multiArrayType.shape.append(3)
            feature.type.multiArrayType.dataType = 65600
    regressor.description.output[0].type.doubleType.SetInParent()
    regressor.description.predictedFeatureName = "y"
    whole = pipeline.PipelineRegressor([("x", datatypes.Array(3))], ["y"])
    whole.add_model(scaler)
    whole.add_model(regressor)
    return whole.spec


def linear_program(name, n_in, n_out, target):
    @mb.program(input_specs=[mb.TensorSpec((1, n_in))], opset_version=target)
    def main(x):
        return mb.linear(x=x, weight=values((n_out, n_in), n_out), bias=values((n_out,), 1), name=name)

    options = {"minimum_deployment_target": target, "skip_model_load": True}
    return ct.convert(main, compute_units=ct.ComputeUnit.CPU_ONLY, **options)


def two_programs():
    first, second = (linear_program(f"h{at}", 32, 32, ct.target.iOS17) for at in range(2))
    spec = second.get_spec()
    ct.utils.rename_feature(spec, "x", "h0")
    options = {"skip_model_load": True, "compute_units": ct.ComputeUnit.CPU_ONLY}
    second = ct.models.MLModel(spec, weights_dir=second.weights_dir, **options)
    return ct.utils.make_pipeline(first, second)


def sparse_int8_ios18():
    model = linear_program("y", 64, 64, ct.target.iOS18)
    pruner = cto.OpMagnitudePrunerConfig(target_sparsity=0.5, weight_threshold=0)
    pruned = cto.prune_weights(model, cto.OptimizationConfig(pruner))
    quantizer = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0)
    return cto.linear_quantize_weights(pruned, cto.OptimizationConfig(quantizer), joint_compression=True)


def image_classifier_ios16():
    @mb.program(input_specs=[mb.TensorSpec((1, 3, 16, 16))], opset_version=ct.target.iOS16)
    def main(x):
        y = mb.conv(x=x, weight=values((4, 3, 3, 3), 1), pad_type="same")
        return mb.softmax(x=mb.reduce_mean(x=y, axes=[2, 3]), axis=-1, name="probs")

    return ct.convert(
        main,
        inputs=[ct.ImageType(name="x", shape=(1, 3, 16, 16), color_layout=ct.colorlayout.RGB)],
        classifier_config=ct.ClassifierConfig(["ant", "bee", "cat", "dog"]),
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
        compute_units=ct.ComputeUnit.CPU_ONLY,
    )


def count_block(block, ops):
    for op in block.operations:
        if op.type != "const" and not op.type.startswith("constexpr_"):
            ops[op.type] += 1
        for inner in op.blocks:
            count_block(inner, ops)


def count_layers(net, ops):
    for layer in net.layers:
        kind = layer.WhichOneof("layer")
        ops[kind] += 1
        for inner in ("ifBranch", "elseBranch", "conditionNetwork", "bodyNetwork"):
            if kind in ("branch", "loop") and hasattr(getattr(layer, kind), inner):
                count_layers(getattr(getattr(layer, kind), inner), ops)


def network_bytes(message):
    """Bytes of the values of every WeightParams, wherever it is."""
    if message.DESCRIPTOR.name == "WeightParams":
        floats = 4 * len(message.floatValue)
        return floats + len(message.float16Value) + len(message.rawValue) + len(message.int8RawValue)
    total = 0
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            repeated = not hasattr(value, "DESCRIPTOR")
            total += sum(network_bytes(one) for one in value) if repeated else network_bytes(value)
    return total


def truth(spec):
    kind = spec.WhichOneof("Type")
    ops, inner = Counter(), []
    if kind == "mlProgram":
        for function in spec.mlProgram.functions.values():
            count_block(function.block_specializations[function.opset], ops)
    elif kind == "neuralNetwork":
        count_layers(spec.neuralNetwork, ops)
    elif kind.startswith("pipeline"):
        stages = spec.pipeline if kind == "pipeline" else getattr(spec, kind).pipeline
        inner = [truth(stage) for stage in stages.models]
    features = [feature.name for feature in [*spec.description.input, *spec.description.output]]
    return {
        "type": kind,
        "spec_version": spec.specificationVersion,
        "features": features,
        "ops": dict(sorted(ops.items())),
        "network_bytes": network_bytes(spec.neuralNetwork) if kind == "neuralNetwork" else 0,
        "models": inner,
    }


def main():
    out = {}
    for build in (network, tree, scaler_and_regressor):
        name, spec = f"{build.__name__}.mlmodel", build()
        with open(os.path.join(HERE, name), "wb") as file:
            file.write(spec.SerializeToString(deterministic=True))
        out[name] = truth(spec)
    for build in (two_programs, sparse_int8_ios18, image_classifier_ios16):
        name = f"{build.__name__}.mlpackage"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            build().save(path)
            out[f"{name}.zip"] = truth(ct.utils.load_spec(path))
            with zipfile.ZipFile(os.path.join(HERE, f"{name}.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
                for root, _, files in sorted(os.walk(path)):
                    for file in sorted(files):
                        full = os.path.join(root, file)
                        info = zipfile.ZipInfo(os.path.relpath(full, folder), date_time=(2026, 1, 1, 0, 0, 0))
                        info.compress_type = zipfile.ZIP_DEFLATED
                        archive.writestr(info, open(full, "rb").read())
    with open(os.path.join(HERE, "truth.json"), "w") as file:
        json.dump(out, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
