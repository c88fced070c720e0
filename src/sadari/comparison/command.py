"""Which command makes the same comparison again? Text for a shell, every word quoted."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from sadari.comparison.claims.claim import Claim
from sadari.comparison.request import Comparison
from sadari.comparison.seeds.chosen import AUTO
from sadari.comparison.variants import OF, Arm, expand, folder_name, name_values, parse_vary, quoted
from sadari.errors import UsageError
from sadari.job import Job
from sadari.job_record import JobRecord
from sadari.models.catalog import recorded_model, short_reference
from sadari.models.own.reference import is_own
from sadari.models.spec import ModelSpec
from sadari.models.usual import PHOTOGRAPHS
from sadari.run import RunRecord
from sadari.settings import Settings, Value, parse_overrides, resolve, setting_names

# Settings that depend on the machine of the run, or decide nothing about its result.
MACHINE = ("device", "threads", "stream", "checkpoint_seconds", "tensorboard")
STUDY = "study.toml"
END = "END_OF_STUDY"


def command_of(
    request: Comparison, claims: Sequence[Claim] = (), margin: float | None = None, robustness: bool = False
) -> str:
    """Return the command of `request`: `sadari compare`, or the text of a study where its options cannot express it.

    claims: those that are tested. margin: within which arms may be found equal (a study has claims for that).
    robustness: whether the models are judged on corrupted images too.
    """
    words = [] if claims else _usual_words(request) or _compare_words(request)
    words += ["--margin", f"{margin:g}"] if words and margin is not None else []
    command = shlex.join(words) if words else _study_command(request, claims)
    return f"{command} --robustness" if robustness else command


def commands_of_runs(arms: Sequence[tuple[str, Sequence[RunRecord]]]) -> str:
    """Return the commands that train these runs, by the names of their arms, and join them again, one per line."""
    lines, folders = [], []
    for name, records in arms:
        for record in records:
            job = record.job
            folders.append(folder_name(name, job.seed))
            if record.is_ensemble:
                lines.append(f"# {folders[-1]}: of {job.variables.get(OF, '')}, by sadari compare --ensemble")
                continue
            if record.is_average:
                lines.append(f"# {folders[-1]}: of {job.variables.get(OF, '')}, by sadari compare --soup")
                continue
            lines.append(shlex.join([*_train_words(job), "--out", folders[-1]]))
    return "\n".join([*lines, shlex.join(["sadari", "report", *folders])])


def command_to_go_on(record: RunRecord, data: str, out: Path) -> str:
    """Return the command that goes on in the folder `out` with the run `record`, whose images are in `data` now."""
    job = replace(record.job, data=data)
    machine = {name: getattr(job.settings, name) for name in MACHINE if name != "device"}  # `train` keeps the device
    usual = Settings()
    sets = [f"{key}={value}" for key, value in machine.items() if value != getattr(usual, key)]
    return shlex.join([*_train_words(job), *(word for text in sets for word in ("--set", text)), "--out", str(out)])


def _usual_words(request: Comparison) -> list[str]:
    """Return the words of `sadari compare` without --models; none where the arms are not those of photographs."""
    steps = {step.model: step.settings for step in PHOTOGRAPHS}
    if [arm.name for arm in request.arms] != list(steps):
        return []
    common = {
        key: value for arm in request.arms for key, value in arm.overrides.items() if steps[arm.name].get(key) != value
    }
    models = {arm.model.reference: arm.model for arm in request.arms}
    if not _says_all(request, models, (), {key: str(value) for key, value in common.items()}, steps):
        return []
    return ["sadari", "compare", request.data, *_seeds_and_sets(request, common)]


def _compare_words(request: Comparison) -> list[str]:
    """Return the words of `sadari compare`; none where its options cannot express all of `request`."""
    models = {arm.model.reference: arm.model for arm in request.arms}
    varied: dict[str, dict[Value, None]] = {}
    common: dict[str, str] = {}
    for arm in request.arms:
        said = name_values(arm.name, arm.overrides)
        for key, value in arm.overrides.items():
            if key in said:
                varied.setdefault(key, {})[value] = None
            else:
                common[key] = str(value)
    try:
        vary = [f"{key}={','.join(map(quoted, values))}" for key, values in varied.items()]
    except UsageError:  # values with quotes in them
        return []
    if not _says_all(request, models, vary, common):
        return []
    words = ["sadari", "compare", request.data, "--models", ",".join(models)]
    words += [word for text in vary for word in ("--vary", text)]
    return words + _seeds_and_sets(request, common)


def _seeds_and_sets(request: Comparison, common: Mapping[str, Value]) -> list[str]:
    words = request.redraw.words if request.redraw else ["--seeds", _seeds_of(request)]
    words += ["--epochs", str(common["epochs"])] if "epochs" in common else []
    words += [word for key, value in common.items() if key != "epochs" for word in ("--set", f"{key}={value}")]
    return words + ["--ensemble"] * request.ensemble + ["--soup"] * bool(request.soups)


def _seeds_of(request: Comparison) -> str:
    return f"{AUTO}:{request.looks[-1]}" if request.looks else str(len(request.seeds))


def _says_all(
    request: Comparison,
    models: Mapping[str, ModelSpec],
    vary: Sequence[str],
    common: Mapping[str, str],
    usual: Mapping[str, Mapping[str, Value]] | None = None,
) -> bool:
    """Return whether the command line would read these words as exactly `request`. usual: as `expand` takes it."""
    if request.seeds != tuple(range(len(request.seeds))) or request.title or request.notes:
        return False
    read_back = [each.strip() for each in ",".join(models).split(",")]
    if any(arm.published for arm in request.arms) or read_back != list(models):
        return False
    try:
        overrides = parse_overrides([f"{key}={value}" for key, value in common.items()])
        arms, _ = expand(list(models.values()), parse_vary(vary), overrides, usual)
        begun = {arm.name: arm.by_auto for arm in request.arms}
        arms = tuple(replace(arm, by_auto=begun.get(arm.name, {})) for arm in arms)
        return [_named_job(request, arm) for arm in arms] == [_named_job(request, arm) for arm in request.arms]
    except UsageError:  # the file of a network is missing now
        return False


def _named_job(request: Comparison, arm: Arm) -> tuple[str, Job]:
    return arm.name, request.job(arm, 0)


def _study_command(request: Comparison, claims: Sequence[Claim]) -> str:
    """Return the request as the text of a study, with the command that runs it."""
    document: dict[str, Any] = {"title": request.title, "data": request.data}
    document["seeds"] = f"{AUTO}:{request.looks[-1]}" if request.looks else list(request.seeds)
    document["notes"] = list(request.notes)
    document["ensemble"] = request.ensemble
    document["soup"] = bool(request.soups)
    if request.redraw:  # which decides the seeds
        document |= request.redraw.document()
    document["arms"] = [
        {
            key: value
            for key, value in (
                ("name", arm.name),
                ("model", arm.model.reference),
                ("settings", dict(arm.overrides)),
                ("published", dict(arm.published)),
            )
            if value
        }
        for arm in request.arms
    ]
    document["claims"] = [{"claim": each.text, "words": each.words} for each in claims]
    text = tomli_w.dumps({key: value for key, value in document.items() if value})
    return f"cat > {STUDY} <<'{END}'\n{text}{END}\nsadari study {STUDY}"


def _train_words(job: JobRecord) -> list[str]:
    words = ["sadari", "train", job.data, "--model", job.model, "--seed", str(job.seed)]
    return words + [word for key, value in changed_settings(job).items() for word in ("--set", f"{key}={value}")]


def changed_settings(job: JobRecord) -> dict[str, Value]:
    """Return the settings and variables of `job` that differ from its model's own, without those of the machine."""
    spec = recorded_model(job.model, "")  # of a user's file, which may have changed since, every setting is named
    usual, variables = resolve(spec.settings, spec.variables, {})
    changed: dict[str, Value] = {
        name: getattr(job.settings, name)
        for name in setting_names()
        if name not in MACHINE and getattr(job.settings, name) != getattr(usual, name)
    }
    return changed | {key: value for key, value in job.variables.items() if variables.get(key) != value}


def short_model(model: str) -> str:
    """Return the name of a model in sentences: its own, or that of its file or code without where it is."""
    return short_reference(model) if "/" in model or "\\" in model or is_own(model) else model
