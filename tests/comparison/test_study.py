"""Does a study file become the comparison that it describes, and is a wrong one named?"""

from pathlib import Path

import pytest

from sadari.comparison.study import Study, read_study
from sadari.errors import UsageError
from sadari.settings import Value

GOOD = """
title = "two networks"
data = "digits"
seeds = [3, 5]
notes = ["a note"]

[settings]
epochs = 4

[[arms]]
model = "mlp"
published = { accuracy = 0.9, loss = 0.3 }

[[arms]]
name = "sweep"
model = "lstm"
settings = { optimizer = "sgd", epochs = 7 }
vary = { dropout = "0:0.2:0.1", batch_size = [32, 64] }
"""


def read(tmp_path: Path, text: str, **rest: object) -> Study:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path, **rest)  # type: ignore[arg-type]


def test_a_study_is_a_comparison_with_published_figures(tmp_path: Path) -> None:
    study = read(tmp_path, GOOD)
    request = study.request
    assert (request.title, request.data, request.seeds, request.name) == ("two networks", "digits", (3, 5), "mine")
    assert study.notes == ("a note",)
    assert [arm.name for arm in request.arms] == [
        "mlp",
        "sweep dropout=0 batch_size=32",
        "sweep dropout=0 batch_size=64",
        "sweep dropout=0.1 batch_size=32",
        "sweep dropout=0.1 batch_size=64",
        "sweep dropout=0.2 batch_size=32",
        "sweep dropout=0.2 batch_size=64",
    ]
    assert request.arms[0].published == {"accuracy": 0.9, "loss": 0.3}
    mlp, swept = request.job(request.arms[0], 3), request.job(request.arms[4], 5)
    assert mlp.settings.epochs == 4
    assert (swept.settings.epochs, swept.settings.optimizer, swept.settings.batch_size) == (7, "sgd", 64)
    assert swept.variables == {"dropout": 0.1}


CLAIMS = """
[[claims]]
claim = "sweep dropout=0.1 batch_size=32 > mlp"
words = "the sweep is better"

[[claims]]
claim = "mlp >= 0.5"
"""


def test_a_study_has_claims_about_its_arms(tmp_path: Path) -> None:
    study = read(tmp_path, GOOD.replace("notes =", 'source = "A0"\nnotes =') + CLAIMS)
    assert study.source == "A0"
    assert [(claim.text, claim.words) for claim in study.claims] == [
        ("sweep dropout=0.1 batch_size=32 > mlp", "the sweep is better"),
        ("mlp >= 0.5", ""),
    ]
    short = read(tmp_path, GOOD.replace("notes =", 'claims = ["mlp >= 0.5"]\nnotes ='))
    assert [(claim.text, claim.words) for claim in short.claims] == [("mlp >= 0.5", "")]
    assert read(tmp_path, GOOD).claims == ()


def test_the_command_line_has_the_last_word(tmp_path: Path) -> None:
    study = read(tmp_path, GOOD, data="shapes", seeds=(0,), overrides={"epochs": 1})
    assert (study.request.data, study.request.seeds) == ("shapes", (0,))
    assert {study.request.job(arm, 0).settings.epochs for arm in study.request.arms} == {1}


def test_models_are_short_for_arms_without_settings_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('data = "digits"\nmodels = ["mlp", "cnn"]\n', encoding="utf-8")
    assert [(arm.name, dict(arm.overrides)) for arm in read_study(path).request.arms] == [("mlp", {}), ("cnn", {})]
    path.write_text('data = "digits"\nmodels = ["mlp", 3]\n', encoding="utf-8")
    with pytest.raises(UsageError, match="`models` is a list of names"):
        read_study(path)


def test_seeds_may_be_a_count(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD.replace("[3, 5]", "3")).request.seeds == (0, 1, 2)


