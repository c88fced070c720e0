"""Are runs of different days joined only where they may be compared?"""

from pathlib import Path

import numpy as np
import pytest

from sadari.comparison.reopen import reopen
from sadari.comparison.request import Comparison
from sadari.errors import SadariError, UsageError
from sadari.files import read_json, write_json
from sadari.report.build import build_report
from support.jobs import named_arm
from support.reopening import request, run, single


def test_equal_runs_with_other_seeds_are_one_arm_whatever_machine_they_ran_on(tmp_path: Path) -> None:
    folders = [
        single(tmp_path / "b", seed=1, device="cuda"),
        single(tmp_path / "a", seed=0),
        single(tmp_path / "s", "softmax"),
        single(tmp_path / "c", seed=2, threads=1, checkpoint_seconds=5),
    ]
    found = reopen(folders)
    assert {arm.name: arm.seeds for arm in found.arms} == {"mlp": (0, 1, 2), "softmax": (0,)}
    assert found.arms[0].settings == {"epochs": 2}
    assert found.arms[0].runs == tuple(str((tmp_path / name).resolve()) for name in "abc")
    assert len(found.verdicts) == 1


def test_arms_are_named_by_their_model_and_what_differs(tmp_path: Path) -> None:
    folders = [
        single(tmp_path / "a", batch_size=32),
        single(tmp_path / "b", batch_size=64, epochs=3),
        single(tmp_path / "c", batch_size=64),
        single(tmp_path / "d", "softmax", batch_size=64),
    ]
    names = [arm.name for arm in reopen(folders).arms_asked]
    assert names == [
        "mlp epochs=2 batch_size=32",
        "mlp epochs=3 batch_size=64",
        "mlp epochs=2 batch_size=64",
        "softmax",
    ]


def test_joined_runs_make_a_sweep(tmp_path: Path) -> None:
    folders = [single(tmp_path / str(size), batch_size=size) for size in (32, 64, 128)]
    [page] = build_report(reopen(folders)).sweeps
    assert page.key == "batch_size"
    assert [point.value for point in page.lines["mlp"]] == [32, 64, 128]


def test_a_network_that_was_another_one_that_day_is_another_arm(tmp_path: Path) -> None:
    first, second = single(tmp_path / "a"), single(tmp_path / "b", seed=1)
    stamp = read_json(second / "environment.json")
    write_json(second / "environment.json", {**stamp, "layers": "flatten, dense 7"})
    found = reopen([first, second])
    assert {arm.name: arm.seeds for arm in found.arms} == {"mlp": (0,), "mlp 2": (1,)}


def stamp(folder: Path, **changed: object) -> None:
    """Change what `environment.json` of the run in `folder` says."""
    write_json(folder / "environment.json", {**read_json(folder / "environment.json"), **changed})


def test_runs_of_other_pre_trained_weights_are_another_arm(tmp_path: Path) -> None:
    folders = [single(tmp_path / str(seed), seed=seed) for seed in range(3)]
    for folder, digest in zip(folders, ("a" * 64, "a" * 64, "b" * 64), strict=True):
        stamp(folder, weights_sha256=digest)
    found = reopen(folders)
    assert {arm.name: arm.seeds for arm in found.arms} == {"mlp weights=aaaaaaaa": (0, 1), "mlp weights=bbbbbbbb": (2,)}


OTHER_ORIGINS = [
    ("pre-trained weights", {"weights_sha256": "b" * 64}),
    ("layers", {"layers": "flatten, dense 7"}),
    ("images", {"data": {"name": "digits", "fingerprint": "another", "notes": []}}),
]


@pytest.mark.parametrize(("what", "changed"), OTHER_ORIGINS)
def test_seeds_of_one_comparison_with_other_origins_are_not_averaged(
    what: str, changed: dict[str, object], tmp_path: Path
) -> None:
    run(request("softmax", "mlp", seeds=3), tmp_path / "c")
    stamp(tmp_path / "c" / "mlp-seed2", **changed)
    for folders in ([tmp_path / "c"], [tmp_path / "c", single(tmp_path / "a", "majority")]):
        with pytest.raises(SadariError, match=f"runs of 'mlp' in .* began with different {what}"):
            reopen(folders)


