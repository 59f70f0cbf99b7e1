#!/usr/bin/env python3
"""Writes maps and gradients that PyTorch and pytorch-grad-cam compute in float64, as float32.

Where two float32 programs differ by more than the tests allow (Grad-CAM++ divides by numbers near zero, and a max
pooling turns to another place when two values differ in the last bit), these say which is right. Maps are at the
layer's own resolution; gradients are means of 8x8 blocks.

Captum replaces the backward step of ReLU modules only. Where torchvision calls F.relu instead (all of GoogLeNet, the end
of DenseNet), `guided.all` and `deconvnet.all` are Captum's on the same network with a module for each.

Run:  python make_float64.py --reference FOLDER --out DIR [--archs alexnet,...]
where FOLDER holds make_reference.py, cat_dog.png and the float32 vectors. Needs what make_reference.py needs.
"""
import argparse, json, pathlib, sys
import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

p = argparse.ArgumentParser()
p.add_argument("--reference", type=pathlib.Path, required=True)
p.add_argument("--out", type=pathlib.Path, required=True)
p.add_argument("--archs", default="alexnet,vgg16,vgg16_bn,vgg19,resnet18,resnet50,densenet121,densenet161,googlenet")
a = p.parse_args()
sys.path.insert(0, str(a.reference))
import make_reference as m  # noqa: E402
from captum.attr import Deconvolution, GuidedBackprop, Saliency  # noqa: E402
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus  # noqa: E402



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


a.out.mkdir(parents=True, exist_ok=True)
for name in a.archs.split(","):
    with safe_open(a.reference / f"{name}.safetensors", "np") as f:
        meta = json.loads(f.metadata()["json"])
    model, layers = m.arch(name)
    model = m.load_formula(model, meta["seed"]).double()
    x = m.tensor(m.pixels(a.reference / "cat_dog.png", 224)).double()
    top, tensors = meta["top"], {}
    for role, path in layers.items():
        for cls in (GradCAM, GradCAMPlusPlus):
            for c in top:
                raw, _ = m.cam_raw(cls, model, m.module(model, path), x, c)
                tensors[f"{cls.__name__.lower()}.{role}.{c}.raw"] = raw
    for key, method in (("gradient", Saliency), ("guided", GuidedBackprop), ("deconvnet", Deconvolution)):
        extra = {"abs": False} if key == "gradient" else {}
        t = method(model).attribute(x.clone(), target=top[0], **extra)[0].detach().numpy()
        tensors[key] = t.reshape(3, 28, 8, 28, 8).mean((2, 4)).astype(np.float32)
    if modular(name, model):
        for key, method in (("guided.all", GuidedBackprop), ("deconvnet.all", Deconvolution)):
            t = method(model).attribute(x.clone(), target=top[0])[0].detach().numpy()
            tensors[key] = t.reshape(3, 28, 8, 28, 8).mean((2, 4)).astype(np.float32)
    meta = {"arch": name, "seed": meta["seed"], "layers": layers, "top": top}
    meta |= {key: "8x8 block means" for key in ("gradient", "guided", "deconvnet")}
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, a.out / f"{name}.safetensors",
              metadata={"json": json.dumps(meta)})
    print(name, {k: v.shape for k, v in tensors.items()}, flush=True)
