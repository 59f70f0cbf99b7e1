"""PyTorch's side of a row: PyTorch itself, ONNX Runtime, pytorch-grad-cam, Captum, LIME.

    python on_torch.py ROW FOLDER THREADS CLASS PEERS

Started by run.py; see serve.py for what it answers.
"""

import pathlib
import sys

import numpy as np
import torch

import networks
import serve

row, folder, threads, target = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(1)
name, _, work = row.partition("-")
versions = {"PyTorch": torch.__version__}
x = networks.inputs(folder, name)


def same_logits(ours, theirs):
    """Single precision through some tens of layers, with Winograd's on one side."""
    error = serve.greatest(ours, theirs)
    return error < 1e-4, {"greatest difference": error}


def same_gradient(ours, theirs):
    """Rounding turns a pooling switch here and there, which moves single values: the fields must be the same but for
    those."""
    like = serve.correlation(ours, theirs)
    return like > 0.999, {"correlation": like, "greatest difference": serve.greatest(ours, theirs)}


def forward_torch():
    model = networks.load(folder, name)

    def run(_warm):
        with torch.inference_mode():
            return model(x).numpy()

    return run, same_logits


def forward_onnx():
    import onnxruntime

    versions["ONNX Runtime"] = onnxruntime.__version__
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / f"{name}.onnx", options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: x.numpy()}
    return (lambda _warm: session.run(None, feed)[0]), same_logits


def gradient_torch():
    model = networks.load(folder, name)

    def run(_warm):
        pixels = x.clone().requires_grad_()
        model.zero_grad()
        model(pixels)[0, target].backward()
        return pixels.grad[0].numpy()

    return run, same_gradient


def gradient_captum():
    import captum

    versions["Captum"] = captum.__version__
    saliency = captum.attr.Saliency(networks.load(folder, name))

    def run(_warm):
        return saliency.attribute(x.clone().requires_grad_(), target=target, abs=False)[0].detach().numpy()

    return run, same_gradient


def gradcam():
    import importlib.metadata

    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.image import scale_cam_image
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    versions["pytorch-grad-cam"] = importlib.metadata.version("grad-cam")
    model = networks.load(folder, name)
    cam = GradCAM(model=model, target_layers=[model.get_submodule("features.29")])

    def run(_warm):
        return cam(input_tensor=x, targets=[ClassifierOutputTarget(target)])[0]

    def check(ours, theirs):
        """Ours is the raw map of the layer; theirs is rectified, enlarged and scaled to 0..1."""
        shown = scale_cam_image(np.maximum(ours, 0), theirs.shape[::-1])
        shown = scale_cam_image(shown)[0]
        error = serve.greatest(shown, theirs)
        return error < 1e-3, {"greatest difference": error}

    return run, check


def smoothgrad():
    import captum

    versions["Captum"] = captum.__version__
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(networks.load(folder, name)))
    deviation = 0.15 * float(x.max() - x.min())

    def run(warm):
        found = tunnel.attribute(x.clone().requires_grad_(), nt_type="smoothgrad", nt_samples=2 if warm else 25,
                                 nt_samples_batch_size=1, stdevs=deviation, target=target, abs=False)
        return found[0].detach().numpy()

    def check(ours, theirs):
        """The noise is drawn by each program for itself, so that maps are alike, not equal: two halves of one program's
        own copies differ as much."""
        like = serve.correlation(serve.blocks(np.abs(ours).max(0)), serve.blocks(np.abs(theirs).max(0)))
        size = float(np.abs(ours).mean() / np.abs(theirs).mean())
        return like > 0.85 and 0.8 < size < 1.25, {"correlation of 8x8 blocks": like, "mean magnitude": size}

    return run, check


def occlusion():
    import captum

    versions["Captum"] = captum.__version__
    method = captum.attr.Occlusion(networks.load(folder, name))

    def run(warm):
        with torch.inference_mode():
            window, stride = (96, 96) if warm else (32, 8)
            found = method.attribute(x, target=target, sliding_window_shapes=(3, window, window),
                                     strides=(3, stride, stride), baselines=0.0, perturbations_per_eval=8)
        # The same in each channel.
        return found[0, :1].numpy()

    def check(ours, theirs):
        error = serve.greatest(ours.mean(0), theirs.mean(0))
        return error < 1e-3, {"greatest difference": error}

    return run, check


def lime():
    import importlib.metadata

    from lime import lime_image

    versions["LIME"] = importlib.metadata.version("lime")
    model = networks.load(folder, name)
    rgb = serve.pictures(folder, name)[0]

    def classify(pictures):
        with torch.inference_mode():
            return torch.softmax(model(torch.from_numpy(serve.tensor(pictures))), 1).numpy()

    def run(warm):
        explainer = lime_image.LimeImageExplainer(random_state=1)
        found = explainer.explain_instance(rgb, classify, labels=(target,), top_labels=None, hide_color=None,
                                           num_samples=10 if warm else 1000, random_seed=1)
        weights = dict(found.local_exp[target])
        return np.vectorize(weights.get)(found.segments).astype(np.float64)

    def check(ours, theirs):
        """The samples are drawn by each program for itself; with a thousand of them the weights of the superpixels are
        nearly the same."""
        like = serve.correlation(ours[0], theirs)
        return like > 0.9, {"correlation": like, "superpixels": len(np.unique(theirs))}

    return run, check


ROWS = {
    "forward": {"PyTorch": forward_torch, "ONNX Runtime": forward_onnx},
    "gradcam": {"pytorch-grad-cam": gradcam},
    "gradient": {"PyTorch": gradient_torch, "Captum": gradient_captum},
    "smoothgrad": {"Captum": smoothgrad},
    "occlusion": {"Captum": occlusion},
    "lime": {"LIME": lime},
}

only = sys.argv[5].split(",")
serve.serve({peer: make() for peer, make in ROWS[work].items() if peer in only}, versions)
