#!/usr/bin/env python3
"""Writes the two pictures of this folder and the compact reference vectors computed on them.

`NAME_float64.safetensors` has what two float32 programs cannot agree on within 1e-4: fields over the pixels, where a max
pooling turns to another place when two values differ in the last bit.

The pictures are formulas (gratings and Gaussian hills, no flat places): `picture.png`, 224x224 in colour, and
`slice.png`, 256x256 in grey, which rolled by 8 columns a slice makes MRNet's stack.

Run:  python make_compact.py --reference FOLDER
where FOLDER holds make_reference.py. Needs what make_reference.py needs.
"""
import argparse, pathlib, subprocess, sys
import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

p = argparse.ArgumentParser()
p.add_argument("--reference", type=pathlib.Path, required=True)
a = p.parse_args()
sys.path.insert(0, str(a.reference))
import make_reference as m  # noqa: E402

here = pathlib.Path(__file__).parent


def field(size, phase):
    y, x = np.mgrid[0:size, 0:size] / size
    hill = lambda cy, cx, s: np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * s * s))
    v = 0.45 + 0.15 * np.sin(7 * x + 3 * y + phase) + 0.1 * np.cos(23 * y - 11 * x + 2 * phase)
    v += 0.35 * hill(0.35, 0.6 + 0.05 * phase, 0.12) - 0.3 * hill(0.7, 0.3, 0.1 + 0.02 * phase)
    return np.clip(np.round(255 * v), 0, 255).astype(np.uint8)


Image.fromarray(np.stack([field(224, c) for c in range(3)], 2)).save(here / "picture.png", optimize=True)
Image.fromarray(field(256, 0.5)).save(here / "slice.png", optimize=True)
m.COMPACT = True
for name in ("squeezenet1_1", "resnet18"):
    m.reference(name, here / "picture.png", 1, here)
m.reference("mrnet", here / "slice.png", 1, here)
file = here / "mrnet.safetensors"
with safe_open(file, "np") as f:
    tensors = {k: f.get_tensor(k) for k in f.keys() if k != "stack"}
    meta = f.metadata()
save_file(tensors, file, metadata=meta)

subprocess.run([sys.executable, here / "make_float64.py", "--reference", a.reference, "--out", here, "--vectors", here,
                "--picture", here / "picture.png", "--suffix", "_float64", "--archs", "squeezenet1_1,resnet18",
                "--only", "gradient,smoothgrad,integrated_gradients"], check=True)
