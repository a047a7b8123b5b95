"""Writes the sample plans beside it: python tests/evidence/make.py (needs coremltools 8 or later; any system).

No file here was written on a Mac. The script of the planner runs on stand-ins for what Core ML returns: coremltools' own
classes, filled from tests/placement/packages/g06_while_pos.mlpackage.zip, with units made up below so that every kind of
difference from a prediction is in them. The other two forms are written the way their tools write them (see src/evidence).
"""

import importlib.util
import json
import pathlib
import sys
import tempfile
import types
import zipfile

import coremltools as ct
from coremltools.models import compute_device, compute_plan

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
PACKAGE = ROOT / "tests/placement/packages/g06_while_pos.mlpackage.zip"

spec = importlib.util.spec_from_file_location("script", ROOT / "assets/scripts/compute_plan.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)

# `__new__` alone: the constructors want a handle of Core ML.
ANE, GPU, CPU = (
    kind.__new__(kind)
    for kind in (
        compute_device.MLNeuralEngineComputeDevice,
        compute_device.MLGPUComputeDevice,
        compute_device.MLCPUComputeDevice,
    )
)


def structure(block, opset):
    """A block of a specification as coremltools would describe it."""
    operations = []
    for op in block.operations:
        named = [compute_plan.MLModelStructureProgramNamedValueType(out.name, None) for out in op.outputs]
        prefix = "" if op.type == "const" else f"{opset}."
        inner = [structure(nested, opset) for nested in op.blocks]
        operations.append(compute_plan.MLModelStructureProgramOperation({}, prefix + op.type, named, inner, None))
    return compute_plan.MLModelStructureProgramBlock([], operations, list(block.outputs))


def made_up(operations):
    """What a compiler does to a graph: a cast more at the start, one name changed, the last operation gone."""
    cast = compute_plan.MLModelStructureProgramNamedValueType("x_to_fp16", None)
    work = [op for op in operations if not script.is_constant(op.operator_name)]
    operations.remove(work[-1])
    operations.insert(0, compute_plan.MLModelStructureProgramOperation({}, "ios17.cast", [cast], [], None))
    for at, op in enumerate(operations):
        if op.outputs[0].name == "pre_relu1":
            other = [compute_plan.MLModelStructureProgramNamedValueType("renamed", None)]
            operations[at] = compute_plan.MLModelStructureProgramOperation({}, op.operator_name, other, [], None)


class Plan:
    """Core ML's answers: post_relu1 on the CPU although the Neural Engine could, the loop on the CPU."""

    def __init__(self, functions):
        program = compute_plan.MLModelStructureProgram(functions)
        self.model_structure = types.SimpleNamespace(program=program)

    def get_compute_device_usage_for_mlprogram_operation(self, op):
        if script.is_constant(op.operator_name):
            return None
        only_cpu = op.operator_name.rsplit(".", 1)[-1] in ("while_loop", "less", "add", "mul", "cast")
        on_cpu = only_cpu or op.outputs[0].name == "post_relu1"
        return compute_plan.MLComputePlanDeviceUsage(CPU if on_cpu else ANE, [CPU] if only_cpu else [ANE, CPU])

    def get_estimated_cost_for_mlprogram_operation(self, op):
        if script.is_constant(op.operator_name):
            return None
        return compute_plan.MLComputePlanCost(0.125 if "conv" in op.operator_name else 0.025)


def label(device):
    return {"ane": "ANE", "gpu": "GPU", "cpu": "CPU"}[script.unit(device)]


def profiler_row(plan, op, count):
    usage = plan.get_compute_device_usage_for_mlprogram_operation(op)
    count[0] += 1
    own = {
        "op_number": count[0],
        "operator_id": op.outputs[0].name if op.outputs else "Unknown",
        "operatorName": op.operator_name,
        "inputs": [],
        "outputs": [{"name": out.name, "type": "MLModelStructureProgramValueType"} for out in op.outputs],
        "cost": plan.get_estimated_cost_for_mlprogram_operation(op).weight,
        "preferred_device": label(usage.preferred_compute_device),
        "supported_devices": ", ".join(label(device) for device in usage.supported_compute_devices),
    }
    own["blocks"] = [profiler_block(plan, block, count) for block in op.blocks]
    return own


def profiler_block(plan, block, count):
    work = [op for op in block.operations if plan.get_estimated_cost_for_mlprogram_operation(op)]
    return {"inputs": [], "outputs": block.output_names, "operations": [profiler_row(plan, op, count) for op in work]}


def anemll(plan, functions):
    rows = []
    for name, function in functions.items():
        for at, op in enumerate(function.block.operations):
            usage = plan.get_compute_device_usage_for_mlprogram_operation(op)
            if usage is None:
                continue
            rows.append({
                "function": name,
                "index": at,
                "name": op.outputs[0].name if op.outputs else op.operator_name,
                "type": op.operator_name,
                "short_type": op.operator_name.rsplit(".", 1)[-1],
                "device": label(usage.preferred_compute_device),
                "cost": plan.get_estimated_cost_for_mlprogram_operation(op).weight,
                "ane_supported": ANE in usage.supported_compute_devices,
            })
    return {
        "tool": "anemll-profile",
        "version": "0.4.1",
        "model": {"display_name": "g06_while_pos", "format": "ML Program"},
        "compute": {"mode": "CPU+ANE", "interrupt_boundary_ms": 0.1, "compute_units_all": False},
        "ordered_placements": rows,
    }


def write(name, document):
    (HERE / name).write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def main():
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(PACKAGE).extractall(folder)
        package = next(pathlib.Path(folder).glob("**/*.mlpackage"), pathlib.Path(folder))
        program = ct.utils.load_spec(str(package)).mlProgram
    functions = {}
    for name, function in program.functions.items():
        block = structure(function.block_specializations[function.opset], "ios17")
        made_up(block.operations)
        functions[name] = compute_plan.MLModelStructureProgramFunction([], block)
    plan = Plan(functions)
    own = script.document(plan, "g06_while_pos.mlpackage", "cpu-and-ne", ct.__version__)
    # The machine that runs this is none of Apple's; these stand for one that is.
    own["device"] = {"model": "Mac16,12", "chip": "Apple M4"}
    own["os"] = {"name": "macOS", "version": "26.0", "build": "25A354"}
    write("script.json", own)
    count = [0]
    nested = {name: {"inputs": [], "block": profiler_block(plan, own.block, count)} for name, own in functions.items()}
    write("profiler.json", nested)
    columns = ("op_number", "operator_id", "operatorName", "cost", "preferred_device", "supported_devices")
    rows = nested["main"]["block"]["operations"]
    write("profiler_table.json", [{key: row[key] for key in columns} for row in rows])
    write("anemll.json", anemll(plan, functions))


if __name__ == "__main__":
    sys.exit(main())
