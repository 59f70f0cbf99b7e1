"""torchvision's networks as ONNX files, by both of PyTorch's exporters, with ONNX Runtime's logits.

The weights are the formula of `make_reference.py`, so that the same network of the zoo can be made without a file. Each
network becomes a folder with a model card (`model.toml`), the ONNX file and `logits.json`; `tests/onnx.rs` compares
those under `GLASSBOX_PEERS`. They are large (44 MB for resnet18, 550 MB for vgg16) and are not checked in.

Run:  GLASSBOX_PEERS=DIR python onnx_export.py [--archs resnet18,…] [--exporters ts11,ts17,dynamo18]
Needs: torch torchvision onnx onnxruntime onnxscript (timm for names that begin with `timm/`)
"""
import argparse, json, math, os, pathlib, time, warnings
import numpy as np
import torch, torchvision, onnxruntime
from onnx_small import picture, uniform

ARCHS = ["squeezenet1_1", "resnet18", "mobilenet_v2", "mobilenet_v3_small", "googlenet", "densenet121",
         "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4",
         "mobilenet_v3_large", "alexnet", "resnet50", "inception_v3", "resnext50_32x4d", "vgg11", "vgg16_bn", "vgg16"]


# As in zoo_logits.py: where the weights of normalisations lie lower.
CALM = [f"efficientnet_b{n}" for n in range(1, 8)]


def formula(name, shape, seed, calm=False):
    n = int(np.prod(shape)) if len(shape) else 1
    if name.endswith("num_batches_tracked"):
        return None
    u = uniform(name, n, seed)
    if name.endswith("running_var"):
        v = 0.5 + u
    elif name.endswith("running_mean") or name.endswith("bias"):
        v = (2 * u - 1) * 0.1
    elif len(shape) == 1:
        v = u * 0.4 + 0.7 if calm else 0.5 + u
    else:
        v = (2 * u - 1) * math.sqrt(3) * math.sqrt(2 / int(np.prod(shape[1:])))
    return v.reshape(shape).astype(np.float32)


def network(name, seed):
    # Without memory at first, so that no time goes into random weights; timm's networks compute some of theirs.
    with torch.device("cpu" if name.startswith("timm/") else "meta"):
        model = made(name)
    state = model.state_dict()
    for key, tensor in state.items():
        value = formula(key, tuple(tensor.shape), seed, name in CALM)
        state[key] = torch.zeros(tensor.shape, dtype=tensor.dtype) if value is None else torch.from_numpy(value)
    model.load_state_dict(state, assign=True)
    return model.eval()


def made(name):
    if name.startswith("timm/"):
        import timm
        return timm.create_model(name.removeprefix("timm/"), pretrained=False, num_classes=10)
    if name == "googlenet":
        return torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=False, transform_input=False)
    if name == "inception_v3":
        return torchvision.models.inception_v3(weights=None, init_weights=False, aux_logits=False, transform_input=False)
    return getattr(torchvision.models, name)(weights=None)


def export(model, x, path, exporter):
    opset = int(exporter.removeprefix("ts").removeprefix("dynamo"))
    names = dict(input_names=["input"], output_names=["logits"], opset_version=opset)
    if exporter.startswith("ts"):
        torch.onnx.export(model, (x,), path, dynamo=False, dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}}, **names)
    else:
        # Weights in a file beside, as this exporter writes by default.
        torch.onnx.export(model, (x,), path, dynamo=True, verbose=False, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), **names)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--archs", default=",".join(ARCHS))
    parser.add_argument("--exporters", default="ts11,ts17,dynamo18")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    root = pathlib.Path(os.environ["GLASSBOX_PEERS"])
    warnings.filterwarnings("ignore")
    for exporter in options.exporters.split(","):
        for name in options.archs.split(","):
            folder = root / f"{name.replace('/', '-')}-{exporter}"
            if (folder / "logits.json").exists():
                continue
            start = time.time()
            try:
                folder.mkdir(parents=True, exist_ok=True)
                size = 299 if name == "inception_v3" else 224
                x = torch.from_numpy(picture((2, 3, size, size)) * 2)
                model = network(name, options.seed)
                export(model, x, str(folder / "model.onnx"), exporter)
                session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
                logits = session.run(None, {"input": x[:1].numpy()})[0]
                (folder / "model.toml").write_text(
                    f'name = "{name} by {exporter}"\nversion = "1"\narchitecture = "onnx"\nweights = "model.onnx"\n\n[input]\n'
                    f"size = [{size}, {size}]\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n")
                (folder / "logits.json").write_text(json.dumps({"architecture": name, "seed": options.seed, "scale": 2,
                    "size": size, "logits": logits.astype(np.float64).ravel().tolist()}))
                print(f"{name:<20} {exporter:<10} {time.time() - start:6.0f} s  max logit {np.abs(logits).max():.4g}", flush=True)
            except Exception as error:
                print(f"{name:<20} {exporter:<10} failed: {str(error)[:300]}", flush=True)


if __name__ == "__main__":
    main()
