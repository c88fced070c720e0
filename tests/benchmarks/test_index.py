"""Does the index of the benchmarks list every program, and does it lead to files that exist?"""

import re

from support.yardstick import BENCHMARKS, load

INDEX = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
machine = load("machine")


def test_every_program_has_one_row_with_its_results_beside_it() -> None:
    found = (path for pattern in ("*/*.py", "quality/simulations/*.py") for path in BENCHMARKS.glob(pattern))
    programs = {path for path in found if "\nif __name__" in path.read_text(encoding="utf-8")}
    rows = [line for line in INDEX.splitlines() if line.startswith("| ") and "uv run" in line]
    assert len(programs) == len(rows) > 0
    for path in programs:
        name = path.relative_to(BENCHMARKS).as_posix()
        [row] = [each for each in rows if f"benchmarks/{name}" in each]
        assert path.with_suffix(".json").is_file() == (f"({name.removesuffix('.py')}.json)" in row), path


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)", INDEX)
    assert links and all((BENCHMARKS / link).is_file() for link in links)


def test_the_machine_is_described_with_its_instructions() -> None:
    kind = machine.instructions()
    assert kind in ("AMX", "AVX512-BF16", "AVX512", "AVX2", "")
    assert machine.this_machine()["instructions"] == kind
    assert kind in machine.describe_machine() and "cores" in machine.describe_machine()
    assert 10 < machine.peak_mib() < 100_000
