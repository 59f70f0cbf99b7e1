"""What the peers' processes share: inputs, the line protocol, and how results are held against Glassbox's.

A peer's process says with a line of JSON that it is ready; then each line on stdin is a request:
`run NAME` runs the peer of that name once and answers {"milliseconds": ...}; `check FILE` holds what the last run of each
peer gave against the array that Glassbox wrote, and answers {"agrees": ..., "found": {...}}.
"""

import json
import os
import pathlib
import sys
import time

import numpy as np
from PIL import Image

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def tensor(pictures):
    """Pictures as a network's input, `[n, 3, rows, columns]`."""
    x = (np.stack(pictures).astype(np.float64) / 255 - MEAN) / STD
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2).astype(np.float32))


def pictures(folder, network):
    """What a network is shown: a picture, or the slices of a stack."""
    path = pathlib.Path(folder) / network
    return [pixels(file) for file in sorted(path.glob("*.png"))]


def safetensors(path):
    """The arrays of a safetensors file by name, all float32."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        data = np.frombuffer(file.read(), np.uint8)
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}")
        begin, end = entry["data_offsets"]
        arrays[name] = data[begin:end].view(np.float32).reshape(entry["shape"])
    return arrays


def greatest(ours, theirs):
    """The greatest difference as a part of the greatest magnitude."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        raise SystemExit(f"shapes differ: {ours.shape} and {theirs.shape}")
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))


def correlation(ours, theirs):
    ours, theirs = np.ravel(ours).astype(np.float64), np.ravel(theirs).astype(np.float64)
    return float(np.corrcoef(ours, theirs)[0, 1])


def blocks(array, side=8):
    """Means of blocks of the last two dimensions."""
    *rest, rows, columns = array.shape
    cut = array[..., : rows // side * side, : columns // side * side]
    return cut.reshape(*rest, rows // side, side, columns // side, side).mean((-3, -1))


def serve(peers, versions):
    """Answers requests until stdin ends. `peers`: name -> (run, check); `run(warm)` gives the result, with `warm` a quick
    first one that prepares everything; `check(ours, theirs)` gives (agrees, {what: number})."""
    # Libraries print what they like; only answers go to stdout.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    for run, _ in peers.values():
        run(True)
    answer({"ready": True, "peers": list(peers), "versions": versions})
    last = {}
    for line in sys.stdin:
        request, _, rest = line.strip().partition(" ")
        if request == "run":
            began = time.perf_counter()
            last[rest] = peers[rest][0](False)
            answer({"milliseconds": (time.perf_counter() - began) * 1e3})
        elif request == "check":
            ours = np.load(rest)
            found, agrees = {}, True
            for name, theirs in last.items():
                good, numbers = peers[name][1](ours, theirs)
                agrees = agrees and bool(good)
                found[name] = {key: float(value) for key, value in numbers.items()}
            answer({"agrees": agrees, "found": found})
        else:
            raise SystemExit(f"unknown request: {line!r}")
