"""Builds the Keras models that tests/keras.rs compares with, and what TensorFlow computes with them.

    TF_USE_LEGACY_KERAS=1 python keras_build.py tests/peers/keras           the small ones, which are checked in
    TF_USE_LEGACY_KERAS=1 python keras_build.py --large $GLASSBOX_PEERS/keras   networks of usual size

Needs tensorflow-cpu 2.18.1, tf_keras 2.18, tensorflow-probability 0.25 and keras 3. The input is a formula over the
index in Keras's order (rows, columns, channels): ((i * 7919) % 1009) / 504.5 - 1.
"""

import argparse
import json
import os
import pathlib
import tempfile
import zipfile

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py  # noqa: E402
import keras as keras3  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_probability as tfp  # noqa: E402
import tf_keras as keras2  # noqa: E402

EXPECTED = {}


def formula(shape):
    index = np.arange(np.prod(shape), dtype=np.int64)
    return (((index * 7919) % 1009) / 504.5 - 1.0).astype(np.float32).reshape((1, *shape))


def fill(model, seed):
    """Weights that keep the activations near 1 through many layers, biases and running statistics other than 0 and 1."""
    random = np.random.default_rng(seed)
    for weight in model.weights:
        name = getattr(weight, "path", weight.name)
        shape = tuple(weight.shape)
        last = name.split("/")[-1].split(":")[0]
        if last == "count":
            continue
        if "untransformed_scale" in last:
            value = random.normal(-3.0, 0.5, shape)
        elif last in ("moving_variance", "variance"):
            value = random.uniform(0.5, 1.5, shape)
        elif last == "gamma":
            value = random.uniform(0.7, 1.3, shape)
        elif last == "alpha":
            value = random.uniform(0.05, 0.4, shape)
        elif last in ("moving_mean", "mean", "beta", "bias", "bias_posterior_loc") or len(shape) < 2:
            value = random.normal(0.0, 0.1, shape)
        else:
            fan_in = np.prod(shape[:-1])
            if "depthwise" in name and len(shape) == 4:
                fan_in = shape[0] * shape[1]
            value = random.normal(0.0, np.sqrt(2.0 / fan_in), shape)
        weight.assign(value.astype(np.float32))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def without_activation(model):
    """The last activation is the card's business: what is compared are logits."""
    model.layers[-1].activation = lambda x: x


def run(model, shape):
    """What the model computes, layer by layer, in inference."""
    return np.asarray(model(formula(shape), training=False))


def grad_cam(forward, shape, score):
    """Grad-CAM (Selvaraju et al. 2017) by GradientTape, without its ReLU: the map keeps its sign."""
    with tf.GradientTape() as tape:
        activations, logits = forward(tf.constant(formula(shape)))
        tape.watch(activations)
        activations, logits = forward.resume(activations)
        value = score(logits)
    gradient = tape.gradient(value, activations)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return tf.reduce_sum(weights * activations, axis=-1)[0].numpy()


class Halves:
    """A sequential model cut behind a layer (given by its path through nested models)."""

    def __init__(self, layers, index):
        self.before, self.after = layers[: index + 1], layers[index + 1 :]

    def __call__(self, x):
        for layer in self.before:
            x = layer(x, training=False)
        return x, None

    def resume(self, x):
        start = x
        for layer in self.after:
            x = layer(x, training=False)
        return start, x


def flat_layers(model):
    """The layers of a sequential model, nested ones opened."""
    layers = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            layers += flat_layers(layer)
        elif layer.__class__.__name__ != "InputLayer":
            layers.append(layer)
    return layers


def cam_of(model, name, shape, target):
    layers = flat_layers(model)
    index = [layer.name for layer in layers].index(name)
    cam = grad_cam(Halves(layers, index), shape, lambda logits: logits[0, target])
    return {"layer": name, "class": target, "map": cam.tolist()}


