"""What is one run? A job says everything that decides its result."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import tomli_w

from sadari.settings import Settings, Value, with_overrides


@dataclass(frozen=True)
class Job:
    """What is one run? Its data, its model, its seed, all settings, and the model's own variables.

    data: as the user names it (a named set or an absolute path). model: a model's name or an absolute path
    of a TOML file. variables: the model's own ones, resolved (such as dropout). A job says everything that
    decides the result; two equal jobs on one machine give the same bytes.
    """

    data: str
    model: str
    seed: int
    settings: Settings
    variables: Mapping[str, Value] = field(default_factory=dict)

    def to_toml(self) -> str:
        """The job as the text of `settings.toml`; `from_toml` reads it back equal."""
        document = {"data": self.data, "model": self.model, "seed": self.seed}
        settings = {each.name: getattr(self.settings, each.name) for each in fields(self.settings)}
        return tomli_w.dumps({**document, "settings": settings, "variables": dict(self.variables)})

    @classmethod
    def from_toml(cls, text: str) -> "Job":
        """Read what `to_toml` wrote; raises UsageError for unknown keys."""
        document = tomllib.loads(text)
        return cls(
            data=document["data"],
            model=document["model"],
            seed=document["seed"],
            settings=with_overrides(Settings(), document["settings"]),
            variables=document["variables"],
        )


def chosen_settings(job: Job) -> dict[str, Value]:
    """The settings of `job` that differ from the defaults, and its variables."""
    usual = Settings()
    changed = {
        each.name: getattr(job.settings, each.name)
        for each in fields(Settings)
        if getattr(job.settings, each.name) != getattr(usual, each.name)
    }
    return {**changed, **job.variables}
