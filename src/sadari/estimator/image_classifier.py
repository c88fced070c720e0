"""How is a model of Sadari used where scikit-learn expects a classifier?"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sadari.errors import SadariError, UsageError
from sadari.estimator.inputs import InputError, InputFormat, as_rows, frame_of, image_set
from sadari.estimator.params import NAME, job_from_params
from sadari.estimator.persistence import EstimatorState
from sadari.estimator.snapshot import RunSnapshot, run_folder
from sadari.inference.classifier import Classifier
from sadari.models.own.named import find_code, let_run
from sadari.models.own.reference import Maker, is_own
from sadari.run import RunRecord
from sadari.settings import KEPT, Value
from sadari.training.train import train


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A scikit-learn classifier of images: any model that `sadari models` lists.

    X is (N, H, W) or (N, H, W, 1 or 3), channels last, or one row an image, (N, D). A row is a flattened image of
    `image_shape`. Without `image_shape` it is a grey square where D is a square number, else one grey line of D pixels.
    A model that only weighs pixels (logistic, mlp) loses nothing by that; one that looks for shapes (cnn, lstm) cannot
    use it.

    Models read images of 8 bits. uint8 is taken as it is. For all other numbers, the lowest and the highest value in
    the X of `fit` become 0 and 255, and every value becomes the nearest of the 256 levels; later values outside that
    range become the nearer end. `value_range` sets the values that become 0 and 255 instead, such as (0, 1). Features
    that are not pixels lose the differences between two levels, and one far outlier compresses all other values.

    y holds labels as scikit-learn has them: text, whole numbers or booleans.

    Parameters. model: a name that `sadari models` lists, timm:NAME, the path of a TOML file with layers, or a class or
    function that makes a torch module. epochs, batch_size, optimizer, learning_rate, augment, patience: Sadari's
    settings; None takes the model's own value, else Sadari's. settings: further settings, and variables of the model,
    by name, such as `{"dropout": 0.3, "threads": 1}`. validation_fraction: the share of X, stratified, that chooses the
    best epoch and is not trained on (the setting val_fraction; 0.2 where None; 0 trains on all). image_shape,
    value_range: see above. random_state: an int gives the same model every time. out: a folder in which every fit
    stores its run, under a name of its own; the same fit finds it there, and an interrupted one goes on. Without `out`
    the run is stored in a temporary folder and removed; only the features of frozen layers stay, in Sadari's cache.

    Attributes after `fit`. classes_: the labels, sorted. n_features_in_: the number of values of an image.
    feature_names_in_: the names of the columns, where X was a data frame. classifier_: the model as a
    `sadari.inference.classifier.Classifier`. history_: a row an epoch, with losses, accuracies and seconds.

    Raises InputError, which is a ValueError and a UsageError, for an X or y that cannot be used; UsageError for
    parameters that cannot be used; SadariError where training fails.
    """

    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    classifier_: Classifier
    history_: list[dict[str, float]]
    _input_format: InputFormat
    _run: RunSnapshot

    def __init__(
        self,
        model: str | Path | Maker = "cnn",
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
        """Train on the images X, (N, H, W[, C]) or (N, D), with the labels y, (N,); return the estimator itself."""
        job = job_from_params(self.get_params(deep=False))
        rows, x_shape = as_rows(X)
        rows, y = validate_data(self, rows, y)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise InputError(f"y holds one class only, {classes[0]}; a classifier needs images of at least two")
        input_format = InputFormat.fitted(rows, x_shape, self.image_shape, self.value_range, job.settings)
        images = image_set(NAME, input_format.to_images(rows), labels, classes)
        with run_folder(self.out, job, images) as folder:
            self._set_fitted(train(job, folder, images=images), input_format, classes)
        return self

    def _set_fitted(self, run: RunRecord, input_format: InputFormat, classes: NDArray[Any]) -> None:
        """Set the fitted attributes from `run`, whose folder is not needed afterwards."""
        self.classifier_ = Classifier.open(run.path)
        self.history_ = run.history
        self.classes_ = classes
        self._run, self._input_format = RunSnapshot.of(run.path), input_format

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """Return the probability of each of `classes_` for the images X, float32 (N, K); rows sum to 1."""
        check_is_fitted(self, "classifier_")
        rows, x_shape = as_rows(X)
        self._input_format.require_shape(x_shape)
        rows = validate_data(self, rows, reset=False)
        return self.classifier_.probabilities(self._input_format.to_images(rows))

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float32]:  # noqa: N803
        """Return the logarithm of `predict_proba`, float32 (N, K); -inf where a probability is 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Return the most probable of `classes_` for each of the images X, (N,), in the type that y had in `fit`."""
        most_probable = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[most_probable])

    def known(self, X: ArrayLike, keep: float = KEPT, score: str = "") -> NDArray[np.bool_]:  # noqa: N803
        """Return whether each of the images X shows one of `classes_`, bool (N,): the others show none of these.

        keep: of images that do, the share that is True. score: by "mahalanobis", "energy" or "probability"; "" takes
        the best. Raises UsageError where there were no validation images, or too few for such a share.
        """
        check_is_fitted(self, "classifier_")
        abstaining = replace(self.classifier_, abstention=self._run.abstention(keep, score))
        rows, x_shape = as_rows(X)
        self._input_format.require_shape(x_shape)
        judged = abstaining.judged(self._input_format.to_images(validate_data(self, rows, reset=False)))
        assert judged.scores is not None
        return np.asarray(judged.scores >= judged.threshold)

    def save(self, folder: str | Path) -> Path:
        """Write the fitted classifier to the new folder `folder`, and return its path.

        The folder is that of a run, which `sadari predict` and `sadari serve` read, with estimator.json beside the
        other files; nothing in it is ever executed. A random_state that is a generator is stored as the seed that it
        gave. Raises UsageError where `folder` exists and is not empty, SadariError where it cannot be written; then
        nothing is left.
        """
        check_is_fitted(self, "classifier_")
        path = Path(folder)
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise UsageError(f"'{path}' is there already; choose another folder, or remove it")
        try:
            self._run.write(path)
            self._state().write(path)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return path

    def _state(self) -> EstimatorState:
        params = self.get_params(deep=False)
        if callable(self.model):
            params["model"] = self._run.job.model
        if isinstance(self.random_state, np.random.RandomState):
            params["random_state"] = self._run.job.seed
        input_format = self._input_format
        return EstimatorState(
            params=params,
            labels=self.classes_,
            shape=input_format.shape,
            value_range=input_format.value_range,
            range_given=input_format.range_given,
            features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
        )

    @classmethod
    def load(
        cls, folder: str | Path, *, model_code: Maker | str | Iterable[Maker | str] | None = None
    ) -> "ImageClassifier":
        """Load the fitted classifier that `save` wrote to `folder`.

        model_code: the class or function that makes its network, where that is code of yours; nothing else lets it run.
        Raises UsageError where there is none, SadariError where it is damaged.
        """
        let_run(model_code)
        state, run = EstimatorState.read(Path(folder)), RunRecord.open(folder)
        named = str(state.params.get("model", ""))
        params = {**state.params, **({"model": find_code(named).maker} if is_own(named) else {})}
        try:
            loaded = cls(**params)
        except TypeError as error:
            raise SadariError(f"'{folder}' holds arguments that ImageClassifier does not have ({error})") from None
        loaded.n_features_in_ = state.features
        if state.names is not None:
            loaded.feature_names_in_ = state.names
        input_format = InputFormat(state.shape, state.value_range, state.range_given, frame_of(run.job.settings))
        loaded._set_fitted(run, input_format, state.labels)
        return loaded

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Leave the network out of a copy: it is loaded again from the run's bytes, on the device of that machine."""
        return {name: value for name, value in super().__getstate__().items() if name != "classifier_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if callable(self.model):  # whoever unpickles has let it be imported
            let_run(self.model)
        if "_run" in state:
            self.classifier_ = self._run.open()
