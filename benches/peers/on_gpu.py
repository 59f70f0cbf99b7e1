#!/usr/bin/env python3
"""What a GPU gives, in one call: whether results are those of the CPU, and how long Glassbox and PyTorch take.

    cargo build --release --features cuda --bin glassbox     # or cudnn; without a toolkit: .ci/cuda
    python3 benches/peers/on_gpu.py --program target/release/glassbox --out FOLDER

Needs a Python with numpy, and PyTorch and torchvision for the second table. Networks have weights from a formula (in
PyTorch random ones: only its time is taken), pictures are the demo's, so nothing is downloaded. FOLDER gets gpu.json. The
exit status is 1 where a result differs by more than the bound or cannot be had.

An exam here is nine networks as MRNet has them (three planes, three tasks, no weights in common), 32 slices of 256² each,
and a CAM of every slice: nine times the run of one, from inputs on the device to numbers on the host.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

#: The greatest difference from the CPU, as a part of the greatest magnitude.
BOUND = 1e-3

#: Gradients with respect to pixels: where rounding turns the switch of a pooling, single values move. Their correlation, and
#: the length of the difference as a part of the whole field's.
LIKE, APART = 0.999, 0.05

#: Networks and what is held against the CPU's result, with the arguments that keep it short.
CHECKS = [
    *((name, work, []) for name in ("vgg16", "resnet18", "resnet50", "squeezenet1_1", "densenet121", "googlenet",
                                    "inception_v3", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0",
                                    "resnext50_32x4d") for work in ("forward", "gradcam", "gradient")),
    *(("resnet18", work, []) for work in ("cam", "gradcamplusplus", "layercam", "xgradcam", "hirescam", "eigencam",
                                          "scorecam", "ablationcam", "guidedbackprop", "deconvnet", "gradientxinput",
                                          "guidedgradcam", "integratedgradients")),
    *(("resnet18", work, ["--set", f"{work}.samples=4"]) for work in ("smoothgrad", "vargrad")),
    ("resnet18", "occlusion", ["--set", "occlusion.window=64", "--set", "occlusion.stride=32"]),
    ("resnet18", "rise", ["--set", "rise.masks=64"]),
    *(("resnet18", work, ["--set", f"{work}.samples=64"]) for work in ("lime", "kernelshap")),
    ("mrnet", "forward", ["--slices", "32"]),
    ("mrnet", "stack", ["--slices", "32"]),
    ("skin-phantom", "passes", ["--passes", "20"]),
]

#: Whose results are fields over the pixels.
FIELDS = ("gradient", "guidedbackprop", "deconvnet", "gradientxinput", "guidedgradcam", "smoothgrad", "vargrad",
          "integratedgradients")

TIMED = [("vgg16", "forward"), ("vgg16", "gradcam"), ("vgg16", "gradient"), ("resnet18", "forward"), ("resnet50", "forward"),
         ("squeezenet1_1", "forward"), ("densenet121", "forward"), ("resnet18", "smoothgrad"), ("resnet18", "occlusion")]

EXAM_MODELS, EXAM_SLICES = 9, 32


class Glassbox:
    def __init__(self, given):
        self.program, self.device, self.repeat = pathlib.Path(given.program).resolve(), given.device, given.repeat
        # PyTorch's wheels bring CUDA's libraries with them.
        wheels = [path / "nvidia" for path in map(pathlib.Path, sys.path) if (path / "nvidia").is_dir()]
        folders = sorted({str(lib.parent) for wheel in wheels for lib in wheel.glob("**/lib/*.so*")})
        libraries = os.environ.get("LD_LIBRARY_PATH")
        # cuDNN takes single precision for TF32, which keeps ten bits, unless it is told not to.
        self.environment = {**os.environ, "NVIDIA_TF32_OVERRIDE": "0",
                            "LD_LIBRARY_PATH": ":".join([*folders, *([libraries] if libraries else [])])}

    def bench(self, device, network, work, more):
        which = "--model" if network == "skin-phantom" else "--network"
        command = [self.program, "bench", which, network, "--work", work, "--device", device, *more]
        ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=self.environment)
        if ran.returncode != 0:
            raise RuntimeError((ran.stderr.strip() or ran.stdout.strip() or f"exit {ran.returncode}").splitlines()[-1])
        return ran.stdout

    def result(self, device, network, work, more):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "result.npy"
            self.bench(device, network, work, [*more, "--repeat", "1", "--result", file])
            return np.load(file).astype(np.float64)

    def milliseconds(self, network, work, more):
        report = json.loads(self.bench(self.device, network, work, [*more, "--repeat", self.repeat, "--json"]))
        return report["rows"][0]["median_ms"]


def held_against_the_cpu(glassbox):
    rows = []
    for network, work, more in CHECKS:
        row = {"network": network, "work": work}
        try:
            cpu, gpu = (glassbox.result(device, network, work, more) for device in ("cpu", glassbox.device))
            if cpu.shape != gpu.shape:
                raise RuntimeError(f"shapes differ: {cpu.shape} and {gpu.shape}")
            row["difference"] = float(np.abs(cpu - gpu).max() / max(np.abs(cpu).max(), 1e-30))
            good = row["difference"] <= BOUND
            if work in FIELDS:
                row["correlation"] = float(np.corrcoef(cpu.ravel(), gpu.ravel())[0, 1])
                row["apart"] = float(np.linalg.norm(cpu - gpu) / max(np.linalg.norm(cpu), 1e-30))
                good = row["correlation"] >= LIKE and row["apart"] <= APART
            row["agrees"] = bool(good and np.isfinite(gpu).all())
        except RuntimeError as failure:
            row |= {"agrees": False, "failure": str(failure)}
        rows.append(row)
        said = row.get("failure") or f"{row['difference']:.1e}" + (
            f", correlation {row['correlation']:.6f}, apart {row['apart']:.1e}" if "correlation" in row else "")
        print(f"{'ok  ' if row['agrees'] else 'NOT '} {network:20} {work:22} {said}", flush=True)
    return rows


class PyTorch:
    """The same work there: inputs on the device, numbers on the host at the end."""

    def __init__(self, device):
        import torch
        import torchvision

        self.torch, self.models, self.device = torch, torchvision.models, device
        torch.manual_seed(1)
        # Single precision as Glassbox computes in it; TF32 keeps ten bits.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def network(self, name):
        return getattr(self.models, name)(weights=None).to(self.device).eval()

    def work(self, name, work):
        torch, model = self.torch, self.network(name)
        x = torch.randn(1, 3, 224, 224, device=self.device)

        def forward():
            with torch.inference_mode():
                return model(x).cpu()

        def gradient(pixels):
            pixels = pixels.clone().requires_grad_()
            return torch.autograd.grad(model(pixels)[:, 1].sum(), pixels)[0]

        def gradcam():
            kept = []
            handle = model.features[29].register_forward_hook(lambda _module, _input, output: kept.append(output))
            logits = model(x)
            handle.remove()
            field = torch.autograd.grad(logits[0, 1], kept[0])[0]
            return torch.relu((field.mean((2, 3), keepdim=True) * kept[0]).sum(1)).cpu()

        def smoothgrad():
            return gradient(x + 0.15 * torch.randn(25, 3, 224, 224, device=self.device)).mean(0).cpu()

        def occlusion():
            with torch.inference_mode():
                corners = [(row, column) for row in range(0, 224 - 31, 8) for column in range(0, 224 - 31, 8)]
                given = []
                for first in range(0, len(corners), 32):
                    some = corners[first:first + 32]
                    batch = x.repeat(len(some), 1, 1, 1)
                    for index, (row, column) in enumerate(some):
                        batch[index, :, row:row + 32, column:column + 32] = 0
                    given.append(model(batch)[:, 1])
                return torch.cat(given).cpu()

        return {"forward": forward, "gradcam": gradcam, "gradient": lambda: gradient(x).cpu(), "smoothgrad": smoothgrad,
                "occlusion": occlusion}[work]

    def exam(self):
        torch = self.torch
        trunks = [self.network("alexnet").features for _ in range(EXAM_MODELS)]
        heads = [torch.nn.Linear(256, 1).to(self.device) for _ in trunks]
        x = torch.randn(EXAM_SLICES, 3, 256, 256, device=self.device)

        def run():
            with torch.inference_mode():
                for trunk, head in zip(trunks, heads):
                    features = trunk(x)
                    cams = torch.einsum("k,nkhw->nhw", head.weight[0], features)
                    logit = head(features.mean((2, 3)).amax(0))
                    logit.cpu(), cams.cpu()

        return run

    def milliseconds(self, run, repeat):
        times = []
        for _ in range(repeat + 3):
            began = time.perf_counter()
            run()
            times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times[3:])


def timed(glassbox, given):
    settings = {"smoothgrad": ["--set", "smoothgrad.samples=25", "--set", "smoothgrad.level=0.15"],
                "occlusion": ["--set", "occlusion.window=32", "--set", "occlusion.stride=8"]}
    try:
        torch = PyTorch(given.device)
    except Exception as missing:  # Whatever ails the peer, our own times are wanted.
        print(f"no peer: {missing}")
        torch = None
    rows = []

    def row(title, ours, theirs):
        found = {"title": title}
        try:
            found["glassbox_ms"] = ours()
        except RuntimeError as failure:
            found["failure"] = str(failure)
        try:
            if torch:
                found["pytorch_ms"] = torch.milliseconds(theirs(), given.repeat)
        except Exception as failure:  # As above.
            found["peer_failure"] = str(failure).partition("\n")[0]
        rows.append(found)
        numbers = [f"{found[key]:9.2f}" if key in found else "        –" for key in ("glassbox_ms", "pytorch_ms")]
        ratio = f"{found['glassbox_ms'] / found['pytorch_ms']:.2f}" if {"glassbox_ms", "pytorch_ms"} <= found.keys() else "–"
        print(f"{title:44} {numbers[0]} {numbers[1]}  {ratio}  {found.get('failure', '')}{found.get('peer_failure', '')}", flush=True)

    print(f"{'':44} {'Glassbox':>9} {'PyTorch':>9}  ratio (ms, medians)")
    exam = lambda: EXAM_MODELS * glassbox.milliseconds("mrnet", "stack", ["--slices", str(EXAM_SLICES)])
    row(f"exam: {EXAM_MODELS} × {EXAM_SLICES} slices with CAM (goal 100)", exam, lambda: torch.exam())
    for network, work in TIMED:
        row(f"{network}, {work}", lambda: glassbox.milliseconds(network, work, settings.get(work, [])),
            lambda: torch.work(network, work))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--program", required=True, help="the glassbox built with the feature cuda or cudnn")
    parser.add_argument("--device", default="cuda", help="as both programs name it (cuda; cpu tries the script itself)")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder that gpu.json is written to")
    parser.add_argument("--repeat", type=int, default=15, help="measured runs of each row")
    parser.add_argument("--only", choices=["checks", "times"], help="one of the two tables alone")
    given = parser.parse_args()
    glassbox = Glassbox(given)
    found = {"device": given.device}
    given.out.mkdir(parents=True, exist_ok=True)

    def keep(**part):
        found.update(part)
        (given.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")

    if given.only != "times":
        keep(checks=held_against_the_cpu(glassbox))
    if given.only != "checks":
        keep(times=timed(glassbox, given))
    wrong = [row for row in found.get("checks", []) if not row["agrees"]]
    wrong += [row for row in found.get("times", []) if "failure" in row]
    print(f"{len(wrong)} of {sum(len(rows) for rows in found.values() if isinstance(rows, list))} rows went wrong")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
