"""What pays on a graphics processor: TF32, bfloat16, order of memory, torch.compile, CUDA graphs? Does a step wait?

    uv run python benchmarks/speed/gpu_pays.py [--models cnn,sprint] [--ways float32,tf32,...] [--steps 50] [--turns 5]
                                               [--batch 256] [--device cuda] [--out FILE.json]

The shortest loop trains a network on one batch that stays on the device: forward, loss, backward, fused Adam; `--steps`
steps are timed as one, in each of the ways in turn, after as many that warm up. A ratio is the seconds of float32 in
channels-last memory over those of the way, turn by turn; the median is stored with the least and the greatest. A way
that this device does not have is left out, one that fails is stored with the reason.

The engine trains the same network on as many steps beside it, gathering and preparing each batch: in float32 as torch
has it (convolutions in TF32), in the precision that auto takes, and with images that are drawn anew (`augment`).
`waits`: how often in a step of the engine the processor waited for the device, as torch counts it
(torch.cuda.set_sync_debug_mode); the looks at the loss are among them, about four a second.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine_overhead import network_of
from engine_overhead import train_epochs as train
from machine import commit, this_machine
from random_images import SHAPE, random_images
from sadari.data.augment.pipeline import parse_augmentation
from sadari.files import write_json
from sadari.inference.device import device_here, resolve_machine, use_machine
from sadari.settings import Settings

BASE = "float32"
WAYS = ("float32", "channels-first", "tf32", "bfloat16", "compiled", "graph", "bfloat16-compiled", "bfloat16-graph")
ON_CUDA = {"tf32", "graph", "bfloat16-graph"}
ENGINES: Mapping[str, tuple[str, str]] = {  # name: precision, augment
    "engine, float32": ("float32", ""),
    "engine": ("auto", ""),
    "engine, flip and crop": ("auto", "flip, crop 2"),
}
WARM = 3  # steps before a graph is captured; cited: torch's documentation
Step = Callable[[], object]


def bare_step(model: str, way: str, device: torch.device, batch: int) -> Step:
    """Return what takes one step of the shortest loop in one of WAYS."""
    order = torch.contiguous_format if way == "channels-first" else torch.channels_last
    network = network_of(model).to(device).to(memory_format=order).train()
    optimizer = torch.optim.Adam(network.parameters(), fused=True, capturable=way.endswith("graph"))
    height, width, channels = SHAPE
    pixels = torch.rand(batch, channels, height, width, device=device).to(memory_format=order)
    labels = torch.arange(batch, device=device) % 10
    called = torch.compile(network) if way.endswith("compiled") else network

    def step() -> None:
        with _autocast(device, way.startswith("bfloat16")):
            logits: Tensor = called(pixels)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def whole() -> None:
        step()
        optimizer.zero_grad(set_to_none=True)

    return captured(step, network) if way.endswith("graph") else whole


def _autocast(device: torch.device, low: bool) -> AbstractContextManager[object]:
    # Without its cache: what a graph has captured must not be the copy of weights that were there before.
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False) if low else nullcontext()


def captured(step: Step, network: nn.Module) -> Step:
    """Return what replays `step` as a CUDA graph; the gradients are in its own memory, and written anew each time."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM):
            step()
            network.zero_grad(set_to_none=True)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


@contextmanager
def tensor_floats(wanted: bool) -> Iterator[None]:
    """Let products and convolutions in float32 round their factors to TF32 inside, or not."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = wanted
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def seconds_of(step: Step, steps: int, device: torch.device, way: str) -> float:
    """Return the seconds of so many steps together."""
    with tensor_floats(way == "tf32"):
        _wait(device)
        started = time.perf_counter()
        for _ in range(steps):
            step()
        _wait(device)
        return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def engine_seconds(model: str, name: str, device: torch.device, steps: int, batch: int) -> dict[str, float]:
    """Return the seconds of so many steps of the engine, in its second epoch, and the steps of both that waited."""
    precision, augment = ENGINES[name]
    chosen = Settings(epochs=2, batch_size=batch, precision=precision, device=device.type, augment=augment)
    settings, images = resolve_machine(chosen), random_images(steps * batch)
    seconds: list[float] = []
    augmentation = parse_augmentation(augment, *SHAPE[:2])
    with use_machine(settings, torch.get_num_threads()), counted_waits(device) as waits:
        train(model, settings, images, device, lambda state: seconds.append(state.history[-1]["seconds"]), augmentation)
    return {"seconds": seconds[-1], "waits": len(waits) / (2 * steps)}


@contextmanager
def counted_waits(device: torch.device) -> Iterator[list[warnings.WarningMessage]]:
    """Yield a list that has, in the end, a warning for each time that the processor waited for the device inside."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        if device.type != "cuda":
            yield []
            return
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode("default")
            found[:] = [each for each in found if "synchroniz" in str(each.message)]


def measure(model: str, ways: list[str], device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    """Return ratios by way, and those of the engine."""
    steps: dict[str, Step] = {}
    failed: dict[str, str] = {}
    for way in ways:
        try:
            with tensor_floats(way == "tf32"):
                steps[way] = bare_step(model, way, device, options.batch)
            seconds_of(steps[way], options.steps, device, way)
        except Exception as error:  # of the compiler or of CUDA, for any reason: the other ways are still measured
            steps.pop(way, None)
            failed[way] = (str(error) or type(error).__name__).splitlines()[0]
    taken: dict[str, list[float]] = {name: [] for name in [*steps, *ENGINES]}
    waits: dict[str, float] = {}
    for _ in range(options.turns):
        for way, step in steps.items():
            taken[way].append(seconds_of(step, options.steps, device, way))
        for name in ENGINES:
            found = engine_seconds(model, name, device, options.steps, options.batch)
            taken[name].append(found["seconds"])
            waits[name] = found["waits"]
    rows = {}
    for name, each in taken.items():
        ratios = [base / own for base, own in zip(taken[BASE], each, strict=True)]
        spread = {"ratio": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}
        rows[name] = spread | {"ms": 1e3 * min(each) / options.steps}
    return {"model": model, "ways": rows, "waits": waits, "failed": failed}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="mlp,cnn,sprint")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--device", default=device_here("cuda"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    device = torch.device(options.device)
    ways = [way for way in options.ways.split(",") if device.type == "cuda" or way not in ON_CUDA]
    if BASE not in ways or not set(ways) <= set(WAYS):
        raise SystemExit(f"--ways takes {', '.join(WAYS)}, {BASE} among them, not '{options.ways}'")
    rows = []
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "processor"
    for model in options.models.split(","):
        rows.append(measure(model, ways, device, options))
        about = {"device": name, "steps": options.steps, "batch": options.batch, "turns": options.turns}
        stamp = {"load": os.getloadavg()[0], "machine": this_machine(), "commit": commit()}
        write_json(options.out, {**about, "rows": rows, **stamp})
        for way, each in rows[-1]["ways"].items():
            print(f"{model:8} {way:22} {each['ms']:8.3f} ms  {each['ratio']:.2f}x", flush=True)
        for way, reason in rows[-1]["failed"].items():
            print(f"{model:8} {way:22} failed: {reason}", flush=True)
        print(f"{model:8} on {name}: waits a step of the engine {rows[-1]['waits']['engine']:.2f}", flush=True)


if __name__ == "__main__":
    main()
