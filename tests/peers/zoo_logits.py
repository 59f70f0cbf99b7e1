#!/usr/bin/env python3
"""Writes what torchvision's networks give for the formula's weights: logits, Grad-CAM, gradient.

For the architectures that have no file among the large reference vectors, and for variants of others (narrower, other
classes, another head). Everything is computed in float64 on a small input that is a formula too, and written as float32:

    logits      [classes]
    gradcam     pytorch-grad-cam's map at `layer` for the top class, before ReLU and scaling
    gradient    of the top class with respect to the input, as means of 8x8 blocks

The metadata key `json` has architecture, seed, size, layer, top class; of variants also the shapes of all modules'
weights (`biased` and `plain`; a biased one of a single dimension is a batch normalisation).

Run:  python zoo_logits.py --reference FOLDER [--only mobilenet_v2,...]
where FOLDER holds make_reference.py. Needs what make_reference.py needs.
"""
import argparse, functools, json, pathlib, sys
import numpy as np
import torch, torchvision
from safetensors.numpy import save_file
from torch import nn

p = argparse.ArgumentParser()
p.add_argument("--reference", type=pathlib.Path, required=True)
p.add_argument("--only", default="")
a = p.parse_args()
sys.path.insert(0, str(a.reference))
import make_reference as m  # noqa: E402
from pytorch_grad_cam import GradCAM  # noqa: E402

tv = torchvision.models
SEED = 1

# EfficientNets from B1 on have so many blocks with gates that a signal grows where the weights of normalisations lie
# around 1, as the formula has them: B4's logits reach 3e4, its gradient 1e11, and float32 is off by 0.3 of that. With
# least 0.7 and at most 1.1 it neither grows nor vanishes.
CALM = [f"efficientnet_b{n}" for n in range(1, 8)]


def calm(model):
    state = model.state_dict()
    for key, tensor in state.items():
        if key.endswith("weight") and tensor.ndim == 1:
            state[key] = torch.from_numpy((m.uniform(key, tensor.numel(), SEED) * 0.4 + 0.7).astype(np.float32))
    model.load_state_dict(state)
    return model



def headed(model, name, head):
    setattr(model, name, head)
    return model


def narrow_mobilenet_v3():
    rows, last = tv.mobilenetv3._mobilenet_v3_conf("mobilenet_v3_small", width_mult=0.5)
    return tv.MobileNetV3(rows, last, num_classes=7)


plain = {name: (functools.partial(getattr(tv, name), weights=None), name, layer, 96) for name, layer in (
    [("densenet169", "features.norm5"), ("densenet201", "features.norm5"), ("mobilenet_v2", "features.18"),
     ("mobilenet_v3_small", "features.12"), ("mobilenet_v3_large", "features.16")]
    + [(f"efficientnet_b{n}", "features.8") for n in range(6)])}
plain["inception_v3"] = (lambda: tv.inception_v3(weights=None, init_weights=False, aux_logits=False), "inception_v3",
                         "Mixed_7c", 160)
variants = {
    "densenet121_half": (lambda: tv.DenseNet(16, (6, 12, 24, 16), 32, num_classes=7), "densenet121", "features.norm5", 96),
    "googlenet_7": (lambda: tv.googlenet(weights=None, init_weights=False, aux_logits=False, num_classes=7),
                    "googlenet", "inception5b", 96),
    "mobilenet_v2_half": (lambda: tv.mobilenet_v2(weights=None, width_mult=0.5, num_classes=7), "mobilenet_v2",
                          "features.18", 96),
    "mobilenet_v2_quarter": (lambda: tv.mobilenet_v2(weights=None, width_mult=0.25, num_classes=7), "mobilenet_v2",
                             "features.18", 96),
    "mobilenet_v3_small_half": (narrow_mobilenet_v3, "mobilenet_v3_small", "features.12", 96),
    "efficientnet_b0_linear": (lambda: headed(tv.efficientnet_b0(weights=None), "classifier", nn.Linear(1280, 7)),
                               "efficientnet_b0", "features.8", 96),
    "resnet18_sequential": (lambda: headed(tv.resnet18(weights=None), "fc", nn.Sequential(nn.Dropout(), nn.Linear(512, 7))),
                            "resnet18", "layer4", 96),
}
out = pathlib.Path(__file__).parent / "zoo"
out.mkdir(exist_ok=True)
for name, (make, arch, path, size) in (plain | variants).items():
    if a.only and name not in a.only.split(","):
        continue
    model = m.load_formula(make(), SEED)
    if arch in CALM:
        model = calm(model)
    meta = {"arch": arch, "seed": SEED, "size": size, "layer": path}
    if name in variants:
        state = {k: list(t.shape) for k, t in model.state_dict().items() if t.ndim > 0}
        weights = {k.removesuffix(".weight"): s for k, s in state.items() if k.endswith(".weight")}
        meta["biased"] = {k: s for k, s in weights.items() if f"{k}.bias" in state}
        meta["plain"] = {k: s for k, s in weights.items() if f"{k}.bias" not in state}
    model = model.double()
    u = m.uniform("input", 3 * size * size, SEED)
    x = torch.from_numpy((4 * u - 2).astype(np.float32).reshape(1, 3, size, size)).double().requires_grad_()
    y = model(x)[0]
    top = int(y.argmax())
    meta["top"] = top
    g = torch.autograd.grad(y[top], x)[0][0].numpy()
    gradcam, _ = m.cam_raw(GradCAM, model, m.module(model, path), x.detach(), top)
    tensors = {"logits": y.detach().numpy().astype(np.float32), "gradcam": gradcam,
               "gradient": g.reshape(3, size // 8, 8, size // 8, 8).mean((2, 4)).astype(np.float32)}
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, out / f"{name}.safetensors",
              metadata={"json": json.dumps(meta, separators=(",", ":"))})
    single = model.float()(x.detach().float())[0].detach().numpy()
    off = np.abs(single - tensors["logits"]).max() / np.abs(tensors["logits"]).max()
    print(f"{name:24} logits {y.min():.3g}..{y.max():.3g} gradcam {gradcam.shape} {gradcam.min():.3g}..{gradcam.max():.3g} "
          f"gradient {np.abs(g).max():.3g}; float32 is off by {off:.1e}", flush=True)
