#!/usr/bin/env python3
"""Write down where Core ML plans to run every operation of a model on this Mac.

usage: python compute_plan.py Model.mlpackage [--units all|cpu-only|cpu-and-gpu|cpu-and-ne] [--out plan.json]

Needs macOS 14.4 or later and coremltools 8 or later (pip install coremltools). A .mlpackage or .mlmodel is compiled
first; a .mlmodelc is taken as it is. Nothing is sent anywhere. The planner reads the result:

    planner evidence Model.mlpackage plan.json --device ID

What is written, as JSON:

    schema     "coreml-planner/measured-plan/1"
    model      name of the file
    device     {"model": hw.model, "chip": machdep.cpu.brand_string}
    os         {"name": "macOS", "version": "15.5", "build": kern.osversion}
    units      the compute units that were asked for
    tool       {"name": "coremltools", "version": …}
    functions  [{"name", "ops": [{"outputs", "op", "preferred", "supported", "cost", "depth"}]}]

    outputs    names of the results in the program
    op         operator name as Core ML gives it, such as "ios17.conv"
    preferred  "ane", "gpu" or "cpu"; null where Core ML has no plan
    supported  the units that could run it; null where Core ML has no plan
    cost       Core ML's estimated share of the whole, 0 to 1; null where it has none
    depth      0, or how many blocks of control flow the operation is in

Constants are left out. Operations of a block follow the operation that holds it. This is Core ML's plan, not a trace:
what runs where in the end may differ.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile

SCHEMA = "coreml-planner/measured-plan/1"
UNITS = {"all": "ALL", "cpu-only": "CPU_ONLY", "cpu-and-gpu": "CPU_AND_GPU", "cpu-and-ne": "CPU_AND_NE"}


def unit(device):
    """The unit of a compute device, or None for a kind that this script does not know."""
    name = type(device).__name__
    for part, own in (("NeuralEngine", "ane"), ("GPU", "gpu"), ("CPU", "cpu")):
        if part in name:
            return own
    return None


def is_constant(operator):
    short = operator.rsplit(".", 1)[-1]
    return short == "const" or short.startswith("constexpr_")


def describe(plan, operation, depth):
    usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
    cost = plan.get_estimated_cost_for_mlprogram_operation(operation)
    weight = None if cost is None else float(cost.weight)
    return {
        "outputs": [output.name for output in operation.outputs],
        "op": operation.operator_name,
        "preferred": None if usage is None else unit(usage.preferred_compute_device),
        "supported": None if usage is None else sorted({unit(own) for own in usage.supported_compute_devices} - {None}),
        # JSON has no infinities, and a share below 0 is none.
        "cost": weight if weight is not None and math.isfinite(weight) and weight >= 0.0 else None,
        "depth": depth,
    }


def operations(plan, block):
    """Every operation of a block and of the blocks inside it, in order."""
    rows = []
    waiting = [(operation, 0) for operation in reversed(block.operations)]
    while waiting:
        operation, depth = waiting.pop()
        if not is_constant(operation.operator_name):
            rows.append(describe(plan, operation, depth))
        for inner in reversed(operation.blocks):
            waiting.extend((nested, depth + 1) for nested in reversed(inner.operations))
    return rows


def sysctl(name):
    try:
        return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=True).stdout.strip() or None
    except (OSError, subprocess.CalledProcessError):
        return None


def document(plan, model, units, version):
    program = plan.model_structure.program
    if program is None:
        raise ValueError("only ML programs have operations to compare; this is a neural network or a pipeline")
    functions = [
        {"name": name, "ops": operations(plan, function.block)} for name, function in program.functions.items()
    ]
    return {
        "schema": SCHEMA,
        "model": model,
        "device": {"model": sysctl("hw.model"), "chip": sysctl("machdep.cpu.brand_string")},
        "os": {"name": "macOS", "version": platform.mac_ver()[0] or None, "build": sysctl("kern.osversion")},
        "units": units,
        "tool": {"name": "coremltools", "version": version},
        "functions": functions,
    }


def main():
    parser = argparse.ArgumentParser(description="Write Core ML's compute plan of a model as JSON.")
    parser.add_argument("model", help=".mlpackage, .mlmodel or .mlmodelc")
    parser.add_argument("--units", choices=sorted(UNITS), default="all")
    parser.add_argument("--out", help="file to write; without it, the plan is printed")
    args = parser.parse_args()

    if sys.platform != "darwin":
        sys.exit("Core ML makes its plans on a Mac only: run this there")
    import coremltools as ct
    from coremltools.models.compute_plan import MLComputePlan

    path = args.model.rstrip("/")
    with tempfile.TemporaryDirectory() as folder:
        compiled = path
        if not path.endswith(".mlmodelc"):
            compiled = ct.utils.compile_model(path, os.path.join(folder, "model.mlmodelc"))
        plan = MLComputePlan.load_from_path(compiled, getattr(ct.ComputeUnit, UNITS[args.units]))
        if plan is None:
            sys.exit("Core ML made no plan for this model")
        made = document(plan, os.path.basename(path), args.units, ct.__version__)
    text = json.dumps(made, indent=1, allow_nan=False)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
