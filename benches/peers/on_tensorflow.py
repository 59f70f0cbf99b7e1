"""TensorFlow's side of a row: VGG16 with PyTorch's weights, and Flipout by TensorFlow Probability.

    python on_tensorflow.py ROW FOLDER THREADS CLASS PEERS

Started by run.py; see serve.py for what it answers. The Flipout network is that of tests/peers/tfp_flipout.py.
"""

import os
import pathlib
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "peers"))

import numpy as np
import tensorflow as tf

import serve
import tfp_flipout

row, folder, threads = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
versions = {"TensorFlow": tf.__version__}

#: Passes of a Flipout run.
PASSES = 100


def vgg16():
    """The weights of the safetensors file in TensorFlow's layout: channels last."""
    weights = serve.safetensors(folder / "vgg16.safetensors")
    constant = {}
    for key, value in weights.items():
        if value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        elif key == "classifier.0.weight":
            # What it sees is flattened channel by channel there, place by place here.
            value = value.reshape(4096, 512, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 4096)
        elif value.ndim == 2:
            value = value.T
        constant[key] = tf.constant(np.ascontiguousarray(value))
    last_of_block = {2, 7, 14, 21, 28}
    convolutions = sorted({int(key.split(".")[1]) for key in weights if key.startswith("features")})

    @tf.function
    def network(at):
        for number in convolutions:
            at = tf.nn.conv2d(at, constant[f"features.{number}.weight"], 1, "SAME")
            at = tf.nn.relu(tf.nn.bias_add(at, constant[f"features.{number}.bias"]))
            if number in last_of_block:
                at = tf.nn.max_pool2d(at, 2, 2, "VALID")
        at = tf.reshape(at, [1, -1])
        for number in (0, 3, 6):
            at = tf.matmul(at, constant[f"classifier.{number}.weight"]) + constant[f"classifier.{number}.bias"]
            at = at if number == 6 else tf.nn.relu(at)
        return at

    x = tf.constant(serve.tensor(serve.pictures(folder, "vgg16")).transpose(0, 2, 3, 1))

    def check(ours, theirs):
        error = serve.greatest(ours, theirs)
        return error < 1e-4, {"greatest difference": error}

    return (lambda _warm: network(x).numpy()), check


def same_distribution(ours, theirs):
    """Two samples of one distribution: means within four standard errors, deviations within a third."""
    difference = np.abs(ours.mean(0) - theirs.mean(0))
    error = np.sqrt((ours.var(0, ddof=1) + theirs.var(0, ddof=1)) / len(ours)) + 1e-6
    spread = ours.std(0).mean() / theirs.std(0).mean()
    worst = float((difference / error).max())
    return worst < 4 and 0.67 < spread < 1.5, {"difference of means, standard errors": worst, "spread": spread}


def flipout(trunk_once):
    """A hundred passes, as a user writes them: each a call of the whole network, or with what is the same in all run
    once."""
    import tensorflow_probability as tfp

    versions["TensorFlow Probability"] = tfp.__version__
    model = tfp_flipout.load("vgg16", folder)
    x = tf.constant(tfp_flipout.input_of("vgg16", folder))
    whole = tf.function(lambda: model(x, training=False))
    trunk = tf.function(lambda: model.layers[1](model.layers[0](x, training=False)))
    head = tf.function(lambda features: model.layers[-1](features))

    def run(warm):
        passes = 2 if warm else PASSES
        if trunk_once:
            features = trunk()
            return np.concatenate([head(features).numpy() for _ in range(passes)])
        return np.concatenate([whole().numpy() for _ in range(passes)])

    return run, same_distribution


ROWS = {
    "vgg16-forward": {"TensorFlow": vgg16},
    "vgg16-flipout": {
        "TensorFlow Probability": lambda: flipout(False),
        "the same with its trunk run once by hand": lambda: flipout(True),
    },
}

if row == "make":
    tfp_flipout.build("vgg16", folder)
else:
    only = sys.argv[5].split(",")
    serve.serve({peer: make() for peer, make in ROWS[row].items() if peer in only}, versions)
