"""Can a user find every setting: in the terminal, on a page, and by the name that it has elsewhere?"""

import importlib.util
from dataclasses import fields
from pathlib import Path

import pytest

import sadari as package
from sadari.errors import UsageError
from sadari.models.catalog import MODELS, find_model
from sadari.settings import OTHER_NAMES, Settings, resolve, setting_names
from support.terminal import Terminal

DOCS = Path(__file__).parents[2] / "docs"


def test_every_setting_is_listed_with_its_default_and_its_meaning(sadari: Terminal) -> None:
    answer = sadari("settings", "--json")
    assert answer.status == 0
    rows = {row["name"]: row for row in answer.document["settings"]}
    assert list(rows) == setting_names()
    assert all(
        row["meaning"] and rows[each.name]["default"] == each.default
        for each in fields(Settings)
        for row in [rows[each.name]]
    )
    told = sadari("settings")
    assert all(name in told.out for name in setting_names())


def test_a_model_has_its_own_defaults_and_variables(sadari: Terminal) -> None:
    document = sadari("settings", "sprint", "--json").document
    rows = {row["name"]: row["default"] for row in document["settings"]}
    assert (rows["optimizer"], rows["batch_size"]) == ("muon", 500)
    assert sadari("settings", "lstm", "--json").document["variables"] == {"dropout": 0.5}
    assert "optimizer" not in {row["name"] for row in sadari("settings", "logistic", "--json").document["settings"]}
    assert "variables of logistic: C = 1.0, max_iter = 100" in sadari("settings", "logistic").out
    assert sadari("settings", "lstn").status == 2


def test_the_page_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("write_settings", DOCS / "write_settings.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert page == module.page(), "write it anew: uv run python docs/write_settings.py"
    assert all(f"| `{name}` |" in page for name in setting_names())


@pytest.mark.parametrize("other", OTHER_NAMES)
def test_the_name_of_another_library_is_understood_and_not_taken(other: str) -> None:
    here = OTHER_NAMES[other]
    spec = next(spec for spec in MODELS if here in spec.variables or here in setting_names())
    with pytest.raises(UsageError, match=f"unknown setting '{other}'; it is called {here} here"):
        resolve(spec.settings, spec.variables, {other: "1"})
    assert other not in setting_names() and all(other not in each.variables for each in MODELS)


def test_a_name_that_a_model_does_not_have_is_not_suggested() -> None:
    mlp = find_model("mlp")
    with pytest.raises(UsageError, match="unknown setting 'dropout_rate'"):
        resolve(mlp.settings, mlp.variables, {"dropout_rate": "0.5"})


def test_the_version_is_printed(sadari: Terminal) -> None:
    answer = sadari("--version")
    assert (answer.status, answer.out) == (0, f"sadari {package.__version__}\n")