def rounded(value):
    """Numbers with the digits that float32 has."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


def without_code(path):
    """Empties the Python bytecode that TensorFlow Probability writes into a description: it names the folders of the
    machine, and nobody but Python reads it."""

    def emptied(value):
        if isinstance(value, list):
            return [emptied(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: [""] + item[1:] if key.endswith("_fn") and isinstance(item, list) else emptied(item)
                for key, item in value.items()}

    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            if "model_config" in file.attrs and "posterior_fn" in (text := file.attrs["model_config"]):
                # A fresh copy, as an attribute that is overwritten stays in the file's free space.
                with h5py.File(path.with_suffix(".new"), "w") as fresh:
                    for name, value in file.attrs.items():
                        fresh.attrs[name] = json.dumps(emptied(json.loads(text))) if name == "model_config" else value
                    for name in file:
                        file.copy(name, fresh)
        if path.with_suffix(".new").exists():
            path.with_suffix(".new").replace(path)
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path) as file:
            entries = [(entry, file.read(entry)) for entry in file.infolist()]
        with zipfile.ZipFile(path, "w") as file:
            for entry, content in entries:
                if entry.filename == "config.json":
                    content = json.dumps(emptied(json.loads(content))).encode()
                file.writestr(entry, content)


def pack(folder, archive):
    """All files in one archive: empty space in HDF5 files takes most of them."""
    for path in folder.iterdir():
        without_code(path)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(path.name, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes(), compresslevel=9)


def record(name, files, shape, logits, **more):
    EXPECTED[name] = {"files": files, "shape": list(shape), "logits": np.asarray(logits, np.float64).tolist(), **more}


def save(model, folder, name, kinds):
    files = []
    for kind in kinds:
        file = f"{name}.{kind}"
        if kind == "weights.h5":
            model.save_weights(folder / file)
            (folder / f"{name}.json").write_text(model.to_json())
        else:
            model.save(folder / file)
        files.append(file)
    return files


def vgg16(k, shape, widths, activation="relu"):
    """VGG16 without its head, with keras.applications' names."""
    x = inputs = k.Input(shape, name="input_1")
    for block, (width, count) in enumerate(zip(widths, (2, 2, 3, 3, 3)), 1):
        for number in range(1, count + 1):
            x = k.layers.Conv2D(width, 3, padding="same", activation=activation, name=f"block{block}_conv{number}")(x)
        x = k.layers.MaxPooling2D(2, 2, name=f"block{block}_pool")(x)
    return k.Model(inputs, x, name="vgg16")


def flipout(folder, name, base, shape, seed, kinds):
    """VGG16 + Flatten + DenseFlipout(7), as the dermatoscopic models of the literature are."""
    k = keras2
    dense = tfp.layers.DenseFlipout(7, activation="softmax", name="dense_flipout")
    model = k.Sequential([base, k.layers.Flatten(name="flatten"), k.layers.Dropout(0.5, name="dropout"), dense])
    model.build((None, *shape))
    fill(model, seed)
    files = save(model, folder, name, kinds)
    dense.activation = lambda x: x
    features = model.layers[1](model.layers[0](formula(shape), training=False)).numpy().astype(np.float64)[0]
    tensors = {w.name.split("/")[-1].split(":")[0]: w.numpy().astype(np.float64) for w in dense.weights}
    sigma = np.finfo(np.float32).eps + np.log1p(np.exp(tensors["kernel_posterior_untransformed_scale"]))
    mean = features @ tensors["kernel_posterior_loc"] + tensors["bias_posterior_loc"]
    std = np.sqrt(features**2 @ sigma**2)
    # TensorFlow's own samples are distributed so.
    same = np.repeat(features[None].astype(np.float32), 8, 0)
    draws = np.concatenate([dense(same).numpy() for _ in range(50)])
    assert np.all(np.abs(draws.mean(0) - mean) < 5 * std / 20), (draws.mean(0), mean, std)

    class Mean(Halves):
        def resume(self, x):
            start = x
            for layer in self.after[:-1]:
                x = layer(x, training=False)
            loc = tf.constant(tensors["kernel_posterior_loc"], tf.float32)
            return start, x @ loc + tf.constant(tensors["bias_posterior_loc"], tf.float32)

    layers = flat_layers(model)
    cut = Mean(layers, [layer.name for layer in layers].index("block5_conv3"))
    cam = grad_cam(cut, shape, lambda logits: logits[0, 4])
    record(name, files, shape, mean, std=std.tolist(), features=features.tolist(), head="vgg16 flipout",
           cam={"layer": "block5_conv3", "class": 4, "map": cam.tolist()})


