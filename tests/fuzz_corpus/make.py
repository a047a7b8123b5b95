"""Writes the seeds that fuzzing starts from, from the fixtures in `../packages`: python3 make.py FOLDER

Only what no coverage-led mutation would find by itself in minutes: whole packages, archives of each form, specifications
of each model type, a compiled program. The inputs that are committed beside this file are these and what grew from them
(see README.md). Needs nothing but the standard library.
"""

import io
import struct
import sys
import zipfile
from pathlib import Path

PACKAGES = Path(__file__).resolve().parent.parent / "packages"
OUT = Path(sys.argv[1])

PROGRAM = """program(1.3)
[buildInfo = dict<string, string>({{"coremlc-component-MIL", "3500.14.1"}, {"coremltools-version", "9.0"}})]
{
    func main<ios18>(tensor<fp16, [1, 64]> x, state<tensor<fp16, [1, 64]>> kept) {
            tensor<fp16, [64, 64]> w = const()[name = string("w"), val = tensor<fp16, [64, 64]>(BLOBFILE(path = string("@model_path/weights/weight.bin"), offset = uint64(64)))];
            tensor<fp16, [64]> b = const()[name = string("b"), val = tensor<fp16, [64]>([0x1p+0, -0x1.8p-3, 0x0p+0, nan])];
            tensor<uint4, [64, 64]> i = const()[name = string("i"), val = tensor<uint4, [64, 64]>(BLOBFILE(path = string("@model_path/weights/weight.bin"), offset = uint64(8384)))];
            tensor<fp16, [64, 64]> v = constexpr_lut_to_dense(indices = i, lut = tensor<fp16, [1, 1, 16, 1]>(BLOBFILE(path = string("@model_path/weights/weight.bin"), offset = uint64(10560))))[name = string("v")];
            int32 axis = const()[name = string("axis"), val = int32(-1)];
            tensor<bool, []> yes = const()[name = string("yes"), val = bool(true)];
            tensor<fp16, [1, 64]> y = linear(bias = b, weight = w, x = x)[name = string("y \\"quoted\\" \\n")];
            tensor<fp16, [1, 64]> c = cond(pred = yes)[name = string("c")]
            (tensor<fp16, [1, 64]> t = relu(x = y)[name = string("t")]) { } -> (t),
            (tensor<fp16, [1, 64]> e = exp(x = y)[name = string("e")]) { } -> (e);
            tuple<tensor<fp16, [1, 32]>, tensor<fp16, [1, 32]>> s = split(axis = axis, x = c)[name = string("s")];
            tensor<fp16, [1, ?]> z = concat(axis = axis, values = (y, c))[name = string("z")];
        } -> (z);
    func other<ios18>(tensor<int32, [1]> x) [FlexibleShapeInformation = tuple<tuple<string, dict<string, tensor<int32, [?]>>>>((("DefaultShapes", {{"x", [1]}})))] {
        } -> (x);
}
"""

METADATA = (
    '[{"metadataOutputVersion":"3.0","specificationVersion":9,"modelType":{"name":"MLModelType_mlProgram"},'
    '"inputSchema":[{"hasShapeFlexibility":"1","isOptional":"0","dataType":"Float16","formattedType":"MultiArray '
    '(Float16 1 × 64)","shape":"[1, 64]","shapeRange":"[[1, 1], [1, 64]]","name":"x","type":"MultiArray"}],'
    '"outputSchema":[],"stateSchema":[],"mlProgramOperationTypeHistogram":{"Ios18.linear":1}}]'
)


def put(target, name, data):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def framed(files):
    return b"".join(b"\n=== " + path.encode() + b"\n" + data for path, data in files)[1:]


def archive(files, method, streamed=False):
    class Sink(io.BytesIO):
        def seekable(self):
            return not streamed

    sink = Sink()
    with zipfile.ZipFile(sink, "w", method) as out:
        for path, data in files:
            out.writestr(zipfile.ZipInfo(path), data, method)
    return sink.getvalue()


def main():
    for path in sorted(PACKAGES.rglob("*.zip")):
        name = path.name.split(".")[0]
        with zipfile.ZipFile(path) as zipped:
            files = [(item.filename, zipped.read(item)) for item in zipped.infolist() if not item.is_dir()]
        for file, data in files:
            if file.endswith(".mlmodel"):
                put("spec", name, data)
                put("plan", name, data)
        # Of a weight file only headers and records matter.
        put("package", name, framed([(file, data[:2000] if file.endswith(".bin") else data) for file, data in files]))
    for path in sorted(PACKAGES.rglob("*.mlmodel")):
        put("spec", path.stem, path.read_bytes())
        put("plan", path.stem, path.read_bytes())

    small = [("a.mlmodel", (PACKAGES / "other/tree.mlmodel").read_bytes())]
    with zipfile.ZipFile(PACKAGES / "flexible_range_ios17.mlpackage.zip") as zipped:
        package = [(item.filename, zipped.read(item)) for item in zipped.infolist()]
    litter = [*package, ("__MACOSX/._x", b"\0\5"), ("../up", b"x"), (package[0][0], package[0][1])]
    for name, files in [("lone", small), ("package", package), ("litter", litter), ("empty", [])]:
        put("zip", f"{name}_stored", archive(files, zipfile.ZIP_STORED))
        put("zip", f"{name}_deflated", archive(files, zipfile.ZIP_DEFLATED))
        put("zip", f"{name}_streamed", archive(files, zipfile.ZIP_DEFLATED, streamed=True))

    put("compiled", "program", PROGRAM.encode())
    put("compiled", "whole", framed([
        ("m.mlmodelc/model.mil", PROGRAM.encode()),
        ("m.mlmodelc/metadata.json", METADATA.encode()),
        ("m.mlmodelc/weights/weight.bin", struct.pack("<II", 3, 2) + bytes(56)),
        ("m.mlmodelc/coremldata.bin", bytes(64)),
    ]))
    put("compiled", "network", framed([
        ("m.mlmodelc/model.espresso.net", b'{"storage":"model.espresso.weights","layers":[{"type":"convolution","C":3,"K":8,"Nx":3,"Ny":3,"blob_weights":3,"name":"c","top":"y","bottom":"x","weights":{}}]}'),
        ("m.mlmodelc/model.espresso.shape", b'{"layer_shapes":{"y":{"k":8,"w":4,"n":1,"h":4,"_rank":4}}}'),
        ("m.mlmodelc/model.espresso.weights", bytes(64)),
        ("m.mlmodelc/metadata.json", METADATA.encode()),
    ]))

    # See `blobs` in fuzz/src/lib.rs: constants that refer to two good records, one bad one and past the end.
    record = lambda dtype, size, offset: struct.pack("<IIQQQ", 0xDEADBEEF, dtype, size, offset, 0) + bytes(32)
    weights = struct.pack("<II", 2, 2) + bytes(56)
    weights += record(1, 128, 128) + bytes(128) + record(3, 64, 320) + bytes(64) + bytes(64)
    refs = [(4, 10, 16, 3), (16, 31, 16, 0), (24, 25, 8, 1), (9999, 11, 255, 2), (4, 10, 16, 3)]
    put("blobs", "records", bytes([len(refs)]) + b"".join(struct.pack("<HBBB", *ref) for ref in refs) + weights)


main()
