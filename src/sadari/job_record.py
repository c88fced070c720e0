"""Which job made a run? Names and values as `settings.toml` stores them, nothing that has to be looked up."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import tomli_w

from sadari.settings import Settings, Value, setting_names, with_overrides

_KINDS = {str: "text", int: "a whole number", dict: "a table"}


@dataclass(frozen=True)
class JobRecord:
    """A job as `settings.toml` stores it: names and values, nothing that has to be looked up.

    data: a named set or an absolute path. model: the name of a model or the absolute path of a TOML file.
    variables: those of the model, resolved (such as dropout). Two equal records on one machine give the same bytes.
    """

    data: str
    model: str
    seed: int
    settings: Settings
    variables: Mapping[str, Value] = field(default_factory=dict)

    def to_toml(self) -> str:
        """Return the text of `settings.toml`; `from_toml` reads it back equal."""
        document = {"data": self.data, "model": self.model, "seed": self.seed}
        settings = {each.name: getattr(self.settings, each.name) for each in fields(self.settings)}
        return tomli_w.dumps({**document, "settings": settings, "variables": dict(self.variables)})

    @property
    def chosen(self) -> dict[str, Value]:
        """Return the settings that differ from the defaults, and the variables."""
        defaults = Settings()
        changed = {name: getattr(self.settings, name) for name in setting_names()}
        return {name: value for name, value in changed.items() if value != getattr(defaults, name)} | {**self.variables}

    @classmethod
    def from_toml(cls, text: str) -> "JobRecord":
        """Read what `to_toml` wrote; raises UsageError, KeyError, TypeError or ValueError where it is damaged."""
        document = tomllib.loads(text)
        for name, kind in {"data": str, "model": str, "seed": int, "settings": dict, "variables": dict}.items():
            if not isinstance(document[name], kind) or isinstance(document[name], bool):
                raise TypeError(f"{name} is not {_KINDS[kind]}: {document[name]!r}")
        return cls(
            data=document["data"],
            model=document["model"],
            seed=document["seed"],
            settings=with_overrides(Settings(), document["settings"], stored=True),
            variables=document["variables"],
        )
