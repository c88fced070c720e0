"""Is the text of a claim read as what it says, and is a wrong one named?"""

import pytest

from sadari.comparison.claims.claim import Claim, Extremum, Fails, Quantity, Reaches, Relation, lines_of
from sadari.comparison.claims.parse import parse_claim
from sadari.errors import UsageError
from sadari.settings import Value

ARMS = (
    "mlp",
    "cnn",
    "cnn2-lstm",
    "logistic regression",
    "sgd dropout=0",
    "sgd dropout=0.5",
    "adadelta dropout=0",
    "adadelta dropout=0.5",
    "a > b",
    "fine (VGG16)",
)
CNN, MLP = Quantity("accuracy", "cnn"), Quantity("accuracy", "mlp")
SGD = {"0": "sgd dropout=0", "0.5": "sgd dropout=0.5"}


def read(text: str) -> object:
    claim = parse_claim(text, ARMS, "as the author says it")
    assert (claim.text, claim.words) == (text, "as the author says it")
    return claim.test


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("cnn > mlp", Relation(CNN, ">", MLP)),
        ("cnn>=mlp", Relation(CNN, ">=", MLP)),
        ("  mlp   <  cnn ", Relation(MLP, "<", CNN)),
        ("mlp <= cnn within 0.01", Relation(MLP, "<=", CNN, 0.01)),
        ("cnn = mlp within 5e-3", Relation(CNN, "=", MLP, 0.005)),
        ("cnn >= 0.8994", Relation(CNN, ">=", 0.8994)),
        ("cnn = .9 within 0.01", Relation(CNN, "=", 0.9, 0.01)),
        ("loss(cnn) < loss(mlp)", Relation(Quantity("loss", "cnn"), "<", Quantity("loss", "mlp"))),
        ("loss(cnn) < 2.5", Relation(Quantity("loss", "cnn"), "<", 2.5)),
        ("drop(cnn) = 0 within 0.02", Relation(Quantity("drop", "cnn"), "=", 0.0, 0.02)),
        ("gap(cnn) > -0.01", Relation(Quantity("gap", "cnn"), ">", -0.01)),
        ("logistic regression > cnn2-lstm",
         Relation(Quantity("accuracy", "logistic regression"), ">", Quantity("accuracy", "cnn2-lstm"))),
        ("sgd dropout=0.5 > sgd dropout=0",
         Relation(Quantity("accuracy", "sgd dropout=0.5"), ">", Quantity("accuracy", "sgd dropout=0"))),
        ('"sgd dropout=0.5">\'sgd dropout=0\'',
         Relation(Quantity("accuracy", "sgd dropout=0.5"), ">", Quantity("accuracy", "sgd dropout=0"))),
        ('seconds("a > b") > seconds(logistic regression)',
         Relation(Quantity("seconds", "a > b"), ">", Quantity("seconds", "logistic regression"))),
        ("fine (VGG16) > loss(cnn)", None),
        ("fine (VGG16) > cnn", Relation(Quantity("accuracy", "fine (VGG16)"), ">", CNN)),
        ("argmax(dropout for sgd) = 0.5", Extremum(True, "accuracy", "dropout", SGD, "0.5")),
        ("argmax(dropout for sgd) = 0.50", Extremum(True, "accuracy", "dropout", SGD, "0.5")),
        ("argmin(loss over dropout for sgd)=0", Extremum(False, "loss", "dropout", SGD, "0")),
        ("argmax( accuracy over arms ) = logistic regression",
         Extremum(True, "accuracy", "arms", {arm: arm for arm in ARMS}, "logistic regression")),
        ("cnn reaches val 0.90 within 5 epochs", Reaches("cnn", 0.9, 5)),
        ("sgd dropout=0.5 reaches val 1 within 1 epoch", Reaches("sgd dropout=0.5", 1.0, 1)),
        ("sgd dropout=0 fails", Fails("sgd dropout=0")),
    ],
)  # fmt: skip
def test_a_claim_is_read_as_what_it_says(text: str, means: object) -> None:
    if means is None:
        with pytest.raises(UsageError, match="compares accuracy with loss"):
            read(text)
    else:
        assert read(text) == means


def test_an_arm_may_be_called_like_a_number() -> None:
    claim = parse_claim("cnn > 5", ("cnn", "5"))
    assert claim == Claim("cnn > 5", "", Relation(CNN, ">", Quantity("accuracy", "5")))


def test_one_line_needs_no_name() -> None:
    test = parse_claim("argmax(dropout) = 0", ("mlp", *SGD.values())).test
    assert test == Extremum(True, "accuracy", "dropout", SGD, "0")


