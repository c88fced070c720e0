"""How fast does a training step run, beside a bare PyTorch loop and beside Keras on TensorFlow?

    uv run python benchmarks/training_speed.py [--pairs 3] [--models mlp,cnn]

Every figure is a process of its own; the three take turns (A B C A B C ...), so that a machine whose speed drifts
treats them alike, and only the ratios of one turn are compared. Data: random 28x28 pictures, batch 256, Adam; the
second of two epochs (STEPS says how long) is timed, so that neither compilation nor first touches count.

- sadari: the engine as `sadari train` runs it (batches, augmentation off, bar, history), precision=auto.
- bare: the same network and precision in the shortest PyTorch loop, one tensor of images sliced in order.
- keras: the article's layers in Keras 3 on TensorFlow, float32 (its default), from benchmarks/peers.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from material import SHAPE, random_images

HERE = Path(__file__).parent
BATCH = 256
KERAS = ["--with", "tensorflow-cpu==2.21.0", "--with", "keras==3.15.1"]
# Steps of an epoch: a few seconds of every network on two cores.
STEPS = {"mlp": 400, "cnn": 60, "lstm": 100, "cnn-lstm": 60, "cnn2": 20, "cnn2-lstm": 15}


def time_sadari(name: str, steps: int) -> float:
    """Samples per second of the engine."""
    from sadari.models.ladder import find_rung
    from sadari.settings import Job, resolve
    from sadari.training.train import train
    from sadari.values import Split

    count = steps * BATCH
    images = random_images(count)
    none = np.empty(0, dtype=np.int64)
    split = Split(np.arange(count), none, none, "all")
    rung = find_rung(name)
    settings, variables = resolve(rung.settings, rung.variables, {"epochs": 2, "batch_size": BATCH, "scaling": "unit"})
    with tempfile.TemporaryDirectory() as folder:
        run = train(Job("random", name, 0, settings, variables), Path(folder) / "run", images=images, split=split)
        return count / run.history[1]["seconds"]


def time_bare(name: str, steps: int) -> float:
    """Samples per second of the shortest loop that trains the same network in the same precision."""
    import torch
    from torch.nn import functional as F

    from sadari.models.ladder import find_rung
    from sadari.models.layers import parse
    from sadari.models.sequential import build
    from sadari.settings import Job, Settings
    from sadari.training.machine import PRECISIONS, resolve_machine, threads_for

    settings = resolve_machine(Job("", "", 0, Settings(batch_size=BATCH))).settings
    torch.set_num_threads(threads_for(settings, SHAPE))
    rung = find_rung(name)
    network = build(parse(rung.layers, rung.variables), SHAPE, 10, 0).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    made = random_images(steps * BATCH)
    images, labels = torch.from_numpy(made.images).permute(0, 3, 1, 2), torch.from_numpy(made.labels)
    precision = PRECISIONS[settings.precision]
    for _ in range(2):
        started = time.perf_counter()
        for start in range(0, len(labels), BATCH):
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                logits = network(images[start : start + BATCH].float() / 255)
            F.cross_entropy(logits.float(), labels[start : start + BATCH]).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - started
    return steps * BATCH / seconds


def child(who: str, name: str, steps: int) -> float:
    """Run one figure in a process of its own."""
    if who == "keras":
        command = ["uv", "run", "--no-project", "--python", platform.python_version(), *KERAS, "python"]
        command += [str(HERE / "peers" / "keras_training.py"), name, str(steps), "tensorflow"]
    else:
        command = [sys.executable, __file__, "--child", who, "--models", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1])["samples_per_second"])


def measure(name: str, steps: int, pairs: int) -> dict[str, object]:
    """All turns of one network: samples per second of each, and the ratios turn by turn."""
    rates: dict[str, list[float]] = {"sadari": [], "bare": [], "keras": []}
    for _ in range(pairs):
        for who, found in rates.items():
            found.append(child(who, name, steps))
    against = {
        who: [own / other for own, other in zip(rates["sadari"], rates[who], strict=True)] for who in ("bare", "keras")
    }
    return {"model": name, "steps": steps, "samples_per_second": rates, "ratio": against}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(STEPS))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "training_speed.json")
    parser.add_argument("--child", choices=("sadari", "bare"))
    options = parser.parse_args()
    if options.child:
        rate = {"sadari": time_sadari, "bare": time_bare}[options.child](options.models, STEPS[options.models])
        print(json.dumps({"samples_per_second": rate}))
        return
    results = []
    print(f"{'model':10} {'sadari/s':>10} {'bare/s':>10} {'keras/s':>10} {'x bare':>20} {'x keras':>20}")
    for name in options.models.split(","):
        results.append(measure(name, STEPS[name], options.pairs))
        rates, ratio = results[-1]["samples_per_second"], results[-1]["ratio"]
        median = [f"{statistics.median(rates[who]):10,.0f}" for who in ("sadari", "bare", "keras")]
        spread = [
            f"{statistics.median(ratio[who]):6.2f} ({min(ratio[who]):.2f} - {max(ratio[who]):.2f})".rjust(20)
            for who in ("bare", "keras")
        ]
        print(f"{name:10} {' '.join(median)} {' '.join(spread)}", flush=True)
        options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