def test_files_beside_the_study_are_found(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text('layers = "flatten, dense 4"', encoding="utf-8")
    (tmp_path / "set.npz").write_bytes(b"")
    study = read(tmp_path, 'data = "set.npz"\n[[arms]]\nmodel = "net.toml"')
    assert study.request.data == str(tmp_path / "set.npz")
    assert study.request.arms[0].model.reference == str(tmp_path / "net.toml")
    assert study.request.arms[0].name == "net"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("data = 'digits'", r"add \[\[arms\]\]"),
        ("arms = 3\ndata = 'digits'", r"add \[\[arms\]\]"),
        ("[[arms]]\nmodel = 'mlp'", "on which images"),
        (GOOD.replace("title", "titel"), "unknown key 'titel'; did you mean 'title'"),
        (GOOD.replace("published =", "publisht ="), "did you mean 'published'"),
        (GOOD.replace("loss =", "lose ="), "unknown published figure 'lose'; did you mean 'loss'"),
        (GOOD.replace("accuracy = 0.9", "accuracy = 90"), "between 0 and 1, not 90"),
        (GOOD.replace("accuracy = 0.9", "accuracy = 'high'"), "is a number, not 'high'"),
        (GOOD.replace('model = "mlp"', 'model = "mpl"'), "did you mean 'mlp'"),
        (GOOD.replace('model = "mlp"', "seed = 1"), "unknown key of"),
        (GOOD.replace('model = "mlp"', ""), "says which model"),
        (GOOD.replace("epochs = 4", "epoch = 4"), "did you mean 'epochs'"),
        (GOOD.replace("epochs = 4", "epochs = 'four'"), "mlp: epochs is a whole number, not 'four'"),
        (GOOD.replace("[3, 5]", "0"), "seeds"),
        (GOOD.replace("[3, 5]", "[3, 3]"), "different whole numbers"),
        (GOOD.replace("[3, 5]", "true"), "seeds"),
        (GOOD.replace('["a note"]', '"a note"'), "list of sentences"),
        (GOOD.replace('"0:0.2:0.1"', '""'), "--vary takes"),
        (GOOD.replace('name = "sweep"', "name = 3"), "`name` is text"),
        ("nonsense", "cannot read the study"),
        (GOOD + CLAIMS.replace("> mlp", "> mpl"), "claim `.*`: unknown arm 'mpl'; did you mean 'mlp'"),
        (GOOD + CLAIMS.replace("claim =", "claims ="), "unknown key of .*did you mean 'claim'"),
        (GOOD + CLAIMS.replace('claim = "mlp >= 0.5"', 'words = "so it is"'), "says what is claimed"),
        (GOOD + CLAIMS.replace('"mlp >= 0.5"', "0.5"), "`claim` is text"),
        ('claims = "mlp >= 0.5"\n' + GOOD, "`claims` is a list"),
        ("claims = [0.5]\n" + GOOD, "`claims` is a list"),
        ("source = 1\n" + GOOD, "`source` is text"),
    ],
)
def test_a_wrong_study_is_named_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        read(tmp_path, text)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_study_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the study"):
        read_study(tmp_path / "none.toml")


AUGMENTED = """
data = "digits"
claims = ["argmax(augment) = rotate 10, shift 0.1"]

[[arms]]
name = "my cnn"
model = "cnn"
vary = { augment = ["rotate 10, shift 0.1", "zoom 0.1", ""], batch_size = [32] }
"""


