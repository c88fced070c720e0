"""What may stand in a project file, and what is said of everything else?"""

from pathlib import Path

import pytest

from sadari.errors import UsageError
from sadari.project.entries import ComparisonEntry, ExportEntry, TuningEntry
from sadari.project.file import find_project, read_project
from sadari.project.template import IGNORE, write_template

WHOLE = """
title = "all of it"
data = "digits"
seeds = 2

[settings]
epochs = 4

[export.winner]
of = "ladder"

[compare.ladder]
models = ["softmax", "mlp"]
claims = ["mlp > softmax"]
margin = 0.01
robustness = true

[compare.widths]
data = "shapes"
seeds = [4, 5]
settings = { epochs = 7 }
arms = [{ model = "mlp", name = "net", settings = { batch_size = 32 } }]

[compare.cross]
models = ["softmax", "mlp"]
folds = 3

[tune.rate]
model = "mlp"
trials = 5
search = { learning_rate = "1e-4:1e-1:log", optimizer = ["sgd", "adam"] }
"""


def written(text: str, folder: Path) -> Path:
    path = folder / "sadari.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_entry_becomes_the_request_of_its_command(tmp_path: Path) -> None:
    project = read_project(written(WHOLE, tmp_path))
    assert (project.title, project.folder) == ("all of it", tmp_path)
    ladder, widths, cross, rate, winner = project.entries  # the export comes last, whatever its place
    assert isinstance(ladder, ComparisonEntry) and isinstance(widths, ComparisonEntry)
    assert (ladder.margin, ladder.robustness) == (0.01, True)
    request = ladder.study.request
    assert (request.data, request.seeds) == ("digits", (0, 1))
    assert [request.job(arm, 0).settings.epochs for arm in request.arms] == [4, 4]
    assert [each.text for each in ladder.study.claims] == ["mlp > softmax"]
    own = widths.study.request
    assert (own.data, own.seeds, own.arms[0].name) == ("shapes", (4, 5), "net")
    settings = own.job(own.arms[0], 4).settings
    assert (settings.epochs, settings.batch_size) == (7, 32)
    assert isinstance(cross, ComparisonEntry)
    assert len(cross.study.request.seeds) == 3  # one training for each fold, as of `sadari compare --folds`
    assert isinstance(rate, TuningEntry)
    assert (rate.plan.limit.trials, rate.plan.seeds, rate.plan.request.overrides["epochs"]) == (5, 2, 4)
    assert list(rate.plan.request.space) == ["learning_rate", "optimizer"]
    assert winner == ExportEntry("winner", "ladder", "onnx", "")


def test_three_seeds_are_usual_as_of_the_command(tmp_path: Path) -> None:
    [entry] = read_project(written('[compare.a]\ndata = "digits"\nmodels = ["mlp"]\n', tmp_path)).entries
    assert isinstance(entry, ComparisonEntry)
    assert entry.study.request.seeds == (0, 1, 2)


