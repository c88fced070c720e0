"""How is a model of the ladder used where a scikit-learn classifier is expected?"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sadari.errors import SadariError, UsageError
from sadari.estimator.job import NAME, job_of
from sadari.estimator.kept import KeptRun, run_folder, threads_given_back
from sadari.estimator.reading import InputError, Reading, as_rows, frame_of, image_set
from sadari.estimator.stored import Stored
from sadari.inference.classifier import Classifier
from sadari.run import RunRecord
from sadari.settings import Value
from sadari.training.train import train


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Which class is on an image? Any model of `sadari models`, as a scikit-learn classifier.

    X is (N, H, W) or (N, H, W, 1 or 3), channels last, or one row an image, (N, D). A row is the image of `image_shape`
    that was flattened; without it, a grey square where D is a square number, else one grey line of D pixels, which is
    the same to a model that only weighs pixels (logistic, mlp) and of no use to one that looks for shapes (cnn, lstm).

    Models see images of 8 bits. uint8 is taken as it is. Of any other numbers, the lowest and the highest value in the
    X of `fit` become 0 and 255, and every value the nearest of the 256 levels; later values outside of these are taken
    as the nearer of the two. `value_range` says which values become 0 and 255 instead: (0, 1) for shares of white.
    Features that are not pixels lose what lies between the levels, and one far outlier squeezes the others.

    y holds labels as scikit-learn has them: texts, whole numbers, booleans.

    model: a name of the ladder, timm:NAME, or the path of a TOML file with layers. epochs, batch_size, optimizer,
    learning_rate, augment, patience: Sadari's settings; None takes the model's own value, else Sadari's. settings:
    further ones, and variables of the model, by name, such as `{"dropout": 0.3, "threads": 1}`. validation_fraction:
    the share of X that chooses the best epoch and does not train, stratified (the setting val_fraction, 0.2 where None;
    0 trains on all). random_state: an int for the same model every time. out: a folder in which every fit leaves its
    run, under a name of its own; the same fit finds it there, and one that was interrupted goes on. Without it runs lie
    in a temporary folder, and nothing stays behind but what frozen layers computed, which goes to Sadari's cache.

    After `fit`: classes_ (the labels, sorted), n_features_in_ (values of an image), feature_names_in_ (where X was a
    frame), classifier_ (the model as `sadari.deploy` has it), history_ (a row an epoch: losses, accuracies, seconds).

    Raises InputError, a ValueError and a UsageError, for an X or y that cannot be used; UsageError for settings that
    cannot be; SadariError where training fails.
    """

    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    classifier_: Classifier
    history_: list[dict[str, float]]
    _reading: Reading
    _run: KeptRun

    def __init__(
        self,
        model: str | Path = "cnn",
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        optimizer: str | None = None,
        learning_rate: float | None = None,
        augment: str | None = None,
        patience: int | None = None,
        validation_fraction: float | None = None,
        settings: Mapping[str, Value] | None = None,
        image_shape: Sequence[int] | None = None,
        value_range: Sequence[float] | None = None,
        random_state: int | np.random.RandomState | None = None,
        out: str | Path | None = None,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.augment = augment
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.settings = settings
        self.image_shape = image_shape
        self.value_range = value_range
        self.random_state = random_state
        self.out = out

    def fit(self, X: ArrayLike, y: ArrayLike) -> "ImageClassifier":  # noqa: N803 - scikit-learn's name
        """Train on the images X, (N, H, W[, C]) or (N, D), with the labels y, (N,); returns itself."""
        job = job_of(self.get_params(deep=False))
        rows, held = as_rows(X)
        rows, y = validate_data(self, rows, y)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise InputError(f"y holds one class only, {classes[0]}; a classifier needs images of at least two")
        reading = Reading.fitted(rows, held, self.image_shape, self.value_range, job.settings)
        images = image_set(NAME, reading.images(rows), labels, classes)
        with run_folder(self.out, job, images) as folder, threads_given_back():
            self._take(train(job, folder, images=images), reading, classes)
        return self

    def _take(self, run: RunRecord, reading: Reading, classes: NDArray[Any]) -> None:
        """Be what came of `run`; nothing of it is needed afterwards."""
        self.classifier_ = Classifier.open(run.path)
        self.history_ = run.history
        self.classes_ = classes
        self._run, self._reading = KeptRun.of(run.path), reading

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """How probable is each of `classes_` for the images X? float32 (N, K), rows sum to 1."""
        check_is_fitted(self, "classifier_")
        rows, held = as_rows(X)
        self._reading.require_shape(held)
        rows = validate_data(self, rows, reset=False)
        return self.classifier_.probabilities(self._reading.images(rows))

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Which of `classes_` is the most probable for each of the images X? (N,), labels as `fit` was given them."""
        most_probable = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most_probable])

    def save(self, folder: str | Path) -> Path:
        """Write the fitted classifier as the new folder `folder`, and return that.

        It is a run's folder, which `sadari predict` and `sadari serve` take, with estimator.json beside the rest;
        nothing in it is ever executed. A random_state that is a generator becomes the seed that it gave. Raises
        UsageError where something is there already, SadariError where it cannot be written; then nothing is left.
        """
        check_is_fitted(self, "classifier_")
        path = Path(folder)
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise UsageError(f"'{path}' is there already; choose another folder, or remove it")
        try:
            self._run.write(path)
            self._stored().write(path)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return path

    def _stored(self) -> Stored:
        params = self.get_params(deep=False)
        if isinstance(self.random_state, np.random.RandomState):
            params["random_state"] = self._run.job.seed
        reading = self._reading
        return Stored(
            params=params,
            labels=self.classes_,
            shape=reading.shape,
            value_range=reading.value_range,
            given=reading.given,
            features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
        )

    @classmethod
    def load(cls, folder: str | Path) -> "ImageClassifier":
        """The fitted classifier that `save` wrote to `folder`.

        Raises UsageError where there is none, SadariError where it is damaged.
        """
        stored, run = Stored.read(Path(folder)), RunRecord.open(folder)
        try:
            loaded = cls(**stored.params)
        except TypeError as error:
            raise SadariError(f"'{folder}' holds arguments that ImageClassifier does not have ({error})") from None
        loaded.n_features_in_ = stored.features
        if stored.names is not None:
            loaded.feature_names_in_ = stored.names
        reading = Reading(stored.shape, stored.value_range, stored.given, frame_of(run.job.settings))
        with threads_given_back():
            loaded._take(run, reading, stored.labels)
        return loaded

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """A copy travels as the bytes of its run, so that it wakes up on whatever device is there."""
        return {name: value for name, value in super().__getstate__().items() if name != "classifier_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_run" in state:
            self.classifier_ = self._run.open()
