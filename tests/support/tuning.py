"""A small search for settings, which takes seconds, and what has to be equal of two of them."""

from typing import Any

from sadari.tuning.plan import Plan, plan_tuning
from sadari.tuning.result import TuneResult

DATA = "shapes:images=120,size=12"
SEARCH = {"learning_rate": "0.001:0.1:log", "batch_size": "16:128:log", "optimizer": "adam,sgd"}
SMALL: dict[str, Any] = {"epochs": 3, "threads": 1, "checkpoint_seconds": 0.0, "tensorboard": "off"}


def planned(**more: Any) -> Plan:
    """Return the plan of a small search; `set`: further settings."""
    overrides = {**SMALL, **more.pop("set", {})}
    named = {"search": SEARCH, "trials": 4, "seeds": 1, **more}
    return plan_tuning(named.pop("data", DATA), named.pop("model", "mlp"), overrides=overrides, **named)


def tried(result: TuneResult) -> list[tuple[Any, ...]]:
    """Return what has to be the same of two searches: settings, figures and the bytes of every trial's model."""
    return [
        (
            each.number,
            dict(each.params),
            each.state,
            each.accuracy,
            each.loss,
            each.value,
            dict(each.curve),
            (each.run(result.out).path / "model.safetensors").read_bytes(),
        )
        for each in result.trials
    ]