def mammography(k):
    """22 layers in a row with kernels of 2x2 and 4x4, as in the mammography literature."""
    layers = k.layers
    return k.Sequential([
        k.Input((72, 60, 1)),
        layers.Conv2D(4, (4, 4), padding="same", name="c1"), layers.LeakyReLU(0.1, name="l1") if k is keras2
        else layers.LeakyReLU(negative_slope=0.1, name="l1"),
        layers.Conv2D(4, (4, 4), name="c2", activation="relu"),
        layers.MaxPooling2D((2, 2), name="p1"), layers.Dropout(0.2, name="d1"),
        layers.Conv2D(6, (2, 2), padding="same", name="c3"), layers.BatchNormalization(name="b1"),
        layers.Activation("relu", name="r1"),
        layers.Conv2D(6, (2, 2), name="c4", activation="elu"), layers.AveragePooling2D((2, 2), name="p2"),
        layers.Conv2D(8, (4, 4), strides=(2, 2), padding="same", name="c5", activation="relu"),
        layers.BatchNormalization(name="b2", center=False, scale=False),
        layers.Conv2D(8, (2, 2), padding="same", name="c6", activation="tanh"),
        layers.SpatialDropout2D(0.2, name="d2"), layers.Conv2D(10, (2, 2), name="c7", activation="relu"),
        layers.MaxPooling2D((2, 2), padding="same", name="p3"), layers.GaussianNoise(0.1, name="n1"),
        layers.Flatten(name="f1"), layers.Dense(12, name="h1"), layers.BatchNormalization(name="b3"),
        layers.Activation("relu", name="r2"),
        layers.Dense(2, activation="softmax", name="h2"),
    ], name="mammography")


def unet(k):
    """A small U-Net: each pixel has three classes."""
    layers = k.layers
    x = inputs = k.Input((16, 20, 3), name="picture")
    down = []
    for level, width in enumerate((4, 6)):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"down{level}a")(x)
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"down{level}b")(x)
        down.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}_pool")(x)
    x = layers.Conv2D(8, 3, padding="same", activation="swish", name="bottom")(x)
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same", name="up1")(x)
    x = layers.Concatenate(name="join1")([x, down[1]])
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="up1_conv")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="up0")(x)
    x = layers.Concatenate(axis=3, name="join0")([x, down[0]])
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="up0_conv")(x)
    return k.Model(inputs, layers.Conv2D(3, 1, activation="softmax", name="classes")(x), name="unet")


def nested(k):
    """A base in the manner of MobileNet within a functional model, with a head of its own."""
    layers = k.layers
    x = inputs = k.Input((30, 34, 3), name="base_input")
    x = layers.ZeroPadding2D(((0, 1), (1, 2)), name="pad")(x)
    x = layers.Conv2D(6, 3, strides=2, use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = trunk = layers.ReLU(6.0, name="stem_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn", epsilon=1e-4)(x)
    x = layers.ReLU(6.0, name="depthwise_relu")(x)
    x = layers.Conv2D(6, 1, use_bias=False, name="project")(x)
    x = layers.Add(name="residual")([x, trunk])
    x = layers.SeparableConv2D(8, 3, padding="same", depth_multiplier=2, activation="relu", name="separable")(x)
    base = k.Model(inputs, x, name="base")
    inner = k.Sequential([k.Input((15, 18, 8)), layers.Conv2D(8, 2, strides=2, padding="same", name="inner_conv"),
                          layers.Activation("hard_sigmoid", name="inner_activation")], name="inner")
    x = inputs = k.Input((30, 34, 3), name="picture")
    x = layers.Rescaling(0.5, offset=0.25, name="rescaling")(x)
    x = base(x, training=False)
    x = inner(x)
    squeeze = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    squeeze = layers.Dense(8, activation="sigmoid", name="excite")(squeeze)
    x = layers.Multiply(name="scaled")([x, squeeze])
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    return k.Model(inputs, layers.Dense(3, name="predictions")(x), name="nested")


def strided(k):
    """TensorFlow's "same" padding at every stride and kernel that is odd to others."""
    layers = k.layers
    x = inputs = k.Input((37, 30, 3), name="picture")
    for number, (kernel, stride) in enumerate([(3, 2), (2, 2), ((5, 4), (1, 2)), ((2, 3), (2, 1))]):
        x = layers.Conv2D(6, kernel, strides=stride, padding="same", activation="relu", name=f"conv{number}")(x)
        if number == 0:
            x = layers.MaxPooling2D(3, 2, padding="same", name="max_same")(x)
        if number == 1:
            x = layers.Conv2D(6, 3, dilation_rate=(2, 3), padding="same", groups=2, name="dilated")(x)
    a = layers.AveragePooling2D(3, 2, padding="same", name="average_same")(x)
    b = layers.MaxPooling2D((2, 3), (2, 2), padding="same", name="max_again")(x)
    x = layers.Concatenate(name="join")([a, b])
    x = layers.DepthwiseConv2D(4, strides=1, padding="same", depth_multiplier=2, name="depthwise")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4, activation="sigmoid", name="predictions")(x)
    return k.Model(inputs, x, name="strided")


