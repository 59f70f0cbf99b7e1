"""Small networks as the exporters themselves write them, with ONNX Runtime's outputs; see `onnx_small.py` for the rest.

Run:  python onnx_exporters.py torch     needs torch onnx onnxruntime onnxscript
      python onnx_exporters.py keras     needs tensorflow tf_keras tf2onnx onnxruntime, with TF_USE_LEGACY_KERAS=1
"""
import json, pathlib, sys
import numpy as np
import onnxruntime
from onnx_small import picture

OUT = pathlib.Path(__file__).parent / "onnx"


def finish(name, opset, shape, last=False, **about):
    """Runs a file and writes what comes out beside it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(OUT / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
    x = picture(shape)
    y = session.run(None, {session.get_inputs()[0].name: x.transpose(0, 2, 3, 1) if last else x})[0]
    if last and y.ndim == 4:
        y = y.transpose(0, 3, 1, 2)
    entry = {"file": f"{name}.onnx", "opset": opset, "input": list(shape), "activation": "none", "ends": None, "tolerance": 1e-4,
             "shape": list(y.shape), "output": [float(f"{v:.8g}") for v in y.astype(np.float64).ravel()]} | about
    (OUT / f"{name}.json").write_text(json.dumps(entry) + "\n")
    print(name, (OUT / f"{name}.onnx").stat().st_size, "bytes", list(y.shape), np.abs(y).max(), flush=True)


def without_traces(path):
    """Of what `torch.export` notes beside nodes only the scopes are kept: the rest names files of whoever exports."""
    import onnx
    model = onnx.load(path)
    graph = model.graph
    for part in [graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        kept = [entry for entry in part.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del part.metadata_props[:]
        part.metadata_props.extend(kept)
    onnx.save(model, path)


def from_torch():
    import torch
    from torch import nn
    import torch.nn.functional as F

    class Block(nn.Module):
        """A residual block with a gate, as the mobile networks have it."""

        def __init__(self, width):
            super().__init__()
            self.conv1 = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.act = nn.Hardswish()
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc1, self.fc2 = nn.Conv2d(width, 4, 1), nn.Conv2d(4, width, 1)
            self.gate = nn.Hardsigmoid()

        def forward(self, x):
            y = self.act(self.bn1(self.conv1(x)))
            return x + y * self.gate(self.fc2(F.silu(self.fc1(self.pool(y)))))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU6(), nn.MaxPool2d(3, 2, ceil_mode=True))
            self.layer1 = nn.Sequential(Block(8), Block(8))
            self.norm = nn.GroupNorm(2, 8)
            self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
            self.dropout, self.fc = nn.Dropout(), nn.Linear(8, 5)

        def forward(self, x):
            x = self.layer1(self.features(x))
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
            a, b = self.norm(x).chunk(2, 1)
            x = F.relu(self.up(torch.cat([b, F.gelu(a)], 1)))
            x = x + F.interpolate(x[:, :, ::2, 1:], size=x.shape[2:], mode="bilinear", align_corners=False)
            return self.fc(self.dropout(torch.flatten(x.mean([2, 3]), 1)))

    torch.manual_seed(0)
    net = Net().eval()
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                m.weight.uniform_(0.5, 1.5), m.bias.uniform_(-0.2, 0.2)
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.uniform_(-0.2, 0.2), m.running_var.uniform_(0.5, 1.5)
    shape = (2, 3, 20, 24)
    x = torch.from_numpy(picture(shape))
    names = dict(input_names=["input"], output_names=["logits"])
    for opset in (11, 17):
        name = f"torch_script_{opset}"
        torch.onnx.export(net, (x,), OUT / f"{name}.onnx", dynamo=False, opset_version=opset, dynamic_axes={"input": {0: "n"}}, **names)
        finish(name, opset, shape)
    torch.onnx.export(net, (x,), OUT / "torch_export_18.onnx", dynamo=True, verbose=False, external_data=False, opset_version=18,
                      dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), **names)
    without_traces(OUT / "torch_export_18.onnx")
    finish("torch_export_18", 18, shape)


def from_keras():
    import tensorflow as tf
    import tf2onnx
    import tf_keras as keras
    from tf_keras import layers

    keras.utils.set_random_seed(0)
    noise = keras.initializers.RandomUniform(0.5, 1.5)

    def norm(x, name):
        return layers.BatchNormalization(name=name, beta_initializer=keras.initializers.RandomUniform(-0.2, 0.2), gamma_initializer=noise,
                                         moving_mean_initializer=keras.initializers.RandomUniform(-0.2, 0.2), moving_variance_initializer=noise)(x)

    start = keras.Input((20, 24, 3), name="picture")
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False, name="conv1")(start)
    x = layers.ReLU(6.0, name="relu1")(norm(x, "bn1"))
    y = layers.DepthwiseConv2D(4, padding="same", name="depthwise")(x)
    y = layers.LeakyReLU(name="leaky")(norm(y, "bn2"))
    x = layers.Add(name="add")([x, y])
    x = layers.MaxPooling2D(2, padding="same", name="pool")(x)
    x = layers.Conv2D(8, 2, activation="swish", padding="valid", name="conv2")(layers.ZeroPadding2D(((1, 0), (0, 2)), name="pad")(x))
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    x = layers.Dense(5, activation="softmax", name="predictions")(layers.Dropout(0.3, name="dropout")(x))
    classifier = keras.Model(start, x)

    start = keras.Input((20, 24, 3), name="picture")
    a = layers.Conv2D(4, 3, padding="same", activation="elu", name="down")(start)
    b = layers.Conv2D(6, 4, strides=2, padding="same", activation="relu", name="middle")(layers.AveragePooling2D(2, name="pool")(a))
    b = layers.Conv2DTranspose(4, 3, strides=2, padding="same", name="up")(b)
    b = layers.Concatenate(name="join")([a, layers.UpSampling2D(2, interpolation="bilinear", name="resize")(b)])
    x = layers.Conv2D(3, 1, activation="softmax", name="mask")(b)
    mask = keras.Model(start, x)

    x = layers.Flatten(name="flatten")(layers.Conv2D(2, 5, strides=4, name="conv")(start))
    flat = keras.Model(start, layers.Dense(1, activation="sigmoid", name="score")(x))

    shape = (2, 3, 20, 24)
    for name, opset, model, ends in (("keras_classifier", 13, classifier, "softmax"), ("keras_mask", 15, mask, "softmax"), ("keras_flat", 11, flat, "sigmoid")):
        spec = (tf.TensorSpec((None, 20, 24, 3), tf.float32, name="picture"),)
        tf2onnx.convert.from_keras(model, spec, opset=opset, output_path=str(OUT / f"{name}.onnx"))
        finish(name, opset, shape, last=True, ends=ends, activation=ends)


if __name__ == "__main__":
    {"torch": from_torch, "keras": from_keras}[sys.argv[1]]()
