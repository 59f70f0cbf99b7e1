"""Passes of Flipout networks: Glassbox against TensorFlow Probability, on the same files and the same image.

    TF_USE_LEGACY_KERAS=1 python tests/peers/tfp_flipout.py target/release/glassbox [--passes 10000] [--out FOLDER]

Builds VGG16 + Flatten + DenseFlipout(7) at 224 x 224 and a small network with Convolution2DFlipout and DenseFlipout
inside, gives both programs the same PNG, and compares, class by class, the distributions of the probabilities over the
passes: two-sample Kolmogorov-Smirnov. Then times the whole process for 100 passes of the VGG16, one after the other.

Needs tensorflow-cpu 2.18.1, tf_keras 2.18, tensorflow-probability 0.25, scipy, Pillow.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

SIZES = {"vgg16": (224, 224), "inside": (40, 36)}
CLASSES = {"vgg16": 7, "inside": 3}
CARD = """name = "{name}"
version = "1"
architecture = "keras"
weights = "{name}.h5"
[input]
size = [{rows}, {columns}]
scale = 255.0
mean = [0.5]
std = [0.25]
"""


def picture(size):
    """An image of the network's size, so that nothing is resampled."""
    rows, columns = size
    random = np.random.default_rng(5)
    y, x = np.mgrid[0:rows, 0:columns]
    spot = np.exp(-((x / columns - 0.45) ** 2 + (y / rows - 0.55) ** 2) / 0.03)
    grain = random.integers(0, 40, (rows, columns, 3))
    return np.clip(200 - 120 * spot[..., None] * [1.0, 1.2, 1.3] + grain - 20, 0, 255).astype(np.uint8)


def network(name):
    import tensorflow_probability as tfp
    import tf_keras as k

    shape = (*SIZES[name], 3)
    flipout = tfp.layers
    if name == "vgg16":
        x = inputs = k.Input(shape)
        for block, (width, count) in enumerate(zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3)), 1):
            for number in range(1, count + 1):
                x = k.layers.Conv2D(width, 3, padding="same", activation="relu", name=f"block{block}_conv{number}")(x)
            x = k.layers.MaxPooling2D(2, 2, name=f"block{block}_pool")(x)
        layers = [k.Model(inputs, x, name="vgg16"), k.layers.Flatten(name="flatten"),
                  flipout.DenseFlipout(7, activation="softmax", name="dense_flipout")]
    else:
        layers = [k.Input(shape), k.layers.Conv2D(8, 3, activation="relu", name="plain"),
                  flipout.Convolution2DFlipout(6, 3, strides=2, padding="same", activation="relu", name="conv"),
                  k.layers.MaxPooling2D(2, name="pool"), k.layers.Flatten(name="flat"),
                  flipout.DenseFlipout(12, activation="relu", name="hidden"),
                  k.layers.Dense(3, activation="softmax", name="last")]
    model = k.Sequential(layers, name=name)
    model.build((None, *shape))
    return model


def build(name, folder):
    model = network(name)
    random = np.random.default_rng(3)
    for weight in model.weights:
        last, dims = weight.name.split("/")[-1].split(":")[0], tuple(weight.shape)
        if "untransformed_scale" in last:
            # In the large layer a deviation that makes logits spread by about 1; in the small ones a fifth of a weight.
            value = random.normal(-5.0 if name == "vgg16" else -2.5, 0.3, dims)
        elif len(dims) < 2:
            value = random.normal(0.0, 0.1, dims)
        else:
            value = random.normal(0.0, np.sqrt(2.0 / np.prod(dims[:-1])), dims)
        weight.assign(value.astype(np.float32))
    model.save(folder / f"{name}.h5")
    rows, columns = SIZES[name]
    (folder / f"{name}.toml").write_text(CARD.format(name=name, rows=rows, columns=columns))
    Image.fromarray(picture(SIZES[name])).save(folder / f"{name}.png")


