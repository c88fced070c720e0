"""How accurate are trained models on corrupted copies of the images that judge them? Stored in the run folders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sadari.comparison.analysis.robustness import FILE, Robustness, entry_of, entry_without, read_robustness, stored
from sadari.data.background import Background, find_background
from sadari.data.corruptions import CORRUPTIONS, Corruption, corrupted
from sadari.errors import SadariError
from sadari.files import write_json
from sadari.inference.device import device_here, threads_for, use_machine
from sadari.inference.members import average, members_of
from sadari.inference.model import TrainedModel
from sadari.inference.predict import Inputs, predict_logits
from sadari.inference.probabilities import probabilities_of
from sadari.plugins.used import records_of
from sadari.progress import Progress, Task
from sadari.run import RunRecord
from sadari.settings import Settings
from sadari.values import ImageSet

NO_BACKGROUND = "background: not applicable, as these images have no flat background and no masks that separate it"


def judge_robustness(
    records: Mapping[str, Sequence[RunRecord]],
    images_for: Callable[[Settings], ImageSet],
    progress: Progress,
    groups: NDArray[np.int64] | None = None,
) -> Robustness | None:
    """Judge each arm under every registered corruption, on corrupted copies of the images that judge it.

    records: the finished runs by arm. images_for: the images of a run, from its settings. What a run folder stores
    already is not judged again, and an interrupted call goes on at the corruption where it stopped. A run that cannot
    be judged is named in the notes, and its arm is left out. groups: of the images that judge. None where there is no
    run.
    """
    notes = []
    for arm, of_arm in records.items():
        for record in of_arm:
            try:
                _judge(record, images_for, f"{arm} seed {record.job.seed}", progress)
            except SadariError as error:
                notes.append(f"{arm} is not judged under corruption: {error}")
    return read_robustness(records, notes, groups)


def _judge(record: RunRecord, images_for: Callable[[Settings], ImageSet], label: str, progress: Progress) -> None:
    """Complete the run's `robustness.json`, which is written after each corruption."""
    document = stored(record)
    todo = [each for each in CORRUPTIONS if not _is_known(document["disturbed"].get(each.name), each)]
    if not todo:
        return
    runs = [(each.run, each.weight) for each in members_of(record)] if record.is_ensemble else [(record, 1.0)]
    sets = [images_for(run.job.settings) for run, _ in runs]
    if any(images.fingerprint != document["belongs_to"]["data"] for images in sets):
        raise SadariError(f"the images of '{record.job.data}' have changed since {record.path} was trained on them")
    first = runs[0][0].job.settings
    settings = replace(first, device=device_here(first.device))
    positions = record.split_of(sets[0]).positions(document["belongs_to"]["part"])
    total = sum(len(each.levels) for each in todo) * len(positions) * len(runs)
    with (
        use_machine(settings, threads_for(settings, sets[0].shape)) as device,
        progress.task(f"{label} corrupted", total, "images") as task,
    ):
        judges = [_Judge.of(run, images, positions, device) for (run, _), images in zip(runs, sets, strict=True)]
        for each in todo:
            found = _entry(each, judges, [weight for _, weight in runs], task)
            document["disturbed"][each.name] = found | _plugin_of(each)
            write_json(record.path / FILE, document)


def _entry(corruption: Corruption, judges: Sequence["_Judge"], weights: Sequence[float], task: Task) -> dict[str, Any]:
    """Judge a model, or the weighted mean of several, under one corruption, for `robustness.json`."""
    first = judges[0]
    if corruption.needs_background and any(each.background is None for each in judges):
        task.advance(len(corruption.levels) * len(first.positions) * len(judges))
        return entry_without(NO_BACKGROUND)
    labels = first.images.labels[first.positions]
    correct = []
    for level in corruption.levels:
        logits = [each.logits(corruption, level, task) for each in judges]
        if len(logits) == 1:
            predicted = torch.argmax(logits[0], dim=1).numpy()
        else:
            shares = average(
                [probabilities_of(each, judge.model.temperature) for each, judge in zip(logits, judges, strict=True)],
                weights,
            )
            predicted = np.argmax(shares, axis=1)
        correct.append(np.asarray(predicted == labels))
    return entry_of(corruption.levels, np.stack(correct))


def _is_known(entry: Mapping[str, Any] | None, corruption: Corruption) -> bool:
    if entry is None or entry.get("plugin") != _plugin_of(corruption).get("plugin"):
        return False
    return bool(entry["reason"]) or tuple(entry["levels"]) == corruption.levels


def _plugin_of(corruption: Corruption) -> dict[str, Any]:
    """Return the record of the plug-in that offers `corruption`, as part of an entry; {} for one of Sadari's own."""
    records = records_of({"corruption": [corruption.name]}) if corruption.name not in CORRUPTIONS.own() else []
    return {"plugin": records[0]} if records else {}


class _Judge:
    """One trained model, its device, and the images that judge it."""

    def __init__(
        self, model: TrainedModel, images: ImageSet, positions: NDArray[np.int64], background: Background | None
    ) -> None:
        self.model, self.images, self.positions, self.background = model, images, positions, background

    @classmethod
    def of(cls, record: RunRecord, images: ImageSet, positions: NDArray[np.int64], device: torch.device) -> "_Judge":
        """Return the model of `record` on `device`, with the images at `positions`."""
        model = TrainedModel.load(record)
        model.network.to(device)
        return cls(model, images, positions, find_background(images, record.split_of(images).train))

    def logits(self, corruption: Corruption, level: float, task: Task) -> Tensor:
        """Return the logits for the images at `level`, float32 (images, K)."""
        found = []
        for block in corrupted(self.images, self.positions, corruption, level, self.background):
            inputs = Inputs.pixels(block, self.model.preprocess)
            found.append(predict_logits(self.model.network, inputs, np.arange(len(block))))
            task.advance(len(block), corruption.name)
        return torch.cat(found)
