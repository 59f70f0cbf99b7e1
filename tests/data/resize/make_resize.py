#!/usr/bin/env python3
"""Writes `pillow.json`: small pictures resized and made grey by Pillow, which the network input must equal exactly.

Run:  python make_resize.py          (in this folder; needs pillow before 13, numpy: Pillow 13 resizes rows first
                                       where that is quicker, which changes single values by 1)
The source pictures are made by a formula that the test repeats: state = state * 1664525 + 1013904223 (mod 2**32),
from 1 on; a value is state >> 24; float pictures hold state / 2**32 * 4000 - 1000 as float32.
"""
import hashlib, json, pathlib
import numpy as np
import PIL
from PIL import Image

HERE = pathlib.Path(__file__).parent


def states(n):
    s, out = 1, np.empty(n, np.uint64)
    for i in range(n):
        s = (s * 1664525 + 1013904223) % 2**32
        out[i] = s
    return out


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


cases = []
# (rows, columns) -> (rows, columns): down, up, odd ratios, one axis only, one pixel
SIZES = [((40, 60), (13, 17)), ((13, 17), (40, 60)), ((64, 64), (16, 16)), ((31, 7), (9, 23)), ((20, 33), (20, 11)),
         ((20, 33), (41, 33)), ((5, 5), (1, 1)), ((1, 1), (4, 3)), ((300, 200), (224, 224)), ((97, 251), (32, 32))]
for (rows, columns), (to_rows, to_columns) in SIZES:
    for kind, channels in (("rgb8", 3), ("grey8", 1), ("float", 1)):
        s = states(rows * columns * channels)
        if kind == "float":
            a = (s.astype(np.float64) / 2**32 * 4000 - 1000).astype(np.float32).reshape(rows, columns)
            image = Image.fromarray(a)
        else:
            a = (s >> np.uint64(24)).astype(np.uint8)
            a = a.reshape(rows, columns, 3) if channels == 3 else a.reshape(rows, columns)
            image = Image.fromarray(a)
        out = np.asarray(image.resize((to_columns, to_rows), Image.BILINEAR))
        cases.append({"kind": kind, "from": [rows, columns], "to": [to_rows, to_columns], "sha256": sha(out),
                      "first": [float(v) for v in out.flatten()[:12]]})

s = states(50 * 40 * 3)
rgb = (s >> np.uint64(24)).astype(np.uint8).reshape(50, 40, 3)
luma = np.asarray(Image.fromarray(rgb).convert("L"))
(HERE / "pillow.json").write_text(json.dumps(
    {"pillow": PIL.__version__, "cases": cases, "luma": {"size": [50, 40], "sha256": sha(luma)}}, indent=1) + "\n")
