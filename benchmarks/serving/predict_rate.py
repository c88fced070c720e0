"""How fast does `sadari predict` judge small files, against decoding them alone?

    uv run python benchmarks/serving/predict_rate.py RUN cifar10-images.tar.gz [--turns 3] [--out FILE.json]

RUN: a run on images of that size. Decoding alone is the same stream of files (listing, reading, decoding in threads)
with a network that computes nothing. Both run in turn, in this process, and the ratio of every pair is taken, because a
shared machine drifts. Processor seconds are reported too: on a machine whose cores all decode, the network's own share
of them is what is lost. Memory is the peak of the process after each. The stored results are in predict_rate.json.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.deploy.files import find_files
from sadari.deploy.predict import predict_files
from sadari.inference.classifier import Classifier

sys.path.append(str(Path(__file__).parents[1] / "speed"))  # for machine.py
from machine import describe_machine, peak_mib


class Silenced(Classifier):
    """A classifier that decodes as usual and computes nothing."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros((len(images), len(self.classes)), dtype=np.float32)


@dataclass(frozen=True)
class Timing:
    """One pass over all files: wall and processor seconds, and the peak of memory until then."""

    images: int
    seconds: float
    processor: float
    peak_mib: float

    @property
    def rate(self) -> float:
        return self.images / self.seconds


def timing(classifier: Classifier, files: str) -> Timing:
    wall, processor = time.perf_counter(), time.process_time()
    count = sum(1 for answer in predict_files(classifier, find_files([files])) if not answer.reason)
    return Timing(count, time.perf_counter() - wall, time.process_time() - processor, peak_mib())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("files")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    classifier = Classifier.open(options.run)
    silenced = Silenced(classifier.path, classifier.model)
    pairs = [(timing(silenced, options.files), timing(classifier, options.files)) for _ in range(options.turns)]
    document: dict[str, Any] = {
        "command": f"predict_rate.py RUN {Path(options.files).name} --turns {options.turns}",
        "model": str(json.loads((classifier.path / "scores.json").read_text(encoding="utf-8"))["model"]),
        "machine": describe_machine(),
        "date": time.strftime("%Y-%m-%d"),
        "images": pairs[0][1].images,
        "decoding_images_per_second": statistics.median(alone.rate for alone, _ in pairs),
        "predicting_images_per_second": statistics.median(whole.rate for _, whole in pairs),
        "ratio": statistics.median(whole.rate / alone.rate for alone, whole in pairs),
        "processor_ratio": statistics.median(alone.processor / whole.processor for alone, whole in pairs),
        "pairs": [{"decoding": asdict(alone), "predicting": asdict(whole)} for alone, whole in pairs],
    }
    print(json.dumps({key: value for key, value in document.items() if key != "pairs"}, indent=2))
    if options.out:
        stored = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else []
        kept = [each for each in stored if each["model"] != document["model"]]
        options.out.write_text(json.dumps([*kept, document], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
