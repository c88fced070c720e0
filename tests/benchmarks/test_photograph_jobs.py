"""Does the benchmark of jobs on photographs take the wanted photographs and commands, and count the ratios?"""

from pathlib import Path

import pytest

from support.commands import parse
from support.yardstick import load

photograph_jobs = load("photograph_jobs")


def test_a_table_has_the_ratios_of_each_turn() -> None:
    parts = {"decoding_cpu": 1.0, "forward_cpu": 3.0, "cpu": 8.0, "wall": 1.0}
    turns = [{"parts": parts, "probe": {"cpu": cpu}} for cpu in (4.0, 6.0, 8.0)]
    of_parts, of_probe = photograph_jobs.table(turns)
    assert of_parts.split()[:4] == ["parts", "8.00", "s", "2.00"]
    ratios = "1.50 (1.00 to 2.00) of both parts   0.75 (0.50 to 1.00) with imports"
    assert of_probe.startswith("probe") and of_probe.endswith(f"6.00 s   {ratios}")


def test_the_links_are_as_many_as_wanted_of_every_class(tmp_path: Path) -> None:
    for name, count in (("a", 40), ("b", 20)):
        for number in range(count):
            path = tmp_path / "photos" / "train" / name / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    made = photograph_jobs.link_some(tmp_path / "photos", tmp_path / "linked", 30)
    assert [len(list((made / name).iterdir())) for name in "ab"] == [20, 10]


@pytest.mark.parametrize("job", photograph_jobs.JOBS)
def test_the_jobs_are_commands_of_the_program(job: str) -> None:
    _, words = photograph_jobs.JOBS[job]
    parse(" ".join(["sadari", *("photos" if word == "SET" else word for word in words), "--out", job]))
