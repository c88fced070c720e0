"""How many trials train at once where each takes several devices?"""

from pathlib import Path
from typing import Any

import pytest

from sadari.settings import Settings
from sadari.tuning import crew
from sadari.tuning.crew import most_devices, work_together
from sadari.tuning.journal import Journal
from sadari.tuning.search import Limit, TrialData
from support.jobs import Listener
from support.tuning import planned


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The workers that would be started, and the threads with which trials would be made, on four cores."""
    seen: list[tuple[str, int]] = []

    class Nothing:
        def __init__(self, *given: Any) -> None:
            seen.append(("threads", given[-1]))

        def work(self) -> None: ...

    monkeypatch.setattr(crew, "cores", lambda: 4)
    monkeypatch.setattr(crew, "Searcher", Nothing)
    monkeypatch.setattr(crew._Crew, "start", lambda _, workers: seen.append(("workers", workers)))
    return seen


@pytest.mark.parametrize(
    ("devices", "wanted", "found", "said"),
    [
        (1, 4, [("workers", 3), ("threads", 1)], ""),
        (2, 4, [("workers", 1), ("threads", 1)], "devices=2, which are processes of their own; 2 are made at a time"),
        (2, 2, [("workers", 1), ("threads", 1)], ""),
        (3, 2, [("threads", 0)], "devices=3, which are processes of their own; one is made at a time"),
        (8, 1, [("threads", 0)], ""),
    ],
)
def test_trials_of_several_devices_count_as_so_many_cores(
    devices: int, wanted: int, found: list[tuple[str, int]], said: str, started: list[tuple[str, int]], tmp_path: Path
) -> None:
    request = planned(set={"devices": devices, "threads": 0}).request
    heard = Listener()
    work_together(Journal(tmp_path, request, 10, 3), TrialData(request, heard), Limit(trials=9), wanted, heard)
    assert started == found
    assert [each for each in heard.said if "devices" in each] == ([f"a trial takes {said}"] if said else [])


@pytest.mark.usefixtures("started")
def test_on_graphics_processors_one_trial_of_several_devices_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "resolve_machine", lambda _: Settings(device="cuda"))
    request = planned(set={"devices": 2}).request
    heard = Listener()
    work_together(Journal(tmp_path, request, 10, 3), TrialData(request, heard), Limit(trials=9), 2, heard)
    assert heard.said[0].endswith("one is made at a time")


def test_devices_may_be_searched() -> None:
    assert most_devices(planned(search={"devices": "1,4,2"}).request) == 4
    assert most_devices(planned(search={"devices": "1:3"}).request) == 3
