#!/usr/bin/env python3
"""Writes the small weight files of the readers' tests, and `expected.json` with what they hold.

Run:  python make_weights.py          (in this folder; needs torch, numpy, safetensors)
"""
import collections, json, pathlib, sys
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
torch.manual_seed(1)


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.bn = torch.nn.BatchNorm2d(2)
        self.fc = torch.nn.Linear(2, 3)


def state():
    """Every kind of number and of layout: contiguous, transposed, part of a larger storage, shared."""
    base = torch.randn(20)
    shared = torch.randn(4)
    return collections.OrderedDict(
        [
            ("conv.weight", torch.randn(2, 1, 3, 3)),
            ("conv.bias", torch.randn(2).half()),
            ("bn.weight", torch.randn(2).bfloat16()),
            ("bn.running_mean", torch.randn(2).double()),
            ("bn.num_batches_tracked", torch.tensor(7)),
            ("fc.weight", torch.randn(2, 3).t()),
            ("fc.bias", base[5:8]),
            ("strided", base[1:19:4].reshape(5)),
            ("grid", base.reshape(4, 5)[1:3, 1:4]),
            ("last", torch.randn(2, 3, 4).to(memory_format=torch.contiguous_format).permute(2, 0, 1)),
            ("tied.a", shared),
            ("tied.b", shared),
            ("bytes", torch.tensor([0, 1, 255], dtype=torch.uint8)),
            ("short", torch.tensor([-300, 5], dtype=torch.int16)),
            ("int", torch.tensor([70000], dtype=torch.int32)),
            ("char", torch.tensor([-3], dtype=torch.int8)),
            ("flag", torch.tensor([True, False])),
        ]
    )


def listed(tensors):
    return {k: {"shape": list(t.shape), "values": t.detach().float().flatten().tolist()} for k, t in tensors.items()}


def both(name, thing):
    torch.save(thing, HERE / f"{name}_zip.pth")
    torch.save(thing, HERE / f"{name}_legacy.pt", _use_new_zipfile_serialization=False)


expected = {}
plain = state()
both("state", plain)
expected["state"] = listed(plain)

model = Tiny()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.fc(model.bn(model.conv(torch.randn(2, 1, 3, 3))).flatten(1)).sum().backward()
optimizer.step()
parallel = {"module." + k: v for k, v in model.state_dict().items()}
both("checkpoint", {"epoch": 3, "best": 0.75, "name": "tiny", "nothing": None, "history": [1.0, (2, True)],
                    "model_state_dict": parallel, "optimizer": optimizer.state_dict()})
expected["checkpoint"] = listed(model.state_dict())

both("parameters", dict(model.named_parameters()))
expected["parameters"] = listed(dict(model.named_parameters()))

sys.modules["tiny"] = type(sys)("tiny")
Tiny.__module__ = "tiny"
sys.modules["tiny"].Tiny = Tiny
both("module", model)

dense = {k: v.contiguous().clone() for k, v in plain.items()}
save_file(dense, HERE / "state.safetensors")
(HERE / "expected.json").write_text(json.dumps(expected) + "\n")
