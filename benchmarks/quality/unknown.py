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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sadari.data.load import load
from sadari.data.prepare import Preprocess
from sadari.data.split import draw_split
from sadari.evaluation.ranking import area_between
from sadari.evaluation.unknown.mahalanobis import unit
from sadari.evaluation.unknown.scores import SCORES, Fitted, Score, Seen
from sadari.evaluation.unknown.threshold import threshold_of
from sadari.inference.architecture import Architecture
from sadari.inference.features import see
from sadari.inference.model import TrainedModel
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
SHOWN = {
    "mahalanobis": "mahalanobis",
    "nearest": "similarity to the 1. nearest",
    "energy": "energy",
    "probability": "probability",
}
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
            "auroc": float(area_between(inside, outer).values.mean()),
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
    found: dict[str, Scores] = {}
    chosen = spread(np.arange(len(learned)))
    for score in SCORES:
        fitted = score.fit(learned.features[chosen], labels[chosen]) if score.fit else {}
        found[score.name] = with_fitted(score, fitted)
    found["largest logit"] = lambda seen: seen.logits.max(axis=1).astype(np.float64)
    for share in (0.1, 0.5, 0.8):
        found[f"all directions, shrunk {share}"] = relative_mahalanobis(unit(learned.features), labels, share)
    vectors = unit(learned.features).astype(np.float32)
    for nearest in (1, 5, 20):
        found[f"similarity to the {nearest}. nearest"] = partial(similarity, vectors, nearest)
    return found


def with_fitted(score: Score, fitted: Fitted) -> Scores:
    return lambda seen: score.compute(seen, fitted)


def similarity(vectors: NDArray[np.float32], nearest: int, seen: Seen) -> NDArray[np.float64]:
    """Return the cosine similarity to the k-th nearest training image (Sun et al., ICML 2022, arXiv:2204.06507)."""
    blocks = np.array_split(unit(seen.features).astype(np.float32), max(1, len(seen) // 500))
    found = [np.partition(each @ vectors.T, -nearest, axis=1)[:, -nearest] for each in blocks]
    return np.concatenate(found).astype(np.float64)


def relative_mahalanobis(features: NDArray[np.float64], labels: NDArray[np.int64], share: float) -> Scores:
    """Return the score by whole covariances of all training images, shrunk by `share` (Ren et al. 2021)."""
    means = np.stack([features[labels == each].mean(axis=0) for each in np.unique(labels)])
    centre = features.mean(axis=0)
    of_class = means[np.unique(labels, return_inverse=True)[1]]
    within, whole = inverse(features - of_class, share), inverse(features - centre, share)

    def score(seen: Seen) -> NDArray[np.float64]:
        points = unit(seen.features)
        to_each = np.stack([squared(points - mean, within) for mean in means]).min(axis=0)
        return np.asarray(squared(points - centre, whole) - to_each)

    return score


def inverse(moves: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    covariance = moves.T @ moves / len(moves)
    even = np.trace(covariance) / len(covariance)
    return np.asarray(np.linalg.inv((1 - share) * covariance + (share * even + 1e-9) * np.eye(len(covariance))))


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


def markdown(rows: list[dict[str, Any]]) -> list[str]:
    """Return the table of docs/probabilities.md: area and share of unknown images accepted, means over seeds."""
    lines = [f"| unknown | model | seeds | {' | '.join(SHOWN)} |", f"|---|---|---{'|---' * len(SHOWN)}|"]
    for case, model in dict.fromkeys((row["case"], row["model"]) for row in rows):
        of = [row for row in rows if (row["case"], row["model"]) == (case, model)]
        seeds = len({row["seed"] for row in of})
        cells = []
        for score in SHOWN.values():
            mean = {name: np.mean([row[name] for row in of if row["score"] == score]) for name in ("auroc", "accepted")}
            cells.append(f"{mean['auroc']:.3f}, {100 * mean['accepted']:.0f} %")
        lines.append(f"| {case.removesuffix(' unknown')} | {model} | {seeds} | {' | '.join(cells)} |")
    return lines


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
        print("\n".join([*table(rows), "", *markdown(rows)]))
        return
    torch.set_num_threads(1)
    for seed in range(arguments.seeds):
        for case in CASES:
            for model in case.models:
                done = any((row["case"], row["model"], row["seed"]) == (case.name, model, seed) for row in rows)
                wanted = arguments.only in case.name and (not arguments.models or model in arguments.models.split(","))
                if done or not wanted or (seed and model in ONE_SEED):
                    continue
                rows.extend(measure(case, model, seed, arguments.cache))
                write(rows, arguments.out)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
