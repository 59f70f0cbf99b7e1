#!/usr/bin/env python3
"""Writes `methods/network.safetensors`: every explanation method's map of one small network that has each kind of
layer a way back can meet, computed by pytorch-grad-cam and Captum.

The network: even kernels, strided and padded convolutions, batch norm, max pooling with overlap and over the edge,
average pooling, a residual sum, a concatenation, a global average. Weights, input and noise come from the formula of
make_reference.py, so none are stored. Everything is computed in float64 and written as float32.

Run:  python methods.py --reference FOLDER
where FOLDER holds make_reference.py. Needs what make_reference.py needs.
"""
import argparse, json, math, pathlib, sys
import numpy as np
import torch
import torch.nn as nn
from safetensors.numpy import save_file

p = argparse.ArgumentParser()
p.add_argument("--reference", type=pathlib.Path, required=True)
a = p.parse_args()
sys.path.insert(0, str(a.reference))
import make_reference as m  # noqa: E402
from captum.attr import (Deconvolution, GuidedBackprop, GuidedGradCam, InputXGradient, IntegratedGradients,  # noqa: E402
                         Saliency)
from pytorch_grad_cam import (AblationCAM, EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM,  # noqa: E402
                              XGradCAM)
from pytorch_grad_cam.ablation_layer import AblationLayer  # noqa: E402
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: E402

SEED, SIZE, SAMPLES, LEVEL, STEPS = 1, 24, 4, 0.15, 10
# The card of the input: what a black pixel is in network input.
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 4, stride=2, padding=1)      # 24 -> 12
        self.bn1 = nn.BatchNorm2d(8)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, 2, padding=1)                # 12 -> 6
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.relu2 = nn.ReLU()
        self.avg = nn.AvgPool2d(3, 1, padding=1)
        self.conv3 = nn.Conv2d(16, 12, 2)                         # 6 -> 5
        self.relu3 = nn.ReLU()
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)           # 5 -> 3
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        x = self.pool1(self.relu1(self.bn1(self.conv1(x))))
        x = self.relu2(x + self.bn2(self.conv2(x)))
        x = torch.cat([x, self.avg(x)], 1)
        x = self.pool3(self.relu3(self.conv3(x)))
        return self.fc(x.mean((2, 3)))


class Zero(AblationLayer):
    """Sets the channel to 0, as the paper does, whatever the layer's smallest value; the library takes 1e7 and more
    from the smallest value of the batch where that is not 0."""

    def __call__(self, x):
        output = self.activations
        for i in range(output.size(0)):
            output[i, self.indices[i], :] = 0
        return output


model = m.load_formula(Network(), SEED).double()
x = torch.from_numpy((2 * m.uniform("methods.input", 3 * SIZE * SIZE, SEED) - 1).astype(np.float32) * 2)
x = x.reshape(1, 3, SIZE, SIZE).double()
with torch.no_grad():
    logits = model(x)[0]
top = logits.argsort(descending=True)[:2].tolist()
layers = {"early": "relu1", "middle": "bn2", "final": "relu3"}
tensors = {"logits": logits.numpy()}
meta = {"seed": SEED, "size": SIZE, "layers": layers, "top": top, "samples": SAMPLES, "level": LEVEL, "steps": STEPS,
        "mean": MEAN, "std": STD}

for role, path in layers.items():
    layer = getattr(model, path)
    for cls in (GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM, EigenCAM, ScoreCAM, AblationCAM):
        for c in top:
            if cls is EigenCAM and c != top[0]:
                continue
            cam = cls(model=model, target_layers=[layer])
            if cls is AblationCAM:
                cam.batch_size = 4
                if role == "middle":
                    cam.ablation_layer = Zero()
            cam(input_tensor=x, targets=[ClassifierOutputTarget(c)])
            acts = cam.activations_and_grads.activations[0].cpu().data.numpy()
            g = cam.activations_and_grads.gradients
            grads = g[0].cpu().data.numpy() if g else None
            raw = cam.get_cam_image(x, layer, [ClassifierOutputTarget(c)], acts, grads, False)[0]
            cam.activations_and_grads.release()
            tensors[f"{cls.__name__.lower()}.{role}.{c}.raw"] = raw
    for mode in ("nearest", "bilinear"):
        tensors[f"guidedgradcam.{role}.{top[0]}.{mode}"] = GuidedGradCam(model, layer).attribute(
            x.clone(), target=top[0], interpolate_mode=mode)[0].detach().numpy()

