"""By which number are logits divided, so that probabilities are right? One temperature, fitted on validation images.

Guo, Pleiss, Sun & Weinberger, On Calibration of Modern Neural Networks, ICML 2017 (https://arxiv.org/abs/1706.04599),
section 4.2: the one with the least log loss. The loss is convex in 1/T. The order of an image's classes stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sadari.settings import COOLEST_FIT, HOTTEST_FIT
from sadari.values import Predictions

# One parameter that is fitted to n images costs 1 / (2n) nats on others where nothing had to be corrected (Akaike
# 1974): 0.005 nats of 100. Simulated with calibrated models of 5 classes that are right for 64 to 95 %: 0.003 to 0.007
# nats of 100 images, 0.007 to 0.016 of 50; as bounded here at most 0.004 (benchmarks/quality/calibration.py).
LEAST_IMAGES = 100
LEAST_OF_EACH = 5  # images that are right, and that are wrong: with none of either, T runs to a bound
LEAST_GAIN = 1.0  # nats of all images together that one parameter has to gain (cited: Akaike 1974)
CLOSE = 1e-6  # of log T: closer than its decimals (assumed)
COOLEST, HOTTEST = COOLEST_FIT, HOTTEST_FIT
DIGITS = 4  # decimals of T: what the order of additions changes is behind them (assumed)

Logits = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Temperature:
    """What the logits of a run are divided by before the softmax.

    value: 1.0 where nothing is scaled. images: the validation images that it was fitted on. before, after: their mean
    log loss without and with it, in nats. note: why nothing is scaled, or that a bound was reached; "" otherwise.
    """

    value: float
    images: int
    before: float | None = None
    after: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as `calibration.json` stores it."""
        return {
            "temperature": self.value,
            "images": self.images,
            "val_loss": {"before": self.before, "after": self.after},
            "note": self.note,
        }


def as_sentence(calibration: Mapping[str, Any]) -> str:
    """Say what was fitted, and what it brings on the images that fitted it. calibration: of a run, {} for none."""
    if not calibration:
        return "Its probabilities are not calibrated: no temperature was fitted."
    note, losses = calibration["note"], calibration["val_loss"]
    if losses["before"] is None or losses["after"] is None:
        return f"Its probabilities are not calibrated: {note}."
    if calibration["temperature"] == 1.0:
        return f"Its probabilities need no temperature: {note}."
    return (
        f"Its probabilities are calibrated: temperature {calibration['temperature']:g}, fitted on "
        f"{calibration['images']:,} validation images (their log loss {losses['before']:.4f} before, "
        f"{losses['after']:.4f} after, which flatters){'; ' * bool(note)}{note}."
    )


def fit_temperature(
    logits: Logits, labels: NDArray[np.int64], least_images: int = LEAST_IMAGES, least_of_each: int = LEAST_OF_EACH
) -> Temperature:
    """Return the temperature with the least log loss of validation images, between COOLEST and HOTTEST.

    logits: float32 (N, K), -inf where a class has probability 0; labels: int64 (N,). Too few images, right ones or
    wrong ones give 1.0 and a note; least_images, least_of_each: how many are enough. Nothing is drawn: the same logits
    give the same temperature.
    """
    images = len(labels)
    reason = _too_few(logits, labels, least_images, least_of_each)
    if reason:
        return Temperature(1.0, images, note=reason)
    fit = _Fit(logits, labels)
    low, high = log(COOLEST), log(HOTTEST)
    if fit.slope(low) >= 0:  # the loss falls towards a lower temperature still
        best, note = (
            COOLEST,
            f"the temperature stopped at its lowest value, {COOLEST:g}: it would be lower still",
        )
    elif fit.slope(high) <= 0:
        best, note = (
            HOTTEST,
            f"the temperature stopped at its highest value, {HOTTEST:g}: it would be higher still",
        )
    else:
        best, note = round(exp(_zero(fit.slope, low, high)), DIGITS), ""
    before, after = fit.loss(1.0), fit.loss(best)
    if images * (before - after) <= LEAST_GAIN:
        note = f"a temperature of {best:g} gains no more on {images:,} validation images than chance would"
        return Temperature(1.0, images, before, before, note)
    return Temperature(best, images, before, after, note)


def _zero(rising: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function that rises from below 0 to above it is 0, by bisection: training loads no SciPy."""
    while high - low > CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _too_few(logits: Logits, labels: NDArray[np.int64], least_images: int, least_of_each: int) -> str:
    """Return why no temperature can be fitted, "" where one can."""
    images = len(labels)
    if images < least_images:
        found = f"{images:,} validation images are" if images > 1 else f"{images or 'no'} validation image is"
        return f"{found} too few to fit a temperature on (at least {least_images})"
    right = int((logits.argmax(axis=1) == labels).sum())
    for count, which in ((right, "right"), (images - right, "wrong")):
        if count < least_of_each:
            found = f"{count} of {images:,} validation images {'is' if count == 1 else 'are'} {which}, too few to fit a"
            return f"{found} temperature on (at least {least_of_each} right and {least_of_each} wrong)"
    if not np.isfinite(logits[np.arange(images), labels]).any():
        return "the true class of each validation image has probability 0, whatever the temperature is"
    return ""


class _Fit:
    """The log loss of some images as a function of the temperature. Images whose class has probability 0 leave it."""

    def __init__(self, logits: Logits, labels: NDArray[np.int64]) -> None:
        kept = np.isfinite(logits[np.arange(len(labels)), labels])
        shifted = logits[kept].astype(np.float64)
        shifted -= shifted.max(axis=1, keepdims=True)
        self.logits = shifted
        self.true = shifted[np.arange(len(shifted)), labels[kept]]

    def loss(self, temperature: float) -> float:
        """Return the mean log loss in nats at `temperature`."""
        return float(np.mean(np.log(self._powers(temperature).sum(axis=1)) - self.true / temperature))

    def slope(self, log_temperature: float) -> float:
        """Return the derivative of the loss by log T, times T, at this log T: it crosses 0 once, upwards."""
        powers = self._powers(exp(log_temperature))
        finite = np.where(powers > 0, self.logits, 0.0)
        expected = (powers * finite).sum(axis=1) / powers.sum(axis=1)
        return float(np.mean(self.true - expected))

    def _powers(self, temperature: float) -> Floats:
        return np.exp(self.logits / temperature)


def at_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return softmax(log p / `temperature`) of probabilities p, float32 (N, K); zeros stay zeros.

    With 1 / T it takes back a scaling by T. The class that was named first stays first.
    """
    if temperature == 1.0:
        return probabilities
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities.astype(np.float64))
    powers = np.exp((logs - logs.max(axis=1, keepdims=True)) / temperature)
    scaled = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return keep_first(scaled, probabilities.argmax(axis=1))


def keep_first(probabilities: NDArray[np.float32], first: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return probabilities in which the class `first`, int64 (N,), of each image is the first of the most probable.

    Classes that are nearly equally probable may round to another order; then `first` gets the next larger number.
    """
    rows = np.flatnonzero(probabilities.argmax(axis=1) != first)
    if len(rows):
        probabilities = probabilities.copy()
        probabilities[rows, first[rows]] = np.nextafter(probabilities[rows].max(axis=1), np.float32(2))
    return probabilities


def uncalibrated(predictions: Predictions, calibration: Mapping[str, Any]) -> Predictions:
    """Return what a run would have predicted without its temperature. calibration: that of the run, {} for none."""
    temperature = float(calibration.get("temperature", 1.0))
    return replace(predictions, probabilities=at_temperature(predictions.probabilities, 1 / temperature))