@pytest.mark.parametrize(("what", "changed"), OTHER_ORIGINS)
def test_a_report_leaves_out_the_seeds_that_the_comparison_refused(
    what: str, changed: dict[str, object], tmp_path: Path
) -> None:
    made = run(request("mlp", seeds=3), tmp_path / "c")
    for seed in (0, 1):
        stamp(tmp_path / "c" / f"mlp-seed{seed}", **changed)
    document = read_json(made.out / "comparison.json")
    reason = f"seed 0: the {what} have changed; seed 1: the {what} have changed"
    document["arms"][0] |= {"reason": reason, "status": "failed"}
    write_json(made.out / "comparison.json", document)
    [arm] = reopen([made.out]).arms
    assert (arm.seeds, arm.reason, arm.status) == ((2,), reason, "failed")


def test_other_test_images_are_refused(tmp_path: Path) -> None:
    first = single(tmp_path / "a")
    other = single(tmp_path / "b", seed=1, split_seed=9)
    with pytest.raises(UsageError, match="judged on different images") as caught:
        reopen([first, other])
    assert str(first.resolve()) in str(caught.value) and str(other.resolve()) in str(caught.value)
    assert "of 359 and 359 are the same" in str(caught.value)


def test_other_content_under_the_same_names_is_refused(tmp_path: Path) -> None:
    first, other = single(tmp_path / "a"), single(tmp_path / "b", seed=1)
    stamp = read_json(other / "environment.json")
    write_json(other / "environment.json", {**stamp, "data": {**stamp["data"], "fingerprint": "another"}})
    with pytest.raises(UsageError, match=r"judged on different images \(the content of their data differs\)"):
        reopen([first, other])


def test_the_same_seed_twice_is_refused(tmp_path: Path) -> None:
    first, second = single(tmp_path / "a"), single(tmp_path / "b")
    assert [len(each.seeds) for each in reopen([first, second]).arms] == [1]  # equal answers count once
    text = (second / "predictions.csv").read_text()
    (second / "predictions.csv").write_text(text.replace("0.", "0.0", 1))
    with pytest.raises(UsageError, match="are two runs of mlp with seed 0; name one of them"):
        reopen([first, second])


def test_unfinished_runs_and_what_is_no_run_are_refused(tmp_path: Path) -> None:
    first, second = single(tmp_path / "a"), single(tmp_path / "b", seed=1)
    (second / "scores.json").unlink()
    with pytest.raises(SadariError, match="is not finished; finish it with: sadari resume"):
        reopen([first, second])
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing", first / "scores.json"):
        with pytest.raises(UsageError, match="neither a run nor a comparison"):
            reopen([first, path])
    with pytest.raises(UsageError, match="nothing to report"):
        reopen([])


def test_comparisons_and_runs_are_joined_with_stored_names(tmp_path: Path) -> None:
    arms = (named_arm("the small one", "mlp", {"epochs": 2}, {"accuracy": 0.8}),)
    run(Comparison("digits", arms, (0, 1)), tmp_path / "one")
    run(request("softmax"), tmp_path / "two")
    found = reopen([tmp_path / "one", tmp_path / "two", single(tmp_path / "a", seed=2, precision="float32")])
    assert {arm.name: arm.seeds for arm in found.arms} == {"the small one": (0, 1, 2), "softmax": (0, 1)}
    assert found.arms[0].published == {"accuracy": 0.8}
    assert np.array_equal(found.split.test, found.records["softmax"][0].split.test)


def test_arms_of_one_name_are_told_apart(tmp_path: Path) -> None:
    run(request("mlp", epochs=2), tmp_path / "one")
    run(request("mlp", epochs=3), tmp_path / "two")
    found = reopen([tmp_path / "one", tmp_path / "two"])
    assert [arm.name for arm in found.arms_asked] == ["mlp epochs=2", "mlp epochs=3"]