def input_of(name, folder):
    pixels = np.asarray(Image.open(folder / f"{name}.png"), np.float32)
    return ((pixels / 255.0 - 0.5) / 0.25)[None]


def load(name, folder):
    """The weights of the file in the network that wrote it: TensorFlow Probability's posteriors come from functions, which
    a file does not hold."""
    model = network(name)
    model.load_weights(folder / f"{name}.h5")
    return model


def tfp_passes(name, folder, passes):
    """Each pass is a call of its own: within one call Flipout shares one draw of the weights."""
    import tensorflow as tf

    model, x = load(name, folder), tf.constant(input_of(name, folder))
    if name == "vgg16":
        # What comes before the stochastic layer is the same in each pass.
        features = model.layers[1](model.layers[0](x, training=False))
        step = tf.function(lambda: model.layers[-1](features))
    else:
        step = tf.function(lambda: model(x, training=False))
    return np.concatenate([step().numpy() for _ in range(passes)])


def glassbox(program, name, folder, passes, seed, draws=True):
    out = folder / f"out-{name}-{seed}-{passes}"
    began = time.perf_counter()
    subprocess.run([program, "explain", folder / f"{name}.png", "--model", folder / f"{name}.toml", "--out", out,
                    "--passes", str(passes), "--seed", str(seed), "--method", "gradcam", *(["--draws"] if draws else [])],
                   check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    result = json.loads((out / "explanation.json").read_text())["results"][0]
    return np.load(out / result["uncertainty"]["draws"]) if draws else None, result, seconds


def compare(program, name, folder, passes):
    from scipy.stats import ks_2samp

    drawn = folder / f"tfp-{name}-{passes}.npy"
    if not drawn.exists():
        np.save(drawn, tfp_passes(name, folder, passes))
    theirs = np.load(drawn)
    ours, _, _ = glassbox(program, name, folder, passes, 1)
    assert ours.shape == theirs.shape == (passes, CLASSES[name]), (ours.shape, theirs.shape)
    worst = 1.0
    for index in range(CLASSES[name]):
        found = ks_2samp(ours[:, index], theirs[:, index])
        worst = min(worst, found.pvalue)
        print(f"{name:7} class {index}: D {found.statistic:.4f}  p {found.pvalue:.3f}   mean {ours[:, index].mean():.4f} "
              f"{theirs[:, index].mean():.4f}   std {ours[:, index].std(ddof=1):.4f} {theirs[:, index].std(ddof=1):.4f}",
              flush=True)
    return worst


WHOLE = """
import os, sys
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, {here!r})
import pathlib, tfp_flipout
print(tfp_flipout.tfp_passes("vgg16", pathlib.Path({folder!r}), 100).mean(0))
"""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--passes", type=int, default=10_000)
    arguments.add_argument("--out", type=pathlib.Path)
    arguments.add_argument("--networks", default="vgg16,inside")
    arguments.add_argument("--only-time", action="store_true")
    given = arguments.parse_args()
    folder = given.out or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    worst = 1.0
    for name in given.networks.split(","):
        if not (folder / f"{name}.h5").exists():
            build(name, folder)
        if not given.only_time:
            worst = min(worst, compare(given.program, name, folder, given.passes))
    if not given.only_time:
        print(f"smallest p {worst:.3f}")
    if "vgg16" in given.networks:
        here = str(pathlib.Path(__file__).resolve().parent)
        for _ in range(3):
            _, _, ours = glassbox(given.program, "vgg16", folder, 100, 2, draws=False)
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", WHOLE.format(here=here, folder=str(folder))], check=True,
                           stdout=subprocess.DEVNULL)
            print(f"100 passes, whole process: Glassbox {ours:.2f} s (with a Grad-CAM), "
                  f"TensorFlow Probability {time.perf_counter() - began:.2f} s", flush=True)
    sys.exit(0 if worst > 0.01 else 1)


if __name__ == "__main__":
    main()
