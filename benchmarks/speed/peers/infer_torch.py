"""How fast is a plain loop of PyTorch? eval(), inference_mode(), batch by batch; or behind torch.compile.

infer_torch.py BATCHES FOLDER/task.json    (run by ../inference.py; inference_task.py says what a task is)
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from inference_task import KINDS, Numbers, race, read_task, read_weights
from torch_layers import MAKERS, _conv, build, counts


class GlobalMax(nn.Module):
    """(N, C, H, W) -> (N, C)"""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(dim=(2, 3))


class Mirrored(nn.Module):
    """The mean of the logits of an image and of its mirror image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        both: Tensor = self.network(x) + self.network(x.flip(3))
        return both / 2


def _strided(layer: dict[str, Any], before: Sequence[int]) -> nn.Module:
    """Return a convolution; `same` with a stride, which torch lacks, pads the odd zero behind, as Keras does."""
    if not layer["same"] or layer["stride"] == 1:
        return _conv(layer, before)
    kernel, stride = layer["kernel"], layer["stride"]
    missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in (before[1], before[0])]
    around = nn.ZeroPad2d(tuple(side for each in missing for side in (each // 2, each - each // 2)))
    return nn.Sequential(around, _conv({**layer, "same": False}, before))


MAKERS |= {
    "conv": _strided,
    "relu": lambda _, __: nn.ReLU(),
    "globalmaxpool": lambda _, __: GlobalMax(),
    "mirror": lambda _, __: nn.Identity(),
}


def load(network: nn.Sequential, task: dict[str, Any], weights: list[list[Numbers]]) -> None:
    """Load Sadari's numbers into the network. Behind flatten, channels come first here and last there."""
    layers = task["layers"]
    befores = [task["shape"], *(layer["shape"] for layer in layers)]
    for at, (module, layer, numbers) in enumerate(zip(network, layers, weights, strict=True)):
        if not numbers:
            continue
        named = dict(zip(KINDS[layer["kind"]], (torch.from_numpy(each) for each in numbers), strict=True))
        if layer["kind"] == "dense" and at and layers[at - 1]["kind"] == "flatten":
            named["weight"] = torch.unflatten(named["weight"], 1, befores[at - 1]).permute(0, 3, 1, 2).flatten(1)
        own = next(each for each in module.modules() if list(each.parameters(recurse=False)))
        missing, unexpected = own.load_state_dict(named, strict=False)
        assert not unexpected and set(missing) <= {"num_batches_tracked", "bias_hh_l0"}, (missing, unexpected)


def main() -> None:
    task, folder = read_task()
    layers = task["layers"]
    network = build(layers, task["shape"], seed=0)
    load(network, task, read_weights(task, folder))
    params = sum(total for total, _ in counts(network))
    mirrored = any(layer["kind"] == "mirror" for layer in layers)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model: Any = (Mirrored(network) if mirrored else network).eval().to(device)
    if task["precision"] == "compiled":
        model = torch.compile(model)
    scale, shift = (torch.tensor(task[name], dtype=torch.float32, device=device) for name in ("scale", "shift"))

    @torch.inference_mode()
    def judge(images: Numbers, batch: int) -> Numbers:
        answers = []
        for block in torch.split(torch.from_numpy(images), batch):
            pixels = block.to(device).permute(0, 3, 1, 2).contiguous().float() * scale + shift
            answers.append(model(pixels).softmax(dim=1))
        return torch.cat(answers).cpu().numpy()

    race(judge, "float32", ["torch", "numpy"], params)


main()