def layers_of_all_kinds(k):
    """One of each of the remaining layers."""
    layers = k.layers
    leaky = {"alpha": 0.2} if k is keras2 else {"negative_slope": 0.2}
    x = inputs = k.Input((16, 12, 3), name="picture")
    x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5], name="normalization")(x)
    x = layers.Conv2D(4, 3, name="conv", activation="gelu")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="prelu_shared")(x)
    x = layers.LayerNormalization(name="layer_norm")(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, name="transposed_valid")(x)
    x = layers.GroupNormalization(2, name="group_norm")(x)
    x = layers.Conv2DTranspose(4, (1, 2), strides=(2, 1), padding="same", name="transposed_small")(x)
    x = layers.Cropping2D(((3, 4), (2, 1)), name="crop")(x)
    x = layers.LeakyReLU(name="leaky", **leaky)(x)
    x = layers.AveragePooling2D((8, 5), name="average")(x)
    x = layers.PReLU(name="prelu")(x)
    x = layers.LayerNormalization(axis=[1, 2, 3], name="layer_norm_whole")(x)
    y = layers.Permute((2, 1, 3), name="permute")(x)
    y = layers.Permute((2, 1, 3), name="permute_back")(layers.UpSampling2D((1, 2), name="nearest")(y))
    y = layers.AveragePooling2D((2, 1), name="halve")(y)
    x = layers.Average(name="average_of_two")([x, y])
    x = layers.Maximum(name="maximum")([x, layers.Subtract(name="subtract")([x, y])])
    shape = tuple(x.shape[1:])
    x = layers.Softmax(name="softmax")(x)
    flat = layers.Flatten(name="flatten")(x)
    image = layers.Reshape(shape, name="image_again")(layers.Dense(int(np.prod(shape)), name="mix")(flat))
    x = layers.Add(name="sum")([x, image])
    list_of_places = layers.Reshape((-1, shape[-1]), name="places")(x)
    list_of_places = layers.Dense(3, activation="softplus", name="each_place")(list_of_places)
    far = layers.Flatten(name="far")(list_of_places)
    near = layers.GlobalMaxPooling2D(name="largest")(x)
    x = layers.Concatenate(name="join")([layers.Flatten(name="wide")(x), near, far])
    x = layers.BatchNormalization(name="flat_norm")(x)
    x = layers.LayerNormalization(name="flat_layer_norm")(x)
    x = layers.ELU(0.7, name="elu")(x)
    return k.Model(inputs, layers.Dense(5, name="predictions")(x), name="kinds")


def prepared(k):
    """A picture that the network itself resizes and normalises, by layers and by arithmetic."""
    layers = k.layers
    x = inputs = k.Input((20, 24, 3), name="picture")
    x = layers.RandomFlip("horizontal", name="flip")(x)
    x = layers.Resizing(15, 30, name="resizing")(x)
    x = layers.Normalization(axis=-1, name="normalization")(x)
    x = x / 2.0 - 0.25
    x = layers.SeparableConv2D(5, (2, 3), strides=2, padding="same", name="separable")(x)
    x = layers.BatchNormalization(name="norm", scale=False)(x)
    x = layers.Activation("selu", name="selu")(x)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    x = layers.Dense(1, name="logit")(x)
    return k.Model(inputs, layers.Activation("sigmoid", name="probability")(x), name="prepared")