c = top[0]
noise = [(2 * m.uniform(f"noise.{k}", x.numel(), SEED) - 1) * math.sqrt(3) * LEVEL * float(x.max() - x.min())
         for k in range(SAMPLES)]
noisy = [x + torch.from_numpy(n.reshape(x.shape).astype(np.float32)).double() for n in noise]
gradients = np.stack([Saliency(model).attribute(n, target=c, abs=False)[0].detach().numpy() for n in noisy])
tensors["gradient"] = Saliency(model).attribute(x.clone(), target=c, abs=False)[0].detach().numpy()
tensors["gradientxinput"] = InputXGradient(model).attribute(x.clone(), target=c)[0].detach().numpy()
tensors["smoothgrad"] = gradients.mean(0)
tensors["vargrad"] = (gradients**2).mean(0) - gradients.mean(0) ** 2          # Captum's NoiseTunnel
tensors["guidedbackprop"] = GuidedBackprop(model).attribute(x.clone(), target=c)[0].detach().numpy()
tensors["deconvnet"] = Deconvolution(model).attribute(x.clone(), target=c)[0].detach().numpy()
# The input is no 8-bit picture, so black is its darkest value.
mean, std = (torch.tensor(of).double().reshape(1, 3, 1, 1) for of in (MEAN, STD))
black = (((x * std + mean).min() - mean) / std).expand_as(x)
for name, baseline in (("zero", torch.zeros_like(x)), ("black", black)):
    field, delta = IntegratedGradients(model).attribute(x, baselines=baseline, target=c, n_steps=STEPS,
                                                        method="riemann_middle", return_convergence_delta=True)
    tensors[f"integratedgradients.{name}"] = field[0].detach().numpy()
    meta[f"completeness_gap.{name}"] = float(delta[0])


class Trunk(nn.Module):
    """The network up to one layer; its output is a channel's strongest unit times that unit, or the sum of squares of
    the whole map, each with one factor detached: the gradient's seed is the activation itself."""

    def __init__(self, path, channel, whole):
        super().__init__()
        self.model, self.path, self.channel, self.whole = model, path, channel, whole

    def forward(self, x):
        got = {}
        hook = getattr(self.model, self.path).register_forward_hook(lambda _m, _i, o: got.update(o=o))
        self.model(x)
        hook.remove()
        plane = got["o"][:, self.channel].flatten(1)
        seed = plane.detach().clamp(min=0)
        if not self.whole:
            seed = seed * (torch.arange(plane.shape[1])[None] == seed.argmax(1, keepdim=True))
        return (plane * seed).sum(1, keepdim=True)


for role, path in layers.items():
    got = {}
    hook = getattr(model, path).register_forward_hook(lambda _m, _i, o: got.update(o=o.detach()))
    model(x)
    hook.remove()
    strength = got["o"][0].flatten(1).max(1).values
    order = strength.argsort(descending=True).tolist()
    meta[f"strongest.{role}"] = order[:3]
    for channel in (order[0], order[2]):
        for whole in (False, True):
            key = f"featuremap.{role}.{channel}.{'map' if whole else 'unit'}"
            tensors[key] = Deconvolution(Trunk(path, channel, whole)).attribute(x.clone(), target=0)[0].detach().numpy()

tensors = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in tensors.items()}
out = pathlib.Path(__file__).parent / "methods" / "network.safetensors"
save_file(tensors, out, metadata={"json": json.dumps(meta)})
print(out, out.stat().st_size, "bytes; logits", logits.tolist(), meta)
for k, v in tensors.items():
    print(f"{k:40} {v.shape} {np.abs(v).max():.4g}")
