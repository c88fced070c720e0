"""Do the examples of docs/scikit-learn.md run, one after the other, and do what the page says?"""

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"


def test_the_examples_run_and_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) == 5
    found: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), found)
    assert 0.85 < found["accuracy"] < 1
    assert found["probabilities"].shape == (125, 10)
    assert 0.7 < found["scores"].min() <= found["scores"].max() < 1
    assert found["best"] == {"learning_rate": 0.01}
    assert 0.5 < found["cropped"] < 1
    assert len(list((tmp_path / "searched").iterdir())) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["digits-cnn", "searched"]