def test_a_line_is_what_else_the_name_says() -> None:
    arms = ("net rate=1 size=8", "net rate=2 size=8", "net rate=1 size=16", "rate", "other rate=3")
    assert lines_of("rate", {arm: {} for arm in arms}) == {
        "net size=8": {"1": "net rate=1 size=8", "2": "net rate=2 size=8"},
        "net size=16": {"1": "net rate=1 size=16"},
        "other": {"3": "other rate=3"},
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "says nothing that can be tested"),
        ("cnn is best", "says nothing that can be tested"),
        ("cnn > mpl", "unknown arm 'mpl'; did you mean 'mlp'"),
        ("0.9 < cnn", "unknown arm '0.9'"),
        ("cnn > 89.9", "accuracy is between 0 and 1, not 89.9"),
        ("cnn = mlp", "say how close"),
        ("cnn = 0.9", "say how close"),
        ("cnn = mlp within 0", "margin is above 0"),
        ("cnn = mlp within -1", "margin is above 0"),
        ("cnn > cnn", "compares 'cnn' with itself"),
        ("loss(cnn) < mlp", "compares loss with accuracy"),
        ("los(cnn) < los(mlp)", "unknown figure 'los'; did you mean 'loss'"),
        ("loss(cnm) < loss(mlp)", "unknown arm 'cnm'; did you mean 'cnn'"),
        ("cnn > mlp > cnn2-lstm", "more than one sign; put names of arms into quotes"),
        ("sgd dropout=0.5>mlp", "more than one sign"),
        ("argmax(dropout) = 0.5", "several lines; add `for` and one of: sgd, adadelta"),
        ("argmax(dropout for sdg) = 0.5", "unknown line 'sdg'; did you mean 'sgd'"),
        ("argmax(dropout for sgd) = 0.4", "unknown value of dropout '0.4'"),
        ("argmax(dropuot for sgd) = 0.5", "unknown varied setting 'dropuot'; did you mean 'dropout'"),
        ("argmax(speed over dropout for sgd) = 0.5", "unknown figure 'speed'"),
        ("argmin(dropout for sgd) = 0.5", "argmin needs a figure"),
        ("argmax(accuracy over arms) = cnm", "unknown arm 'cnm'; did you mean 'cnn'"),
        ("argmax(accuracy over arms for sgd) = cnn", "leave out `for`"),
        ("cnn reaches val 90 within 5 epochs", "is between 0 and 1"),
        ("cnn reaches val 0.9 within 0 epochs", "epochs count from 1"),
        ("cmn reaches val 0.9 within 5 epochs", "did you mean 'cnn'"),
        ("cmn fails", "did you mean 'cnn'"),
    ],
)
def test_a_wrong_claim_is_named(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        read(text)
    assert str(caught.value).startswith(f"claim `{text}`: ")
    assert "\0" not in str(caught.value)


def test_a_single_value_is_best_of_nothing() -> None:
    with pytest.raises(UsageError, match="best of nothing"):
        parse_claim("argmax(dropout) = 0", ("mlp", "sgd dropout=0"))


CHAINS: dict[str, dict[str, Value]] = {
    "cnn augment=rotate 10, shift 0.1": {"epochs": 2, "augment": "rotate 10, shift 0.1"},
    "cnn augment=zoom 0.1": {"epochs": 2, "augment": "zoom 0.1"},
    'cnn augment=""': {"epochs": 2, "augment": ""},
}


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("rotate 10, shift 0.1", "rotate 10, shift 0.1"),
        ('"rotate 10,shift 0.1"', "rotate 10, shift 0.1"),
        ("zoom 0.1", "zoom 0.1"),
        ('""', '""'),
    ],
)
def test_a_value_of_several_words_can_be_claimed(said: str, value: str) -> None:
    arms = {name.partition("=")[2]: name for name in CHAINS}
    test = parse_claim(f"argmax(augment) = {said}", CHAINS).test
    assert test == Extremum(True, "accuracy", "augment", arms, value)


def test_an_arm_with_a_value_of_several_words_can_be_named() -> None:
    test = parse_claim("'cnn augment=rotate 10, shift 0.1' > cnn augment=zoom 0.1", CHAINS).test
    assert isinstance(test, Relation) and isinstance(test.right, Quantity)
    assert (test.left.arm, test.right.arm) == ("cnn augment=rotate 10, shift 0.1", "cnn augment=zoom 0.1")
