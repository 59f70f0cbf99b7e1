#!/usr/bin/env python3
"""Writes maps and fields that PyTorch, pytorch-grad-cam and Captum compute in float64, as float32.

Where two float32 programs differ by more than the tests allow (Grad-CAM++ and XGrad-CAM divide by numbers near zero, and
a max pooling turns to another place when two values differ in the last bit), these say which is right. Maps are at the
layer's own resolution, but HiResCAM, LayerCAM and XGrad-CAM of layers of more than 100 rows as fields are: means of 8x8
blocks. (Held to 1e-6, a mean of 64 still shows what one place alone is off by the 1e-4 that float32 is held to.)

Captum replaces the backward step of ReLU modules only. Where torchvision calls F.relu instead (all of GoogLeNet, the end
of DenseNet), `guided.all` and `deconvnet.all` are Captum's on the same network with a module for each.

Run:  python make_float64.py --reference FOLDER --out DIR [--archs alexnet,...]
where FOLDER holds make_reference.py, cat_dog.png and the float32 vectors. Needs what make_reference.py needs.
"""
import argparse, json, math, pathlib, sys
import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

p = argparse.ArgumentParser()
p.add_argument("--reference", type=pathlib.Path, required=True)
p.add_argument("--out", type=pathlib.Path, required=True)
p.add_argument("--archs", default="alexnet,vgg16,vgg16_bn,vgg19,resnet18,resnet50,squeezenet1_1,densenet121,densenet161,"
               "googlenet")
p.add_argument("--vectors", type=pathlib.Path, help="the float32 vectors, if not in FOLDER")
p.add_argument("--picture", type=pathlib.Path, help="the picture, if not FOLDER/cat_dog.png")
p.add_argument("--only", help="beginnings of the keys to compute, with commas; what a file has beside them stays")
p.add_argument("--suffix", default="", help="what the written files' names end in")
a = p.parse_args()
sys.path.insert(0, str(a.reference))
import make_reference as m  # noqa: E402
from captum.attr import Deconvolution, GuidedBackprop, IntegratedGradients, Saliency  # noqa: E402
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM  # noqa: E402


def modular(name, model):
    """Puts a module in the place of each F.relu; false where there is none."""
    if name.startswith("densenet"):
        model.relu5 = torch.nn.ReLU()
        model.forward = lambda x: model.classifier(model.relu5(model.features(x)).mean((2, 3)))
    elif name == "googlenet":
        for block in [block for block in model.modules() if type(block).__name__ == "BasicConv2d"]:
            block.relu = torch.nn.ReLU()
            block.forward = lambda x, block=block: block.relu(block.bn(block.conv(x)))
    else:
        return False
    return True


def smoothgrad(model, x, c, seed):
    """As in make_reference.py: the noise is float32, its sum with the input float64."""
    single = x.float()
    sigma, total = 0.15 * float(single.max() - single.min()), 0
    for k in range(4):
        n = (2 * m.uniform(f"noise.{k}", x.numel(), seed) - 1) * math.sqrt(3) * sigma
        noisy = x + torch.from_numpy(n.reshape(x.shape).astype(np.float32)).double()
        total = total + Saliency(model).attribute(noisy, target=c, abs=False).detach()
    return total / 4


a.out.mkdir(parents=True, exist_ok=True)
for name in a.archs.split(","):
    with safe_open((a.vectors or a.reference) / f"{name}.safetensors", "np") as f:
        meta, there = json.loads(f.metadata()["json"]), set(f.keys())
    model, layers = m.arch(name)
    model = m.load_formula(model, meta["seed"]).double().requires_grad_(False)
    x = m.tensor(m.pixels(a.picture or a.reference / "cat_dog.png", 224)).double()
    top, c, tensors = meta["top"], meta["top"][0], {}
    meta = {"arch": name, "seed": meta["seed"], "layers": layers, "top": top}
    out = a.out / f"{name}{a.suffix}.safetensors"
    if a.only and out.exists():
        with safe_open(out, "np") as f:
            tensors = {k: f.get_tensor(k) for k in f.keys()}
            meta = json.loads(f.metadata()["json"]) | meta

    def keep(key, means, compute):
        if a.only and not any(key.startswith(start) for start in a.only.split(",")):
            return
        t = compute().astype(np.float32)
        if key.startswith(("hirescam", "layercam", "xgradcam")) and t.shape[-1] > 100:
            means = 8
        if means > 1:
            side = t.shape[-1] // means
            t = t.reshape(*t.shape[:-2], side, means, side, means).mean((-3, -1))
            meta[key] = f"{means}x{means} block means"
        tensors[key] = np.ascontiguousarray(t)
        save_file(tensors, out, metadata={"json": json.dumps(meta)})
        print(name, key, t.shape, flush=True)

    for role, path in layers.items():
        for cls in (GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM):
            for target in top:
                key = f"{cls.__name__.lower()}.{role}.{target}.raw"
                if key in there:
                    compute = lambda: m.cam_raw(cls, model, m.module(model, path), x.requires_grad_(), target)[0]
                    keep(key, 1, compute)
    x = x.detach()
    field = lambda captum, **extra: captum(model).attribute(x.clone(), target=c, **extra)[0].detach().numpy()
    keep("gradient", 8, lambda: field(Saliency, abs=False))
    keep("guided", 8, lambda: field(GuidedBackprop))
    keep("deconvnet", 8, lambda: field(Deconvolution))
    keep("smoothgrad", 8, lambda: smoothgrad(model, x, c, meta["seed"])[0].numpy())
    keep("integrated_gradients", 8, lambda: field(IntegratedGradients, baselines=0.0, n_steps=16,
                                                  method="riemann_middle", internal_batch_size=1))
    if modular(name, model):
        keep("guided.all", 8, lambda: field(GuidedBackprop))
        keep("deconvnet.all", 8, lambda: field(Deconvolution))
