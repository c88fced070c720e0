"""Which score tells images of no known class from those of a known one? Models that have seen only some classes.

    SADARI_DATA_DIR=... uv run python benchmarks/quality/unknown.py [--seeds 3] [--only CASE] [--table]

Cases: two classes of `animals` are known and the third is not (all three choices), `flowers` are unknown to a model of
`animals`, and `mnist` is unknown to one of `fashion-mnist` (6,000 training images drawn by class, 2,000 of each kind
judge). Known images are test images of the classes that were learned; none of them, and no unknown image, chose a
model or a score's own settings. `auroc`: the share of pairs of a known and an unknown image in which the known one has
the higher score. `accepted`: the share of unknown images above the score that 95 % of the known test images have.
`kept`: the share of known test images above the threshold of the validation images, 95 % of which were to be kept.
Models that draw nothing are the same with every seed: `linear-probe` and `logistic` have one.
Results: unknown.json beside this file, one row a case, model, seed and score.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.load import load
from sadari.data.prepare import Preprocess
from sadari.data.split import draw_split
from sadari.evaluation.ranking import auroc
from sadari.evaluation.unknown.scores import Bank, Seen, energy, probability, similarity, unit
from sadari.evaluation.unknown.threshold import threshold_of
from sadari.inference.features import see
from sadari.inference.model import Architecture, TrainedModel
from sadari.inference.predict import Inputs
from sadari.job import Job, make_job
from sadari.models.catalog import find_model
from sadari.models.classical.logistic import logistic
from sadari.models.classical.problem import Problem
from sadari.models.weights import load_pretrained
from sadari.progress import Silent
from sadari.settings import Value
from sadari.training.train import train
from sadari.values import ImageSet, Split

HERE = Path(__file__)
KEPT = 0.95
FULL = "all"  # the nearest of all training images, not of a bank
MOST = 2000  # images of a side
Ints = NDArray[np.int64]
Scores = Callable[[Seen], NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """What is known and what is not. data: the named set. without: the class that is left out. unknown: another set."""

    name: str
    data: str
    models: Mapping[str, Mapping[str, Value]]
    without: str = ""
    unknown: str = ""


PHOTOGRAPHS: Mapping[str, Mapping[str, Value]] = {
    "linear-probe": {},
    "photo": {"image_size": 144, "train_size": 128},
    "cnn": {"image_size": 64, "epochs": 15},
}
SMALL: Mapping[str, Mapping[str, Value]] = {
    "mlp": {"train_fraction": 0.125},
    "cnn": {"train_fraction": 0.125},
    "sprint": {"train_fraction": 0.125},
    "logistic": {"train_fraction": 0.125},
}
FROZEN = ("linear-probe",)
ONE_SEED = (*FROZEN, "logistic")
CASES = (
    Case("cat unknown", "animals", PHOTOGRAPHS, without="cat"),
    Case("dog unknown", "animals", PHOTOGRAPHS, without="dog"),
    Case("panda unknown", "animals", PHOTOGRAPHS, without="panda"),
    Case("flowers unknown", "animals", PHOTOGRAPHS, unknown="flowers"),
    Case("mnist unknown", "fashion-mnist", SMALL, unknown="mnist"),
)


def measure(case: Case, model: str, seed: int, cache: Path) -> Iterator[dict[str, Any]]:
    """Yield one row for each score of `model` on `case`. cache: a folder that keeps what a model computed."""
    path = cache / f"{case.name}-{model}-{seed}.npz"
    if not path.is_file():
        compute(case, model, seed, path)
    with np.load(path) as held:
        stored = dict(held)
    learned, validation, test, outside = (
        Seen(stored[f"{each}_logits"], stored[f"{each}_features"]) for each in ("train", "val", "test", "unknown")
    )
    for name, score in scores(learned, stored["labels"]).items():
        inside, outer, val = (np.sort(score(each)) for each in (test, outside, validation))
        limit = threshold_of(val, KEPT)
        yield {
            "case": case.name,
            "model": model,
            "seed": seed,
            "score": name,
            "auroc": auroc(inside, outer),
            "accepted": float((outer >= np.quantile(inside, 1 - KEPT, method="lower")).mean()),
            "kept": float((inside >= limit).mean()),
            "accepted_by_threshold": float((outer >= limit).mean()),
            "known": len(inside),
            "unknown": len(outer),
            "validation": len(val),
            "accuracy": float(stored["accuracy"]),
        }


def compute(case: Case, model: str, seed: int, path: Path) -> None:
    """Train `model` on what is known of `case`, and store what it computes of all images in `path`."""
    job = make_job(place(case.data), find_model(model), seed, case.models[model])
    images = load(job.data, job.settings, Silent())
    known = without(images, case.without) if case.without else images
    split = draw_split(known, job.settings)
    if case.without:
        other, positions = images, judged(images, images.labels == images.classes.index(case.without))
    else:
        other = load(place(case.unknown), job.settings, Silent())
        positions = spread(judged(other, np.ones(len(other), dtype=bool)))
    inside = np.concatenate([split.train, split.val, spread(split.test)])
    if model in FROZEN:
        found, outside = with_frozen_features(job, path.parent, images, known, split, inside, other, positions)
    else:
        with tempfile.TemporaryDirectory() as folder:
            trained = TrainedModel.load(train(job, Path(folder) / "run", images=known, split=split))
        found, outside = (
            see(trained.network, Inputs.pixels(of.images, trained.preprocess), chosen, len(known.classes))
            for of, chosen in ((known, inside), (other, positions))
        )
    stored: dict[str, Any] = {"labels": known.labels[split.train]}
    ends = np.cumsum([len(split.train), len(split.val)])
    for name, part in zip(("train", "val", "test"), np.split(np.arange(len(inside)), ends), strict=True):
        stored |= {f"{name}_logits": found.logits[part], f"{name}_features": found.features[part]}
    stored |= {"unknown_logits": outside.logits, "unknown_features": outside.features}
    right = stored["test_logits"].argmax(axis=1) == known.labels[inside[ends[1] :]]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **stored, accuracy=right.mean())
    print(f"{case.name}, {model}, seed {seed}: accuracy {right.mean():.3f}", flush=True)


def place(data: str) -> str:
    """Return the folder of a set of photographs; the name of another one."""
    return data if data in ("fashion-mnist", "mnist") else f"{os.environ['SADARI_DATA_DIR']}/{data}"


def with_frozen_features(
    job: Job, cache: Path, images: ImageSet, known: ImageSet, split: Split, inside: Ints, other: ImageSet, outer: Ints
) -> tuple[Seen, Seen]:
    """Return the same of a logistic regression on a frozen backbone, whose features are computed once for each set."""
    at = {name: place for place, name in enumerate(images.ids)}
    vectors = frozen_features(job, cache, images)[[at[name] for name in known.ids]]
    outside = frozen_features(job, cache, other)[outer]
    problem = Problem(vectors[split.train], known.labels[split.train], len(known.classes), job.variables, 1, 0)
    learned: list[Any] = []
    logistic(problem, learned.append)
    weight, bias = learned[-1].weight, learned[-1].bias
    first, second = (Seen(each @ weight.T + bias, each) for each in (vectors[inside], outside))
    return first, second


def frozen_features(job: Job, cache: Path, images: ImageSet) -> NDArray[np.float32]:
    """Return what the class layer reads of every image, float32 (N, D)."""
    path = cache / f"{images.name}-{job.model.name}.npy"
    if not path.is_file():
        made = Architecture.of(job.model, job.variables, images.shape, images.classes)
        assert made.pretrained is not None
        network = made.build(0)
        load_pretrained(network, made.pretrained, images.shape[:2])
        how = job.settings
        preprocess = Preprocess.fitted(images, np.arange(1), how.scaling, how.fit, made.scaling, how.interpolation)
        path.parent.mkdir(parents=True, exist_ok=True)
        inputs = Inputs.pixels(images.images, preprocess)
        np.save(path, see(network.eval(), inputs, np.arange(len(images)), len(images.classes)).features)
    return np.asarray(np.load(path))


def scores(learned: Seen, labels: NDArray[np.int64]) -> dict[str, Scores]:
    """Return every score that is measured, by name. labels: of the training images that were seen."""
    found: dict[str, Scores] = {
        "probability": probability,
        "energy": energy,
        "logit": lambda seen: seen.logits.max(axis=1),
        "relative mahalanobis": relative_mahalanobis(learned.features, labels),
    }
    vectors = unit(learned.features)
    for nearest in (1, 3, 5, 10, 20, 50):
        found[f"similarity {nearest}"] = of_bank(Bank(vectors, nearest))
    drawn = np.random.default_rng(0).permutation(len(vectors))
    for size in (100, 200, 500, 1000, 2000):
        if size < len(vectors):
            for nearest in (1, 5):
                found[f"similarity {nearest} of {size}"] = of_bank(Bank(vectors[drawn[:size]], nearest))
    found["similarity 5, float16"] = of_bank(Bank(vectors.astype(np.float16), 5))
    return found


def of_bank(bank: Bank) -> Scores:
    return lambda seen: similarity(seen, bank)


def relative_mahalanobis(features: NDArray[np.float32], labels: NDArray[np.int64]) -> Scores:
    """Return minus the relative Mahalanobis distance to the nearest class mean (Ren et al. 2021, arXiv:2106.09022).

    Covariances are shrunk a tenth of the way to their mean variance (assumed), as there are more features than images.
    """
    features = features.astype(np.float64)
    means = np.stack([features[labels == each].mean(axis=0) for each in np.unique(labels)])
    centre = features.mean(axis=0)
    within, whole = (
        inverse(features - around) for around in (means[np.unique(labels, return_inverse=True)[1]], centre)
    )

    def score(seen: Seen) -> NDArray[np.float64]:
        to_each = np.stack([squared(seen.features - mean, within) for mean in means]).min(axis=0)
        return np.asarray(squared(seen.features - centre, whole) - to_each)

    return score


def inverse(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    covariance = moves.T @ moves / len(moves)
    even = np.trace(covariance) / len(covariance)
    return np.asarray(np.linalg.inv(0.9 * covariance + (0.1 * even + 1e-12) * np.eye(len(covariance))))


def squared(moves: NDArray[np.float64], inverted: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(((moves @ inverted) * moves).sum(axis=1))


def without(images: ImageSet, name: str) -> ImageSet:
    """Return the set without one of its classes."""
    left_out = images.classes.index(name)
    kept = np.flatnonzero(images.labels != left_out)
    labels = images.labels[kept]
    return replace(
        images,
        images=np.asarray(images.images[kept]),
        labels=labels - (labels > left_out),
        ids=images.ids[kept],
        classes=tuple(each for each in images.classes if each != name),
        source_split=images.source_split[kept],
        fingerprint=f"{images.fingerprint}, without {name}",
        groups=None,
    )


def judged(images: ImageSet, among: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the positions of the source's test or val images among those, or of all where it has no splits."""
    for name in ("test", "val"):
        if (chosen := among & (images.source_split == name)).any():
            return np.flatnonzero(chosen).astype(np.int64)
    return np.flatnonzero(among).astype(np.int64)


