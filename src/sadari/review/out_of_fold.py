"""What does a model say about each image that has not seen it? Logistic regression on features, fold by fold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sadari.inference.device import denormals_flushed
from sadari.models.classical.logistic import logistic
from sadari.models.classical.problem import Learned, Linear, Problem
from sadari.progress import Progress

FOLDS = 5  # assumed: each model learns from four fifths of the images, and five are fitted in seconds
# On features of length 1. Measured: benchmarks/quality/wrong_labels.py finds most planted wrong labels with it.
STRENGTH = 10.0
PASSES = 100  # of L-BFGS, at most; assumed: the order of suspects no longer changes

Rows = NDArray[np.float32]
Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Probabilities for N images, float64 (N, K), each from a model that was fitted without the image and its group.

    judged: bool (N,), whether that model had seen other images of the image's class; without them its probability of
    the class says nothing.
    """

    probabilities: NDArray[np.float64]
    judged: NDArray[np.bool_]


def out_of_fold(
    rows: Rows, labels: Positions, classes: int, groups: Positions | None, seed: int, progress: Progress
) -> OutOfFold:
    """Return what logistic regression on `rows`, float32 (N, D), says about each image from the other folds.

    groups: int64 (N,), images that stay on one side, such as those of a patient, and copies; None where each is by
    itself. Where only one fold can be made, no image is judged.
    """
    count = len(rows)
    probabilities = np.full((count, classes), 1 / classes)
    judged = np.zeros(count, dtype=np.bool_)
    fold_of = folds_of(labels, np.arange(count) if groups is None else groups, FOLDS, seed)
    folds = range(int(fold_of.max()) + 1)
    with progress.task("judging", len(folds), "folds") as task:
        for fold in folds if len(folds) > 1 else ():
            train, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            seen = np.bincount(labels[train], minlength=classes) > 0
            if seen.sum() > 1:
                probabilities[held] = _probabilities(rows, labels, classes, train, held)
                judged[held] = seen[labels[held]]
            task.advance(1)
    return OutOfFold(probabilities, judged)


def folds_of(labels: Positions, groups: Positions, most: int, seed: int) -> Positions:
    """Return the fold of each image, int64 (N,), from 0 up: whole groups, the classes in proportion.

    Groups come in random order, the largest first, and each goes to the fold that has fewest images of the class of its
    first image, of equal ones to that with fewest images. There are `most` folds, or as many as groups.
    """
    kinds, first, group = np.unique(groups, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    sizes, label = np.bincount(group), labels[first]
    shuffled = np.random.default_rng(seed).permutation(len(kinds))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    folds = min(most, len(kinds))
    of_class = np.zeros((int(labels.max()) + 1, folds), dtype=np.int64)
    total = np.zeros(folds, dtype=np.int64)
    fold_of = np.empty(len(kinds), dtype=np.int64)
    for each in order.tolist():
        held = of_class[label[each]]
        fold = int(np.lexsort((total, held))[0])
        fold_of[each] = fold
        held[fold] += sizes[each]
        total[fold] += sizes[each]
    return fold_of[group]


def _probabilities(
    rows: Rows, labels: Positions, classes: int, train: Positions, held: Positions
) -> NDArray[np.float64]:
    learned: list[Learned] = []
    variables = {"C": STRENGTH, "max_iter": PASSES}
    problem = Problem(np.ascontiguousarray(rows[train]), labels[train], classes, variables, epochs=1, seed=0)
    with denormals_flushed():
        logistic(problem, learned.append)
    last = learned[-1]
    assert isinstance(last, Linear)
    logits = (rows[held] @ last.weight.T + last.bias).astype(np.float64)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))
