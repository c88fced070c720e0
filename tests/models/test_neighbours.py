"""Do the nearest training images vote as Wu et al. 2018 say?"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from sadari.errors import UsageError
from sadari.models.layers.neighbours import EVEN_VOTES, TEMPERATURE, Neighbours
from sadari.models.network import build
from sadari.models.parse import describe, parse
from sadari.training.classical import SCORED_AT_ONCE, _Features, _scores


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return vectors and labels to remember, and others to classify."""
    pixels, labels = load_digits(return_X_y=True)
    vectors, wanted = torch.from_numpy(pixels.astype(np.float32)), torch.from_numpy(labels.astype(np.int64))
    return vectors[:900], wanted[:900], vectors[900:1200], wanted[900:1200]


def remembering(count: int) -> Neighbours:
    layer = Neighbours(64, 10, count)
    vectors, labels, _, _ = digits()
    layer.remember(vectors, labels)
    return layer


def of_similarity(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """scikit-learn's cosine distance is 1 - similarity."""
    return np.asarray(np.exp((1 - distances) / TEMPERATURE))


@pytest.mark.parametrize("count", [1, 5, 20, 900])
def test_votes_are_scikit_learns_with_their_weights(count: int) -> None:
    vectors, labels, queries, _ = digits()
    twin = KNeighborsClassifier(count, metric="cosine", algorithm="brute", weights=of_similarity)
    expected = twin.fit(vectors.double().numpy(), labels.numpy()).predict_proba(queries.double().numpy())
    shares = remembering(count)(queries).exp().double().numpy()
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    votes = (shares * (count + EVEN_VOTES) - EVEN_VOTES / 10) / count
    assert np.allclose(votes, expected, atol=2e-4)


def test_the_softmax_of_the_logits_are_the_shares() -> None:
    _, _, queries, wanted = digits()
    logits = remembering(20)(queries)
    assert torch.allclose(logits.softmax(1), logits.exp(), atol=1e-6)
    assert torch.isfinite(logits).all()
    assert (logits.argmax(1) == wanted).double().mean() > 0.9


def test_more_neighbours_than_images_are_all_images() -> None:
    queries = digits()[2]
    assert torch.equal(remembering(900)(queries), remembering(5000)(queries))


def test_what_is_remembered_comes_back_in_any_number() -> None:
    layer, other = remembering(20), Neighbours(64, 10, 20)
    other.load_state_dict(layer.state_dict())
    queries = digits()[2]
    assert torch.equal(layer(queries), other(queries))
    other.load_state_dict(Neighbours(64, 10, 20).state_dict())
    assert other.vectors.shape == (0, 64)


def test_many_images_are_compared_with_all_others_some_at_a_time() -> None:
    vectors, labels, _, _ = digits()
    layer = remembering(20)
    seen: list[int] = []
    expected = _scores(layer, _Features(vectors, labels.numpy()))
    many = 5
    layer.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    scored = _scores(layer, _Features(vectors.repeat(many, 1), labels.repeat(many).numpy()))
    assert max(seen) <= SCORED_AT_ONCE < sum(seen) == many * len(labels)
    assert scored == pytest.approx(expected, abs=1e-6)


def test_neighbours_stand_in_place_of_the_class_layer() -> None:
    layers = parse("flatten, neighbours $k", {"k": 7})
    rows = describe(layers, (8, 8, 1), 10)
    assert [(row.text, row.shape, row.total) for row in rows] == [("flatten", (64,), 0), ("neighbours 7", (10,), 0)]
    assert rows[1].how == "votes of the 7 nearest training images"
    network = build(layers, (8, 8, 1), 10, seed=0)
    last = network.head[-1]
    assert isinstance(last, Neighbours)
    assert (last.count, last.classes) == (7, 10)
    with pytest.raises(UsageError, match="layer 1 `neighbours`: needs a vector, but has 8x8x1 here; add globalavgpool"):
        describe(parse("neighbours", {}), (8, 8, 1), 10)
    with pytest.raises(UsageError, match="layer 2 `neighbours`: ends a network; nothing comes behind it"):
        describe(parse("flatten, neighbours, dense 3", {}), (8, 8, 1), 10)
    with pytest.raises(UsageError, match="the number of neighbours is a whole number from 1 up, not 0"):
        parse("flatten, neighbours 0", {})
