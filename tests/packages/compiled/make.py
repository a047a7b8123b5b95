"""Makes hand_written.mlmodelc, a small compiled model in the form that files by Apple's compiler have.

    python make.py

No compiler made it: the text is written here, line by line in the form of public files, and the binary parts are put
together as the notes in src/format/coremldata.rs and src/format/blob.rs describe them. A convolution with 4-bit
palettized weights for iOS 16 and later, with the description of one image input and one array output.
"""

import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hand_written.mlmodelc")


def write(path, data):
    path = os.path.join(HERE, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    payload = payload.encode() if isinstance(payload, str) else payload
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def blobs(all_data):
    """A weight file of version 2; returns it and the offset of each record."""
    out, offsets = struct.pack("<II56x", len(all_data), 2), []
    for dtype, data in all_data:
        offsets.append(len(out))
        out += struct.pack("<IIQQ40x", 0xDEADBEEF, dtype, len(data), len(out) + 64) + data
        out += bytes(-len(out) % 64)
    return out, offsets


def string(text):
    return f'tensor<string, []>("{text}")'


def blob(dtype, shape, offset):
    path = string("@model_path/weights/weight.bin")
    return f"tensor<{dtype}, {shape}>(BLOBFILE(path = {path}, offset = tensor<uint64, []>({offset})))"


weights, (indices, bias) = blobs([(3, bytes(range(54))), (1, bytes(8))])
lut = "[-0x1p+0, -0x1.cp-1, -0x1.8p-1, -0x1.4p-1, -0x1p-1, -0x1.8p-2, -0x1p-2, -0x1p-3, 0x0p+0, 0x1p-3, 0x1p-2, 0x1.8p-2, "
lut += "0x1p-1, 0x1.4p-1, 0x1.8p-1, 0x1.cp-1]"


def const(name, dtype, shape, literal):
    value = f"tensor<{dtype}, {shape}>({literal})"
    return f"tensor<{dtype}, {shape}> {name} = const()[name = {string(name)}, val = {value}];"


lines = [
    const("pad_type_0", "string", "[]", '"same"'),
    const("ones_0", "int32", "[2]", "[1, 1]"),
    const("pad_0", "int32", "[4]", "[0, 0, 0, 0]"),
    const("groups_0", "int32", "[]", "1"),
    const("to_fp16_dtype_0", "string", "[]", '"fp16"'),
    f"tensor<fp16, [1, 3, 8, 8]> image_to_fp16 = cast(dtype = to_fp16_dtype_0, x = image)[name = {string('cast_0')}];",
    "tensor<fp16, [4, 3, 3, 3]> weight_palettized = constexpr_lut_to_dense()[indices = "
    + blob("uint8", "[54]", indices)
    + f", lut = tensor<fp16, [16]>({lut}), name = {string('weight_palettized')}, shape = tensor<uint32, [4]>([4, 3, 3, 3])];",
    f"tensor<fp16, [4]> bias_to_fp16 = const()[name = {string('bias_to_fp16')}, val = {blob('fp16', '[4]', bias)}];",
    "tensor<fp16, [1, 4, 8, 8]> conv_0_cast_fp16 = conv(bias = bias_to_fp16, dilations = ones_0, groups = groups_0, pad = "
    f"pad_0, pad_type = pad_type_0, strides = ones_0, weight = weight_palettized, x = image_to_fp16)[name = {string('conv_0_cast_fp16')}];",
    f"tensor<fp16, [1, 4, 8, 8]> features = relu(x = conv_0_cast_fp16)[name = {string('relu_0')}];",
]
info = '{{"coremlc-component-MIL", "0.0.0"}, {"coremlc-version", "0.0.0"}}'
program = f"program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({info})]\n{{\n"
program += "    func main<ios16>(tensor<fp32, [1, 3, 8, 8]> image) {\n"
program += "".join(f"            {line}\n" for line in lines) + "        } -> (features);\n}"
write("model.mil", program)
write("weights/weight.bin", weights)

image = field(4, field(1, 8) + field(2, 8) + field(3, 20))
array = field(5, field(1, bytes([1, 4, 8, 8])) + field(2, 65552))
description = field(1, field(1, "image") + field(3, image)) + field(10, field(1, "features") + field(3, array))
head = struct.pack("<II20xQ", 502, 5, 7) + b"generic" + struct.pack("<I28xQ", 7, len(description))
write("coremldata.bin", head + description + struct.pack("<I12x", 502))
analytics = b""
for text in ["NeuralNetworkModelDetails", None, "containsCustomLayer", "0", "modelDimension", "4"]:
    analytics += struct.pack("<Q", 2) if text is None else struct.pack("<Q", len(text)) + text.encode()
write("analytics/coremldata.bin", analytics)
write(
    "metadata.json",
    """[
  {
    "metadataOutputVersion" : "3.0",
    "storagePrecision" : "Mixed (Float16, Palettized (4 bits))",
    "outputSchema" : [
      {
        "hasShapeFlexibility" : "0",
        "isOptional" : "0",
        "dataType" : "Float16",
        "formattedType" : "MultiArray (Float16 1 × 4 × 8 × 8)",
        "shortDescription" : "",
        "shape" : "[1, 4, 8, 8]",
        "name" : "features",
        "type" : "MultiArray"
      }
    ],
    "modelParameters" : [

    ],
    "specificationVersion" : 7,
    "mlProgramOperationTypeHistogram" : {
      "Ios16.cast" : 1,
      "Ios16.constexprLutToDense" : 1,
      "Ios16.conv" : 1,
      "Ios16.relu" : 1
    },
    "computePrecision" : "Mixed (Float16, Float32)",
    "isUpdatable" : "0",
    "availability" : {
      "macOS" : "13.0",
      "tvOS" : "16.0",
      "watchOS" : "9.0",
      "iOS" : "16.0",
      "macCatalyst" : "16.0"
    },
    "modelType" : {
      "name" : "MLModelType_mlProgram"
    },
    "userDefinedMetadata" : {

    },
    "inputSchema" : [
      {
        "height" : "8",
        "colorspace" : "RGB",
        "isOptional" : "0",
        "width" : "8",
        "isColor" : "1",
        "formattedType" : "Image (Color 8 × 8)",
        "hasSizeFlexibility" : "0",
        "type" : "Image",
        "shortDescription" : "",
        "name" : "image"
      }
    ],
    "generatedClassName" : "hand_written",
    "method" : "predict"
  }
]
""",
)