def spread(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return at most MOST of the positions, evenly spread."""
    return positions[np.unique(np.linspace(0, len(positions) - 1, min(MOST, len(positions))).astype(np.int64))]


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the mean over seeds for each case, model and score."""
    lines = []
    keys = list(dict.fromkeys((row["case"], row["model"], row["score"]) for row in rows))
    for case, model, score in keys:
        of = [row for row in rows if (row["case"], row["model"], row["score"]) == (case, model, score)]
        mean = {name: np.mean([row[name] for row in of]) for name in ("auroc", "accepted", "kept", "accuracy")}
        figures = "  ".join(f"{name} {value:.3f}" for name, value in mean.items())
        lines.append(f"{case:16} {model:13} {score:26} {len(of)} {figures}")
    return lines


def write(rows: list[dict[str, Any]], out: Path) -> None:
    lines = ",\n".join(json.dumps(row) for row in rows)
    out.write_text(f'{{"kept": {KEPT}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--models", default="")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "sadari-unknown")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE.with_suffix(".json"))
    arguments = parser.parse_args()
    rows = json.loads(arguments.out.read_text(encoding="utf-8"))["rows"] if arguments.out.is_file() else []
    if arguments.table:
        print("\n".join(table(rows)))
        return
    torch.set_num_threads(1)
    for seed in range(arguments.seeds):
        for case in CASES:
            for model in case.models:
                done = any((row["case"], row["model"], row["seed"]) == (case.name, model, seed) for row in rows)
                wanted = arguments.only in case.name and (not arguments.models or model in arguments.models.split(","))
                if done or not wanted or (seed and model in ONE_SEED):
                    continue
                rows += measure(case, model, seed, arguments.cache)
                write(rows, arguments.out)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