def test_values_of_a_list_stay_as_they_are(tmp_path: Path) -> None:
    request = read(tmp_path, AUGMENTED).request
    assert [arm.name for arm in request.arms] == [
        "my cnn augment=rotate 10, shift 0.1 batch_size=32",
        "my cnn augment=zoom 0.1 batch_size=32",
        'my cnn augment="" batch_size=32',
    ]
    assert [arm.overrides["augment"] for arm in request.arms] == ["rotate 10, shift 0.1", "zoom 0.1", ""]
    assert [request.job(arm, 0).settings.augment for arm in request.arms] == ["rotate 10, shift 0.1", "zoom 0.1", ""]
    assert all(type(arm.overrides["batch_size"]) is int for arm in request.arms)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ('"rotate 10, shift 0.1"', "one value or several"),
        ("[]", "list of numbers or texts for augment"),
        ("[[1]]", "list of numbers or texts for augment"),
        ('["flip,zoom 0.1", "flip, zoom  0.1"]', "which are equal; keep one of them"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(tmp_path: Path, values: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(tmp_path, AUGMENTED.replace('["rotate 10, shift 0.1", "zoom 0.1", ""]', values))


# what the command line replaces

NOTED = """
title = "two networks, 30 epochs"
data = "digits"
seeds = [3, 5]
notes = [
    "plain",
    { note = "30 epochs, not 50", about = ["epochs"] },
    { note = "drawn digits", about = ["data"] },
    { note = "the margin is ours", about = [] },
]

[settings]
epochs = 30

[[arms]]
model = "mlp"
published = { accuracy = 0.9 }

[[arms]]
name = "sweep"
model = "lstm"
settings = { optimizer = "sgd" }
vary = { dropout = [0.1, 0.5] }
"""
LOST = "; notes and published figures that may speak of it are left out"
ALL_NOTES = ("plain", "30 epochs, not 50", "drawn digits", "the margin is ours")


@pytest.mark.parametrize(
    ("rest", "listed", "kept", "published"),
    [
        ({}, "", ALL_NOTES, True),
        ({"overrides": {"device": "cpu", "threads": 1}}, "", ALL_NOTES, True),
        ({"overrides": {"epochs": "30"}, "data": "digits", "seeds": (3, 5)}, "", ALL_NOTES, True),
        ({"overrides": {"epochs": 2}}, f"epochs 2 instead of 30{LOST}",
         ("drawn digits", "the margin is ours"), False),
        ({"data": "shapes"}, f"data shapes instead of digits{LOST}",
         ("30 epochs, not 50", "the margin is ours"), False),
        ({"seeds": (0,)}, "seeds 0 instead of 3, 5; notes that may speak of it are left out",
         ("30 epochs, not 50", "drawn digits", "the margin is ours"), True),
        ({"overrides": {"batch_size": 16, "epochs": 2}},
         f"batch_size 16, epochs 2 instead of 30{LOST}",
         ("drawn digits", "the margin is ours"), False),
    ],
)  # fmt: skip
def test_notes_and_published_figures_belong_to_their_settings(
    tmp_path: Path, rest: dict[str, object], listed: str, kept: tuple[str, ...], published: bool
) -> None:
    study = read(tmp_path, NOTED, **rest)
    first = (f"not as the study has it: {listed}",) if listed else ()
    assert study.notes == study.request.notes == (*first, *kept)
    assert bool(study.request.arms[0].published) == published
    assert ("(changed: " in study.request.title) == bool(listed)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"dropout": "0.3"}, "'dropout' is both set and varied, by the arm 'sweep' of the study"),
        ({"optimizer": "adam"}, "'optimizer' is set here and by the arm 'sweep' of the study itself"),
        ({"dropuot": "0.3"}, "unknown setting 'dropuot'; did you mean 'dropout'"),
    ],
)
def test_what_an_arm_varies_or_sets_is_not_replaced(tmp_path: Path, overrides: dict[str, Value], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(tmp_path, NOTED, overrides=overrides)


def test_arms_that_become_the_same_are_refused(tmp_path: Path) -> None:
    arms = '[[arms]]\nname = "short"\nmodel = "mlp"\nsettings = { epochs = 2 }\n[[arms]]\nmodel = "mlp"\n'
    assert len(read(tmp_path, f'data = "digits"\n{arms}').request.arms) == 2
    with pytest.raises(UsageError, match="with epochs=3 the arms 'short' and 'mlp' are the same"):
        read(tmp_path, f'data = "digits"\n{arms}', overrides={"epochs": 3})


def test_an_override_is_for_the_arms_that_have_a_use_for_it(tmp_path: Path) -> None:
    study = read(tmp_path, NOTED.partition("vary")[0], overrides={"dropout": "0.3"})
    assert [arm.overrides.get("dropout") for arm in study.request.arms] == [None, "0.3"]
    assert study.said == ("dropout is set; not for mlp, which lacks it",)


@pytest.mark.parametrize(
    "notes", ["[3]", "[{ note = 3 }]", '[{ note = "a", abuot = [] }]', '[{ note = "a", about = "b" }]']
)
def test_wrong_notes_are_refused(tmp_path: Path, notes: str) -> None:
    with pytest.raises(UsageError, match="list of sentences"):
        read(tmp_path, GOOD.replace('["a note"]', notes))
