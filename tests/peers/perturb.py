#!/usr/bin/env python3
"""Writes ../reference/perturb.safetensors: superpixels, LIME and occlusion on ../reference/picture.png.

`quickshift`, `slic`  labels of scikit-image, 224x224 (u8 where they fit)
`lime.*`              LIME's weighted ridge (scikit-learn) on squeezenet1_1, for the superpixels and for the sets that
                      the formula of make_reference.py draws: probabilities, weights, coefficients, intercept, R2;
                      `lime.few` has fewer sets than superpixels
`occlusion.cut`       Captum's occlusion with windows that do not end at the edge, as 8x8 block means

Run:  python perturb.py --reference FOLDER
where FOLDER holds make_reference.py. Needs what make_reference.py needs.
"""
import argparse, json, pathlib, sys
import numpy as np
import torch
from captum.attr import Occlusion
from safetensors.numpy import save_file
from skimage.segmentation import quickshift, slic
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances

p = argparse.ArgumentParser()
p.add_argument("--reference", type=pathlib.Path, required=True)
a = p.parse_args()
sys.path.insert(0, str(a.reference))
import make_reference as m  # noqa: E402

SEED, WINDOW, STRIDE, SEGMENTS = 1, 50, 36, 50
torch.set_num_threads(1)
here = pathlib.Path(__file__).parent.parent / "reference"
rgb = m.pixels(here / "picture.png", 224)
model = m.load_formula(m.arch("squeezenet1_1")[0], SEED)


def compact(labels):
    labels = np.searchsorted(np.unique(labels), labels)
    return labels.astype(np.uint8 if labels.max() < 256 else np.int32)


tensors = {
    "quickshift": compact(quickshift(rgb, kernel_size=4, max_dist=200, ratio=0.2, rng=42)),
    "slic": compact(slic(rgb, n_segments=SEGMENTS, compactness=10, start_label=0)),
}


def lime(key, segments, samples):
    n = int(segments.max()) + 1
    masks = (m.uniform(f"{key}.masks", samples * n, SEED) < 0.5).astype(np.uint8).reshape(samples, n)
    masks[0] = 1
    hidden = np.zeros(rgb.shape)
    for s in range(n):
        hidden[segments == s] = rgb[segments == s].mean(0)
    batch = [np.where(mask[segments][..., None].astype(bool), rgb, hidden) for mask in masks]
    with torch.no_grad():
        p = torch.softmax(model(torch.cat([m.tensor_f(x) for x in batch])), 1).numpy()
    c = int(p[0].argmax())
    d = pairwise_distances(masks, masks[:1], metric="cosine").ravel()
    w = np.sqrt(np.exp(-(d**2) / 0.25**2))
    ridge = Ridge(alpha=1, fit_intercept=True).fit(masks, p[:, c].astype(float), sample_weight=w)
    r2 = ridge.score(masks, p[:, c].astype(float), sample_weight=w)
    tensors.update({f"{key}.probabilities": p[:, c], f"{key}.weights": w, f"{key}.coefficients": ridge.coef_,
                    f"{key}.intercept": np.array([ridge.intercept_]), f"{key}.r_squared": np.array([r2])})
    print(key, n, "superpixels, class", c, "intercept", ridge.intercept_, "R2", r2)
    return c


c = lime("lime", tensors["slic"], 96)
lime("lime.few", tensors["slic"], 24)
o = Occlusion(model).attribute(m.tensor(rgb), target=c, sliding_window_shapes=(3, WINDOW, WINDOW),
                               strides=(3, STRIDE, STRIDE), baselines=0.0)[0, 0].detach().numpy()
tensors["occlusion.cut"] = o.reshape(28, 8, 28, 8).mean((1, 3))
meta = {"arch": "squeezenet1_1", "seed": SEED, "class": c, "window": WINDOW, "stride": STRIDE, "segments": SEGMENTS,
        "occlusion.cut": "8x8 block means"}
tensors = {k: np.ascontiguousarray(v if v.dtype in (np.uint8, np.int32) else v.astype(np.float32))
           for k, v in tensors.items()}
save_file(tensors, here / "perturb.safetensors", metadata={"json": json.dumps(meta)})
print({k: (v.shape, v.dtype) for k, v in tensors.items()}, "superpixels:", {k: int(tensors[k].max()) + 1 for k in ("quickshift", "slic")})