def probabilistic(folder):
    """Posteriors inside the network: it computes with the means."""
    k = keras2
    conv = tfp.layers.Convolution2DFlipout(4, (3, 2), padding="same", activation="relu", name="conv")
    hidden = tfp.layers.DenseReparameterization(6, activation="relu", name="hidden")
    model = k.Sequential([k.Input((10, 9, 3)), conv, k.layers.MaxPooling2D(2, name="pool"), k.layers.Flatten(name="flat"),
                          hidden, k.layers.Dense(3, activation="softmax", name="last")], name="probabilistic")
    fill(model, 8)
    files = save(model, folder, "probabilistic", ["h5", "keras"])
    by_name = {w.name: w.numpy() for w in model.weights}
    x = tf.nn.conv2d(formula((10, 9, 3)), by_name["conv/kernel_posterior_loc:0"], 1, "SAME")
    x = tf.nn.relu(x + by_name["conv/bias_posterior_loc:0"])
    x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), (1, -1))
    x = tf.nn.relu(x @ by_name["hidden/kernel_posterior_loc:0"] + by_name["hidden/bias_posterior_loc:0"])
    x = x @ by_name["last/kernel:0"] + by_name["last/bias:0"]
    sigma = np.finfo(np.float32).eps + np.log1p(np.exp(by_name["conv/kernel_posterior_untransformed_scale:0"].astype(np.float64)))
    record("probabilistic", files, (10, 9, 3), x.numpy()[0], activation="softmax", sigma_sum=float(sigma.sum()))


def small(folder):
    for k, suffix, seed in ((keras2, "", 1), (keras3, "_k3", 2)):
        model = mammography(k)
        fill(model, seed)
        files = save(model, folder, f"mammography{suffix}", ["h5", "keras", "weights.h5"])
        without_activation(model)
        record(f"mammography{suffix}", files, (72, 60, 1), run(model, (72, 60, 1))[0], activation="softmax",
               cam=cam_of(model, "c6", (72, 60, 1), 1))
        for build, activation in ((unet, "softmax"), (nested, "none"), (strided, "sigmoid"), (layers_of_all_kinds, "none"),
                                  (prepared, "sigmoid")):
            model = build(k)
            fill(model, seed + 10)
            shape = tuple(model.inputs[0].shape[1:])
            name = model.name + suffix
            files = save(model, folder, name, ["h5", "keras"])
            if activation != "none":
                without_activation(model)
            logits = run(model, shape)[0]
            record(name, files, shape, np.moveaxis(logits, -1, 0).ravel() if logits.ndim == 3 else logits,
                   activation=activation)
    widths, shape = (3, 4, 5, 6, 6), (64, 96, 3)
    flipout(folder, "vgg16_flipout", vgg16(keras2, shape, widths), shape, 3, ["h5", "keras"])
    probabilistic(folder)


def large(folder, only):
    if not only or "vgg16_flipout_224" in only:
        flipout(folder, "vgg16_flipout_224", vgg16(keras2, (224, 224, 3), (64, 128, 256, 512, 512)), (224, 224, 3), 4, ["h5", "keras"])
    for k, suffix in ((keras2, ""), (keras3, "_k3")):
        for name in ("ResNet50", "ResNet50V2", "MobileNet", "MobileNetV2", "DenseNet121", "InceptionV3", "Xception",
                     "EfficientNetB0", "EfficientNetV2B0", "NASNetMobile", "MobileNetV3Small"):
            if only and name not in only:
                continue
            size = 128
            model = getattr(k.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)
            fill(model, 5)
            files = save(model, folder, name.lower() + suffix, ["h5", "keras"] if k is keras2 else ["keras"])
            without_activation(model)
            record(name.lower() + suffix, files, (size, size, 3), run(model, (size, size, 3))[0], activation="softmax")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--large", action="store_true", help="the networks of usual size instead of the small ones")
    parser.add_argument("--only", nargs="*", help="of those, the ones named")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.large:
        large(arguments.folder, arguments.only)
        (arguments.folder / "expected.json").write_text(json.dumps(rounded(EXPECTED)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            small(pathlib.Path(folder))
            (pathlib.Path(folder) / "expected.json").write_text(json.dumps(rounded(EXPECTED)))
            pack(pathlib.Path(folder), arguments.folder / "models.zip")
