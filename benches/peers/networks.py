"""The networks that are run, for Glassbox and peers alike: the same weights as safetensors with a card, and as ONNX.

    python networks.py FOLDER NETWORK

Runs in the environment of `requirements-torch.txt`. Weights are drawn (He et al. 2015; normalisations around 1), so that
nothing is downloaded; what the networks say of a picture means nothing.
"""

import math
import pathlib
import sys

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file

CARD = """name = "{name}"
version = "1"
intended_use = "Measuring time. Its weights are drawn and mean nothing."
architecture = "{name}"
weights = "{name}.safetensors"
[input]
size = [{size}, {size}]
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
[output]
{output}
"""

#: Slices of the stack.
SLICES = 24


class MRNet(torch.nn.Module):
    """Bien et al. 2018: AlexNet's features of each slice, global average pooling, maximum over slices, linear."""

    def __init__(self):
        super().__init__()
        self.pretrained_model = torchvision.models.alexnet(weights=None).features
        self.classifier = torch.nn.Linear(256, 2)

    def forward(self, x):
        return self.classifier(self.pretrained_model(x).mean((2, 3)).max(0, keepdim=True)[0])


def plain(name):
    """The network without its weights' values."""
    model = MRNet() if name == "mrnet" else getattr(torchvision.models, name)(weights=None)
    return model.eval()


def load(folder, name):
    model = plain(name)
    model.load_state_dict(load_file(pathlib.Path(folder) / f"{name}.safetensors"), strict=False)
    return model.eval()


def draw(model, seed):
    """Values of the size that training leaves: signals neither grow nor vanish."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        return torch.rand(tensor.shape, generator=generator) * (high - low) + low

    state = model.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            continue
        if name.endswith("running_var"):
            state[name] = uniform(tensor, 0.5, 1.5)
        elif name.endswith(("running_mean", "bias")):
            state[name] = uniform(tensor, -0.1, 0.1)
        elif tensor.ndim == 1:
            state[name] = uniform(tensor, 0.5, 1.5)
        else:
            bound = math.sqrt(6 / np.prod(tensor.shape[1:]))
            state[name] = uniform(tensor, -bound, bound)
    model.load_state_dict(state)
    return model


def calm(model, x):
    """Makes the last layer's weights smaller until the logits spread by about 2, so that probabilities are neither 0 nor
    1 and a method that looks at them has something to see."""
    last = [module for module in model.modules() if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d))][-1]
    with torch.inference_mode():
        spread = model(x).std().item()
    if spread > 0:
        last.weight.data *= 2 / spread
    return model


def picture(size, seed):
    """Soft shading, ellipses with edges, a little grain: something to cut into superpixels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    image = np.full((size, size, 3), 120.0)
    for _ in range(6):
        frequency, phase = random.uniform(-3, 3, 2), random.uniform(0, 2 * np.pi)
        wave = np.sin(2 * np.pi * (frequency[0] * x + frequency[1] * y) + phase)
        image += wave[..., None] * random.uniform(-18, 18, 3)
    for _ in range(9):
        centre, radius, turn = random.uniform(0.1, 0.9, 2), random.uniform(0.05, 0.22, 2), random.uniform(0, np.pi)
        u = (x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)
        v = -(x - centre[0]) * np.sin(turn) + (y - centre[1]) * np.cos(turn)
        image[(u / radius[0]) ** 2 + (v / radius[1]) ** 2 < 1] += random.uniform(-70, 70, 3)
    image += random.normal(0, 3, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def inputs(folder, name):
    """The picture, or the slices of the stack, as torch's input."""
    import serve

    return torch.from_numpy(serve.tensor(serve.pictures(folder, name)))


def make(folder, name):
    folder = pathlib.Path(folder)
    size, count = (256, SLICES) if name == "mrnet" else (224, 1)
    shown = folder / name
    shown.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(picture(size, 100 + index)).save(shown / f"{index:03}.png")
    x = inputs(folder, name)
    model = calm(draw(plain(name), 1), x)
    torch.onnx.export(model, (x,), str(folder / f"{name}.onnx"), dynamo=True, external_data=False)
    output = 'activation = "sigmoid"\nslices = "max"' if name == "mrnet" else ""
    (folder / f"{name}.toml").write_text(CARD.format(name=name, size=size, output=output))
    # The file that says that all is there comes last.
    save_file({key: value.contiguous() for key, value in model.state_dict().items() if value.is_floating_point()},
              folder / f"{name}.safetensors")


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2])
