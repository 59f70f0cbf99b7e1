"""Small ONNX files that exercise each family of operators at different opsets, with ONNX Runtime's outputs.

Each file is a few kilobytes; `cases.json` holds for each the shape of the input and the output. The input is the
formula of `make_reference.py`: `2 · uniform("input", i, seed) − 1`, so it is stored nowhere.

Run:  python onnx_small.py [--out onnx]
Needs: onnx onnxruntime numpy
"""
import argparse, json, pathlib
import numpy as np
import onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper

MASK = (1 << 64) - 1


def uniform(name, count, seed):
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        x = np.uint64(state ^ seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x ^= x >> np.uint64(30); x *= np.uint64(0xBF58476D1CE4E5B9)
        x ^= x >> np.uint64(27); x *= np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)).astype(np.float64) / 2.0**24


def picture(shape, seed=1):
    return (2 * uniform("input", int(np.prod(shape)), seed) - 1).astype(np.float32).reshape(shape)


class Net:
    """A graph in the making; each call of an operator's name adds a node and gives its (first) output."""

    def __init__(self, name, opset, shape=(2, 3, 9, 10), declared=None, **case):
        self.name, self.opset, self.shape, self.case = name, opset, shape, case
        self.declared = declared or ["n"] + list(shape[1:])
        self.nodes, self.tensors, self.rng = [], [], np.random.default_rng(len(name) * 1000 + opset)

    def const(self, value, dtype=np.float32):
        array = np.asarray(value, dtype=dtype)
        self.tensors.append(numpy_helper.from_array(array, f"c{len(self.tensors)}"))
        return self.tensors[-1].name

    def ints(self, *values):
        return self.const(values, np.int64)

    def weight(self, *shape, scale=None):
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 1
        return self.const(self.rng.uniform(-1, 1, shape) * (scale or (3 / fan_in) ** 0.5))

    def positive(self, *shape):
        return self.const(self.rng.uniform(0.5, 1.5, shape))

    def __getattr__(self, op):
        def add(*inputs, outputs=1, domain=None, **attributes):
            names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
            self.nodes.append(helper.make_node(op, list(inputs), names, f"{op}_{len(self.nodes)}", domain=domain, **attributes))
            return names[0] if outputs == 1 else names
        return add

    def conv(self, x, out, inputs, kernel, **attributes):
        group = attributes.get("group", 1)
        return self.Conv(x, self.weight(out, inputs // group, *kernel), self.weight(out, scale=0.1), **attributes)

    def head(self, x, channels, classes=4):
        return self.Gemm(self.Flatten(self.GlobalAveragePool(x)), self.weight(classes, channels), self.weight(classes), transB=1)

    def model(self, outputs):
        value = lambda name, shape, kind=TensorProto.FLOAT: helper.make_tensor_value_info(name, kind, shape)
        graph = helper.make_graph(self.nodes, self.name, [value("input", self.declared, self.case.get("kind", TensorProto.FLOAT))],
                                  [o if not isinstance(o, str) else value(o, None) for o in outputs], self.tensors)
        sets = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", 3)]
        return helper.make_model(graph, opset_imports=sets, ir_version=min(10, 3 + self.opset // 2), producer_name="glassbox tests")


CASES = []


def case(function):
    CASES.append(function)
    return function


@case
def conv_padding():
    n = Net("conv_padding", 13)
    x = n.Relu(n.conv("input", 6, 3, (3, 2), pads=[0, 1, 2, 1], strides=[2, 1]))
    x = n.conv(x, 6, 6, (3, 3), pads=[1, 2, 1, 2], dilations=[1, 2], group=6)
    x = n.conv(x, 8, 6, (1, 3), group=2, dilations=[1, 2], kernel_shape=[1, 3])
    g = n.Flatten(n.GlobalAveragePool(x), axis=-3)
    return n, n.Gemm(g, n.weight(8, 5), n.weight(1, 5), alpha=0.5, beta=2.0)


@case
def conv_same():
    n = Net("conv_same", 11, (2, 3, 11, 14))
    x = n.Relu(n.conv("input", 4, 3, (4, 2), auto_pad="SAME_UPPER", strides=[2, 2]))
    x = n.conv(x, 4, 4, (2, 4), auto_pad="SAME_LOWER", strides=[1, 2])
    x = n.MaxPool(x, kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 1])
    x = n.AveragePool(x, kernel_shape=[2, 2], auto_pad="SAME_LOWER", strides=[1, 1])
    x = n.conv(x, 5, 4, (2, 2), auto_pad="VALID")
    return n, n.head(x, 5)


@case
def conv_transposed():
    n = Net("conv_transposed", 13, (2, 3, 5, 6))
    x = n.ConvTranspose("input", n.weight(3, 2, 3, 3), n.weight(2), strides=[2, 2], pads=[1, 0, 0, 1], output_padding=[1, 1])
    x = n.ConvTranspose(x, n.weight(2, 2, 2, 3), n.weight(4), group=2, dilations=[2, 1])
    x = n.ConvTranspose(x, n.weight(4, 3, 3, 4), strides=[2, 2], auto_pad="SAME_UPPER")
    x = n.ConvTranspose(x, n.weight(3, 3, 4, 4), strides=[2, 2], output_shape=[53, 62])
    x = n.ConvTranspose(x, n.weight(3, 2, 3, 4), strides=[2, 2], auto_pad="SAME_LOWER")
    return n, n.AveragePool(x, kernel_shape=[9, 9], strides=[9, 9])


@case
def pools():
    n = Net("pools", 12, (2, 3, 13, 14))
    a = n.MaxPool("input", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    b = n.MaxPool("input", kernel_shape=[2, 3], strides=[2, 2], dilations=[2, 2], pads=[1, 1, 0, 1])
    c = n.AveragePool("input", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    d = n.AveragePool("input", kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 0, 1])
    e = n.AveragePool("input", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    means = [n.GlobalAveragePool(n.Relu(n.conv(p, 4, 3, (2, 2)))) for p in (a, b, c, d, e)]
    most = n.GlobalMaxPool(a)
    return n, n.conv(n.Concat(*means, most, axis=1), 4, 23, (1, 1))


@case
def norm_old():
    n = Net("norm_old", 7)
    x = n.conv("input", 4, 3, (3, 3))
    x = n.BatchNormalization(x, n.positive(4), n.weight(4), n.weight(4), n.positive(4), epsilon=1e-3)
    x = n.LRN(x, size=3, alpha=0.5, beta=0.6, bias=1.5)
    g = n.Flatten(n.GlobalMaxPool(x))
    g = n.BatchNormalization(g, n.positive(4), n.weight(4), n.weight(4), n.positive(4))
    return n, n.Gemm(n.Dropout(g), n.weight(4, 3), n.weight(3))


@case
def norm_new():
    n = Net("norm_new", 17)
    x = n.conv("input", 6, 3, (3, 3))
    x = n.InstanceNormalization(x, n.positive(6), n.weight(6), epsilon=1e-3)
    # A group normalisation as exporters write it before opset 18.
    shape = n.Shape(x)
    g = n.InstanceNormalization(n.Reshape(x, n.ints(0, 3, -1)), n.const(np.ones(3)), n.const(np.zeros(3)))
    x = n.Add(n.Mul(n.Reshape(g, shape), n.positive(6, 1, 1)), n.weight(6, 1, 1))
    x = n.Transpose(n.LayerNormalization(n.Transpose(x, perm=[0, 2, 3, 1]), n.positive(6), n.weight(6), axis=-1), perm=[0, 3, 1, 2])
    x = n.LayerNormalization(x, n.positive(7, 8), axis=2, epsilon=1e-2)
    return n, n.head(x, 6)


@case
def norm_group():
    n = Net("norm_group", 21)
    x = n.conv("input", 6, 3, (3, 3))
    x = n.GroupNormalization(x, n.positive(6), n.weight(6), num_groups=3, epsilon=1e-3)
    return n, n.head(n.Relu(x), 6)


@case
def activations():
    n = Net("activations", 20)
    x = n.conv("input", 4, 3, (3, 3))
    parts = [n.LeakyRelu(x, alpha=0.2), n.PRelu(x, n.weight(4, 1, 1)), n.Elu(x, alpha=0.7), n.Selu(x), n.Celu(x, alpha=0.6),
             n.Sigmoid(x), n.HardSigmoid(x, alpha=0.3, beta=0.4), n.HardSwish(x), n.Gelu(x), n.Gelu(x, approximate="tanh"),
             n.Mish(x), n.Clip(x, n.const(-0.3), n.const(0.4)), n.Clip(x, "", n.const(0.5)), n.Clip(x, n.const(0.0)),
             n.Tanh(x), n.Erf(x), n.Softplus(x), n.Softsign(x), n.Exp(x), n.Log(n.Exp(x)), n.Sqrt(n.Abs(x)), n.Neg(x),
             n.Reciprocal(n.Exp(x)), n.Sign(x), n.Floor(x), n.Ceil(x), n.Round(n.Mul(x, n.const(3.0)))]
    return n, n.head(n.Concat(*parts, axis=1), 4 * len(parts))


@case
def activations_old():
    n = Net("activations_old", 7)
    x = n.Clip(n.conv("input", 4, 3, (3, 3)), min=0.0, max=6.0)
    x = n.Clip(n.conv(x, 4, 4, (3, 3)), min=-0.5)
    x = n.PRelu(n.HardSigmoid(x), n.const([0.3]))
    return n, n.head(x, 4)


@case
def arithmetic():
    n = Net("arithmetic", 14)
    n.tensors.append(numpy_helper.from_array(np.array([[[0.4]], [[0.5]], [[0.6]]], np.float32), "mean"))
    x = n.Div(n.Sub("input", "mean"), n.const(np.full((1, 3, 1, 1), 0.25)))
    x = n.conv(x, 4, 3, (3, 3), pads=[1, 1, 1, 1])
    gate = n.Sigmoid(n.conv(n.GlobalAveragePool(x), 4, 4, (1, 1)))
    y = n.Mul(x, gate)
    y = n.Add(y, x)
    y = n.Sub(n.const(1.0), n.Div(n.const(2.0), n.Add(n.Mul(y, y), n.const(1.0))))
    y = n.Add(n.Pow(n.Abs(y), n.const(1.5)), n.Pow(y, n.const(2.0)))
    y = n.Max(y, x, n.const(-0.2))
    y = n.Min(y, n.const(3.0))
    y = n.Mean(y, x, n.Sum(x, y, x))
    return n, n.head(n.Mul(n.Add(y, n.const(0.0)), n.const(1.0)), 4)


@case
def dense():
    n = Net("dense", 13)
    x = n.Flatten(n.conv("input", 4, 3, (3, 3), strides=[2, 2]))
    x = n.Relu(n.Add(n.MatMul(x, n.weight(64, 10)), n.weight(10)))
    x = n.Tanh(n.Add(n.weight(1, 6), n.MatMul(x, n.weight(10, 6))))
    tokens = n.Reshape(x, n.ints(0, 2, 3))
    mixed = n.MatMul(n.Softmax(n.MatMul(tokens, n.Transpose(tokens, perm=[0, 2, 1])), axis=-1), tokens)
    return n, n.Gemm(n.Reshape(mixed, n.ints(-1, 6)), n.weight(5, 6), transB=1)


def from_shape(n, x, unsqueeze):
    """`x.view(x.size(0), -1)` as traced."""
    size = n.Gather(n.Shape(x), n.const(0, np.int64), axis=0)
    return n.Reshape(x, n.Concat(unsqueeze(size), unsqueeze(n.const(-1, np.int64)), axis=0))


@case
def shapes_old():
    n = Net("shapes_old", 9)
    x = n.GlobalAveragePool(n.conv("input", 4, 3, (3, 3)))
    x = from_shape(n, x, lambda v: n.Unsqueeze(v, axes=[0]))
    return n, n.Gemm(x, n.weight(3, 4), n.weight(3), transB=1)


@case
def shapes_new():
    n = Net("shapes_new", 15)
    one = lambda v: n.Unsqueeze(v, n.ints(0))
    x = n.conv("input", 6, 3, (3, 3))
    # Channels shuffled between groups, every number from the shape.
    dim = lambda i: n.Gather(n.Shape(x), n.const(i, np.int64))
    per = n.Div(dim(1), n.const(2, np.int64))
    wide = n.Reshape(x, n.Concat(one(dim(0)), n.ints(2), one(per), one(dim(2)), one(dim(3)), axis=0))
    x = n.Reshape(n.Transpose(wide, perm=[0, 2, 1, 3, 4]), n.Concat(one(dim(0)), n.ints(-1), n.Shape(x, start=2), axis=0))
    # `expand` as traced, of a per-channel gate.
    gate = n.Sigmoid(n.GlobalAveragePool(x))
    shape = n.Concat(one(dim(0)), n.ints(-1, 7, 8), axis=0)
    ones = n.ConstantOfShape(n.ints(4), value=helper.make_tensor("v", TensorProto.INT64, [1], [1]))
    wanted = n.Where(n.Equal(shape, n.Mul(ones, n.const(-1, np.int64))), ones, shape)
    x = n.Mul(x, n.Expand(gate, wanted))
    count = n.Cast(n.ReduceProd(n.Shape(x, start=2), keepdims=0), to=TensorProto.FLOAT)
    steps = n.ReduceSum(n.Cast(n.Range(n.const(0, np.int64), n.const(5, np.int64), n.const(2, np.int64)), to=TensorProto.FLOAT), keepdims=0)
    x = n.Div(n.Mul(x, steps), n.Sqrt(count))
    x = from_shape(n, n.GlobalAveragePool(x), one)
    return n, n.Squeeze(n.Unsqueeze(n.Gemm(x, n.weight(3, 6), transB=1), n.ints(1, -1)), n.ints(1, 3))


@case
def fixed_batch():
    n = Net("fixed_batch", 13, (1, 3, 9, 10), declared=[1, 3, 9, 10])
    x = n.GlobalAveragePool(n.conv("input", 4, 3, (3, 3)))
    return n, n.Gemm(n.Reshape(x, n.ints(1, 4)), n.weight(3, 4), n.weight(3), transB=1)


@case
def cuts_old():
    n = Net("cuts_old", 9)
    x = n.Slice("input", axes=[2, 3], starts=[1, -9], ends=[2**31 - 1, -1])
    a, b = n.Split(n.conv(x, 6, 3, (3, 3)), outputs=2, axis=1, split=[2, 4])
    x = n.Concat(n.Pad(b, mode="reflect", pads=[0, 0, 1, 2, 0, 0, 0, 1]), n.Pad(a, pads=[0, 0, 1, 1, 0, 0, 0, 2], value=0.5), axis=1)
    return n, n.head(x, 6)


@case
def cuts_new():
    n = Net("cuts_new", 18)
    dims = lambda i: n.Unsqueeze(n.Gather("input", n.const(i, np.int64), axis=1), n.ints(1))
    x = n.Concat(*[n.Add(n.Mul(dims(i), n.const(0.5 + i)), n.const(0.1 * i)) for i in range(3)], axis=1)
    x = n.Slice(x, n.ints(-1, 8), n.ints(-(2**31), 0), n.ints(3, 2), n.ints(-1, -2))
    x = n.conv(x, 7, 3, (2, 3))
    a, b, c = n.Split(x, outputs=3, axis=1, num_outputs=3)
    x = n.Concat(c, n.Gather(b, n.ints(2, 0), axis=1), n.Gather(a, n.ints(1, 2), axis=-3), axis=-3)
    x = n.Pad(x, n.ints(1, 0, -1, 2), "", n.ints(2, 3), mode="edge")
    x = n.Pad(x, n.ints(0, 0, 1, 0, 0, 0, 0, 1), n.const(-0.3))
    return n, n.head(x, 5)


@case
def blocks():
    n = Net("blocks", 13, (2, 3, 8, 12))
    x = n.conv(n.SpaceToDepth("input", blocksize=2), 16, 12, (1, 1))
    a, b = n.DepthToSpace(x, blocksize=2), n.DepthToSpace(x, blocksize=4, mode="CRD")
    return n, n.conv(n.Concat(a, n.MaxPool(b, kernel_shape=[2, 2], strides=[2, 2]), axis=1), 2, 5, (3, 3))


@case
def reductions():
    n = Net("reductions", 13)
    x = n.conv("input", 4, 3, (3, 3))
    parts = [n.ReduceMean(x, axes=[2, 3], keepdims=1), n.ReduceMax(x, axes=[-1, -2]), n.ReduceMin(x, axes=[2, 3]),
             n.ReduceL1(x, axes=[2, 3]), n.ReduceL2(x, axes=[2, 3]), n.ReduceSumSquare(x, axes=[2, 3]),
             n.ReduceLogSumExp(x, axes=[2, 3]), n.ReduceSum(x, n.ints(2, 3)), n.ReduceProd(n.Sigmoid(x), axes=[3, 2])]
    flat = n.Squeeze(n.Concat(*parts, axis=1), n.ints(2, 3))
    rows = n.ReduceMean(n.ReduceMax(x, axes=[3], keepdims=0), axes=[2], keepdims=0)
    return n, n.Gemm(n.Concat(flat, rows, axis=1), n.weight(3, 40), transB=1)


@case
def reductions_new():
    n = Net("reductions_new", 18)
    x = n.ReduceMean(n.Relu(n.conv("input", 4, 3, (3, 3))), n.ints(-1, -2), keepdims=0)
    return n, n.Gemm(x, n.weight(3, 4), n.weight(3), transB=1)


@case
def upsample():
    n = Net("upsample", 9, (2, 3, 5, 6))
    x = n.Upsample("input", n.const([1, 1, 2, 3]))
    x = n.Upsample(n.conv(x, 3, 3, (3, 3)), n.const([1, 1, 1.5, 2]), mode="linear")
    return n, x


@case
def resize_old():
    n = Net("resize_old", 10, (2, 3, 5, 6))
    x = n.Resize("input", n.const([1, 1, 2, 0.5]))
    return n, n.Resize(n.conv(x, 3, 3, (2, 2)), n.const([1, 1, 2, 2]), mode="linear")


@case
def resize():
    n = Net("resize", 13, (2, 3, 5, 6))
    empty = n.const([])
    x = n.Resize("input", empty, n.const([1, 1, 12 / 5, 2]), mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    size = n.Concat(n.Slice(n.Shape(x), n.ints(0), n.ints(2), n.ints(0)), n.ints(9, 17), axis=0)
    x = n.Resize(n.conv(x, 3, 3, (3, 3)), empty, empty, size, mode="cubic", coordinate_transformation_mode="align_corners")
    x = n.Resize(n.conv(x, 3, 3, (2, 2)), "", n.const([1, 1, 1.6, 0.7]), mode="nearest", nearest_mode="floor",
                 coordinate_transformation_mode="asymmetric")
    size = n.Concat(n.Slice(n.Shape(x), n.ints(0), n.ints(2), n.ints(0)), n.ints(20, 9), axis=0)
    return n, n.Resize(x, "", "", size, mode="nearest", nearest_mode="round_prefer_ceil")


@case
def resize_new():
    n = Net("resize_new", 19, (2, 3, 5, 6))
    x = n.Resize("input", "", n.const([2, 1.5]), axes=[2, 3], mode="linear")
    return n, n.Resize(n.conv(x, 2, 3, (3, 3)), "", "", n.ints(16, 15), axes=[-2, -1], mode="cubic", cubic_coeff_a=-0.5)


@case
def channels_last():
    n = Net("channels_last", 15, (2, 3, 9, 10), declared=["n", 9, 10, 3], last=True, ends="softmax", activation="softmax")
    x = n.Relu(n.conv(n.Transpose("input", perm=[0, 3, 1, 2]), 4, 3, (3, 3), strides=[2, 2], pads=[0, 0, 1, 1]))
    x = n.ReduceMean(n.Transpose(x, perm=[0, 2, 3, 1]), axes=[1, 2], keepdims=0)
    return n, n.Softmax(n.Add(n.MatMul(x, n.weight(4, 3)), n.weight(3)))


@case
def channels_last_mask():
    n = Net("channels_last_mask", 15, (2, 3, 9, 10), declared=["n", None, None, 3], last=True, ends="sigmoid", activation="sigmoid")
    x = n.conv(n.Transpose("input", perm=[0, 3, 1, 2]), 2, 3, (3, 3), pads=[1, 1, 1, 1])
    return n, n.Sigmoid(n.Transpose(x, perm=[0, 2, 3, 1]))


@case
def softmax_old():
    n = Net("softmax_old", 11, ends="softmax", activation="softmax")
    return n, n.Softmax(n.GlobalAveragePool(n.conv("input", 4, 3, (3, 3))), axis=1)


@case
def log_softmax():
    n = Net("log_softmax", 13, ends="log_softmax", activation="softmax")
    return n, n.LogSoftmax(n.head(n.conv("input", 4, 3, (3, 3)), 4), axis=1)


@case
def one_sigmoid():
    n = Net("one_sigmoid", 13, ends="sigmoid", activation="sigmoid")
    return n, n.Squeeze(n.Sigmoid(n.head(n.conv("input", 4, 3, (3, 3)), 4, 1)), n.ints(1))


@case
def inner_sigmoid_stays():
    n = Net("inner_sigmoid_stays", 13, activation="softmax")
    return n, n.Sigmoid(n.head(n.conv("input", 4, 3, (3, 3)), 4))


@case
def kinds_of_numbers():
    n = Net("kinds_of_numbers", 13)
    kinds = [(TensorProto.FLOAT16, np.float16), (TensorProto.DOUBLE, np.float64)]
    x = "input"
    for kind, dtype in kinds:
        weight = n.const(n.rng.uniform(-0.5, 0.5, (3, 3, 2, 2)), dtype)
        x = n.Conv(x, n.Cast(weight, to=TensorProto.FLOAT))
    values = n.rng.uniform(-0.5, 0.5, (3, 3, 1, 1)).astype(np.float32)
    bits = (values.view(np.uint32).ravel() >> 16).astype(int).tolist()
    n.tensors.append(TensorProto(name="bf16", data_type=TensorProto.BFLOAT16, dims=[3, 3, 1, 1], int32_data=bits))
    x = n.Conv(x, n.Cast("bf16", to=TensorProto.FLOAT))
    typed = helper.make_tensor("typed", TensorProto.FLOAT, [3, 3, 1, 1], n.rng.uniform(-1, 1, 9).tolist())
    half = helper.make_tensor("half", TensorProto.FLOAT16, [3], [0.5, -0.25, 2.0])
    byte = helper.make_tensor("byte", TensorProto.INT8, [3], [-1, 2, 3])
    n.tensors += [typed, half, byte]
    x = n.Conv(x, "typed", n.Cast("half", to=TensorProto.FLOAT))
    x = n.Mul(x, n.Unsqueeze(n.Cast("byte", to=TensorProto.FLOAT), n.ints(1, 2)))
    return n, n.head(x, 3)


@case
def half_precision():
    n = Net("half_precision", 13, tolerance=5e-3)
    x = n.Cast("input", to=TensorProto.FLOAT16)
    half = lambda *shape: n.const(n.rng.uniform(-0.4, 0.4, shape), np.float16)
    x = n.Relu(n.Conv(x, half(4, 3, 3, 3), half(4)))
    x = n.Gemm(n.Flatten(n.GlobalAveragePool(x)), half(3, 4), half(3), transB=1)
    return n, n.Cast(x, to=TensorProto.FLOAT)


@case
def labels_and_probabilities():
    n = Net("labels_and_probabilities", 13, (2, 1, 4, 4), declared=["n", 16], flat=True, ends="softmax", activation="softmax", output=1)
    x = n.Add(n.MatMul(n.Cast("input", to=TensorProto.FLOAT), n.weight(16, 5)), n.weight(1, 5))
    x = n.Softmax(n.Add(n.MatMul(n.Relu(x), n.weight(5, 3)), n.weight(1, 3)))
    label = n.ArgMax(x, axis=1, keepdims=0)
    return n, [helper.make_tensor_value_info(label, TensorProto.INT64, None), x]


@case
def passes():
    n = Net("passes", 13)
    x, _ = n.Dropout(n.Identity(n.conv("input", 4, 3, (3, 3))), n.const(0.3), outputs=2)
    x = n.Tile(n.Cast(x, to=TensorProto.FLOAT), n.ints(1, 1, 1, 1))
    x = n.Where(n.const([True], np.bool_), x, n.const(0.0))
    return n, n.head(n.Reshape(x, n.Shape(x)), 4)


@case
def external():
    n = Net("external", 13, external=True)
    return n, n.head(n.Relu(n.conv("input", 4, 3, (3, 3))), 4)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "onnx")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    cases = []
    for function in CASES:
        net, outputs = function()
        outputs = outputs if isinstance(outputs, list) else [outputs]
        model = net.model(outputs)
        path = out / f"{net.name}.onnx"
        if net.case.get("external"):
            onnx.save(model, path, save_as_external_data=True, location=f"{net.name}.data", size_threshold=0)
        else:
            onnx.save(model, path)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        x = picture(net.shape)
        if net.case.get("last"):
            x = x.transpose(0, 2, 3, 1)
        if net.case.get("flat"):
            x = x.reshape(len(x), -1)
        y = session.run(None, {"input": x})[net.case.get("output", 0)]
        if net.case.get("last") and y.ndim == 4:
            y = y.transpose(0, 3, 1, 2)
        entry = {"file": path.name, "opset": net.opset, "input": list(net.shape), "activation": net.case.get("activation", "none"),
                 "ends": net.case.get("ends"), "tolerance": net.case.get("tolerance", 1e-4), "shape": list(y.shape),
                 "output": [float(f"{v:.8g}") for v in y.astype(np.float64).ravel()]}
        cases.append(entry)
        print(f"{net.name:<26} opset {net.opset:>2}  {path.stat().st_size:>6} bytes  output {list(y.shape)}  max {np.abs(y).max():.4g}")
    text = ",\n".join("  " + json.dumps(entry) for entry in cases)
    (out / "cases.json").write_text(f'{{"onnxruntime": "{onnxruntime.__version__}", "cases": [\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