def test_a_study_file_stands_in_place_of_the_keys(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    study = 'title = "theirs"\ndata = "digits"\nseeds = 1\narms = [{ model = "mlp", published = { accuracy = 0.9 } }]\n'
    (tmp_path / "more" / "theirs.toml").write_text(study, encoding="utf-8")
    text = 'seeds = 4\n[compare.theirs]\nstudy = "more/theirs.toml"\n[compare.longer]\nstudy = "more/theirs.toml"\n'
    project = read_project(written(text + "seeds = 2\nsettings = { epochs = 3 }\n", tmp_path))
    theirs, longer = project.entries
    assert isinstance(theirs, ComparisonEntry) and isinstance(longer, ComparisonEntry)
    assert theirs.study.request.seeds == (0,)  # the file says all
    assert theirs.study.request.arms[0].published == {"accuracy": 0.9}
    assert longer.study.request.seeds == (0, 1)
    assert longer.study.request.title == "theirs (changed: seeds, epochs)"


def test_paths_are_taken_from_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "photos").mkdir(parents=True)
    (home / "net.toml").write_text('layers = "flatten, dense 4"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    text = '[compare.a]\ndata = "./photos"\narms = [{ model = "net.toml", settings = { teacher = "runs/b" } }]\n'
    [entry] = read_project(written(text, home)).entries
    assert isinstance(entry, ComparisonEntry)
    [arm] = entry.study.request.arms
    assert entry.study.request.data == str(home / "photos")
    assert arm.model.reference == str(home / "net.toml")
    assert arm.overrides["teacher"] == str(home / "runs" / "b")  # which an entry may make first


def test_a_search_takes_a_number_of_seeds_alone(tmp_path: Path) -> None:
    text = 'data = "digits"\nseeds = [7, 8]\n[tune.a]\nmodel = "mlp"\n[compare.b]\nmodels = ["mlp"]\n'
    rate, other = read_project(written(text, tmp_path)).entries
    assert isinstance(rate, TuningEntry) and isinstance(other, ComparisonEntry)
    assert (rate.plan.seeds, other.study.request.seeds) == (3, (7, 8))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is nothing to make"),
        ("seed = 3", "unknown key 'seed'; did you mean 'seeds'?"),
        ("title = 3", "`title` is text"),
        ('compare = "digits"', r"write \[compare.NAME\]"),
        ("[compare.a]\nmodels = ['mlp']", "compare.a: a study says on which images"),
        ("[compare.a]\ndata = 'digits'", "compare.a: a study has arms"),
        ("[compare.a]\ndata = 'digits'\nmodels = 'mlp'", "compare.a: `models` is a list of names"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mlp']\narms = [{ model = 'cnn' }]", "leave one of the two out"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mpl']", "compare.a: unknown model 'mpl'; did you mean 'mlp'?"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mlp']\nmargin = 2", "compare.a: a margin of accuracy is between"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mlp']\nmargin = true", "`margin` is a number, not True"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mlp']\nepochs = 3", "compare.a: unknown key 'epochs'"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mlp']\nsettings = { epoch = 3 }", "did you mean 'epochs'"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mlp']\nclaims = ['mlp > cnn']", "compare.a: "),
        ("[compare.a]\nstudy = 'gone.toml'", "cannot read the study"),
        ("[compare.a]\nstudy = 'b.toml'\nmodels = ['mlp']", "unknown key beside `study` 'models'"),
        ("[compare.'a/b']\ndata = 'digits'\nmodels = ['mlp']", "a name becomes a folder"),
        ("[compare.former]\ndata = 'digits'\nmodels = ['mlp']", "is not former"),
        ("[compare.a]\ndata = 'digits'\nmodels = ['mlp']\n[tune.A]\nmodel = 'mlp'", "two entries are called 'A'"),
        ("[tune.a]\ndata = 'digits'", "tune.a: a search says on which images and for which model"),
        ("[tune.a]\ndata = 'digits'\nmodel = 'mlp'\ntrials = '5'", "`trials` of a search is a whole number"),
        ("[tune.a]\ndata = 'digits'\nmodel = 'mlp'\nbudget = 5", '`budget` is a time: budget = "30m"'),
        ("[tune.a]\ndata = 'digits'\nmodel = 'mlp'\nsearch = 'dropout'", "`search` is a table"),
        ("[export.a]\nto = 'onnx'", "export.a: an export says of which entry"),
        ("[export.a]\nof = 'b'", "unknown entry 'b'"),
        ("[export.a]\nof = 'b'\nto = 'pickle'", "`to` is one of onnx, safetensors, web"),
        ("[export.a]\nof = 'b'\nto = 'safetensors'\nquantize = 'int8'", "`quantize` is int8, for onnx and web"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_file_and_the_entry(text: str, said: str, tmp_path: Path) -> None:
    path = written(text, tmp_path)
    with pytest.raises(UsageError, match=said) as raised:
        read_project(path)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


def test_an_export_is_of_no_export(tmp_path: Path) -> None:
    text = "[compare.a]\ndata = 'digits'\nmodels = ['mlp']\n[export.b]\nof = 'a'\n[export.c]\nof = 'b'\n"
    with pytest.raises(UsageError, match="'b' is an export itself"):
        read_project(written(text, tmp_path))


def test_a_project_is_found_in_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no project file .*; name one, or .* sadari run --init"):
        find_project(tmp_path)
    path = written(WHOLE, tmp_path)
    assert find_project(tmp_path) == find_project(path) == path
    with pytest.raises(UsageError, match="unknown entry 'lader'; did you mean 'ladder'"):
        read_project(path).chosen(("lader",))
    assert [each.name for each in read_project(path).chosen(("winner",))] == ["ladder", "winner"]


def test_the_template_is_a_project_and_the_runs_are_ignored(tmp_path: Path) -> None:
    (tmp_path / IGNORE).write_bytes("größe\r\n*.pyc".encode("latin-1"))
    path, ignore = write_template(tmp_path)
    assert ignore.read_bytes() == b"gr\xf6\xdfe\r\n*.pyc\n/runs/\n"
    assert [each.name for each in read_project(path).entries] == ["ladder"]
    commented = path.read_text(encoding="utf-8").replace("# [", "[").replace("# arms", "arms")
    for key in ("claims", "model", "trials", "of", "to"):
        commented = commented.replace(f"# {key} =", f"{key} =")
    commented = commented.replace('[compare.article]\n# study = "article.toml"\n', "")
    path.write_text(commented, encoding="utf-8")
    assert [each.name for each in read_project(path).entries] == ["ladder", "dropout", "cnn-settings", "winner"]
    with pytest.raises(UsageError, match="is there already"):
        write_template(tmp_path)
    path.unlink()
    assert write_template(tmp_path) == (path,)
