"""Are the drawn shapes repeatable, balanced, uninformative in colour, and misleading only where asked?"""

import numpy as np
import pytest

from sadari.data.sources.base import SOURCES, ArrayContent
from sadari.data.sources.outlines import KINDS
from sadari.data.sources.shapes import ShapesSource, ShapesSpec, draw_shapes, parse_shapes, plan_shapes
from sadari.errors import UsageError

SMALL = ShapesSpec(size=24, classes=4, images=400, noise=0.1)


def content(spec: ShapesSpec) -> ArrayContent:
    return ShapesSource(spec).content()


def test_the_content_has_the_size_classes_and_parts_that_were_asked_for() -> None:
    drawn = content(SMALL)
    assert drawn.images.shape == (400, 24, 24, 3)
    assert drawn.images.dtype == np.uint8
    assert drawn.classes == ("circle", "square", "triangle", "cross")
    assert drawn.evidence is not None and drawn.evidence.shape == (400, 24, 24)
    assert [drawn.source_split.count(split_name) for split_name in ("train", "val", "test")] == [240, 80, 80]
    assert (drawn.ids[0], drawn.ids[240], drawn.ids[399]) == ("train/00000", "val/00000", "test/00079")
    assert len(set(drawn.ids)) == 400


@pytest.mark.parametrize("images", [400, 403, 40])
def test_every_part_is_balanced(images: int) -> None:
    plan = plan_shapes(ShapesSpec(classes=8, images=images))
    for split_name in ("train", "val", "test"):
        counts = np.bincount(plan.labels[plan.source_split == split_name], minlength=8)
        assert counts.min() >= 1
        assert counts.max() - counts.min() <= 1


def test_the_same_seed_draws_the_same_pixels_and_another_others() -> None:
    first, second = content(SMALL), content(SMALL)
    other = content(ShapesSpec(size=24, classes=4, images=400, noise=0.1, seed=1))
    assert np.array_equal(first.images, second.images)
    assert not np.array_equal(first.images, other.images)
    assert ShapesSource(SMALL).fingerprint() == ShapesSource(SMALL).fingerprint()
    assert ShapesSource(SMALL).fingerprint() != ShapesSource(ShapesSpec(seed=1)).fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_each_shape_is_its_evidence_and_lies_inside_the_image(kind: str) -> None:
    plan = plan_shapes(ShapesSpec(size=48, images=80, noise=0.0))
    images, evidence = draw_shapes(plan)
    for image, mask in zip(images, evidence, strict=True):
        assert image[mask].max() == 255, "the shape's brightest channel is at full scale"
        assert len(np.unique(image[mask], axis=0)) == 1, "one colour"
        assert image[~mask].max() <= round(0.3 * 255), "the background stays dark"
    chosen = evidence[plan.labels == list(KINDS).index(kind)]
    share = chosen.mean(axis=(1, 2))
    assert share.min() > 0.02 and share.max() < 0.4
    border = chosen[:, [0, -1], :].sum() + chosen[:, :, [0, -1]].sum()
    assert border == 0


def test_every_kind_of_shape_looks_different() -> None:
    axis = np.linspace(-1, 1, 64, dtype=np.float32)
    masks = [inside(axis[None, :], axis[:, None]) for inside in KINDS.values()]
    for index, first in enumerate(masks):
        for second in masks[:index]:
            assert (first & second).sum() / (first | second).sum() < 0.85


def test_colour_says_nothing_about_the_class() -> None:
    plan = plan_shapes(ShapesSpec(classes=4, images=2000, noise=0.0))
    images, evidence = draw_shapes(plan)
    colours = np.array([image[mask][0] for image, mask in zip(images, evidence, strict=True)], dtype=float)
    means = np.array([colours[plan.labels == label].mean(axis=0) for label in range(4)])
    error = colours.std(axis=0) / np.sqrt(500)
    assert (np.abs(means - means.mean(axis=0)) < 4 * error).all()


def test_without_spurious_ground_the_ground_is_independent_of_the_class() -> None:
    plan = plan_shapes(ShapesSpec(classes=4, images=4000))
    agreement = (plan.backgrounds == plan.labels).mean()
    assert abs(agreement - 0.25) < 0.03


def test_spurious_ground_tells_in_train_and_val_and_misleads_in_test() -> None:
    plan = plan_shapes(ShapesSpec(classes=4, images=400, spurious=1.0))
    test = plan.source_split == "test"
    assert (plan.backgrounds[~test] == plan.labels[~test]).all()
    assert (plan.backgrounds[test] == (plan.labels[test] + 1) % 4).all()
    half = plan_shapes(ShapesSpec(classes=4, images=4000, spurious=0.5))
    assert abs((half.backgrounds == half.labels)[half.source_split != "test"].mean() - 0.625) < 0.03


def test_the_ground_alone_gives_a_spurious_class_away_in_the_pixels() -> None:
    """A nearest-mean rule on the background's tint is nearly right in val and nearly always wrong in test."""
    drawn = content(ShapesSpec(classes=4, images=800, spurious=1.0))
    assert drawn.evidence is not None
    outside = ~drawn.evidence[..., None]
    tints = (drawn.images * outside).sum(axis=(1, 2)) / outside.sum(axis=(1, 2))
    tints /= tints.sum(axis=1, keepdims=True)
    given = np.array(drawn.source_split)
    means = np.array([tints[(given == "train") & (drawn.labels == label)].mean(axis=0) for label in range(4)])
    nearest = np.linalg.norm(tints[:, None] - means, axis=2).argmin(axis=1)
    right = nearest == drawn.labels
    assert right[given == "val"].mean() > 0.9
    assert right[given == "test"].mean() < 0.1
    assert drawn.notes == (
        "the background gives the class away in 100 % of the images of train and val, and names the next class in test",
    )
    assert content(SMALL).notes == ()


def test_noise_widens_the_pixels() -> None:
    quiet, loud = (content(ShapesSpec(classes=2, images=40, noise=noise)).images.astype(float) for noise in (0.0, 0.2))
    assert 20 < np.abs(quiet - loud).mean() < 60


def test_options_are_read_as_text() -> None:
    options = {"size": "16", "classes": "3", "images": "100", "noise": "0.2", "spurious": "1", "seed": "7"}
    assert parse_shapes(options) == ShapesSpec(16, 3, 100, 0.2, 1.0, 7)
    assert parse_shapes({}) == ShapesSpec()
    assert set(SOURCES.get("shapes").options) == set(options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"clases": "4"}, "unknown option of shapes 'clases'; did you mean 'classes'?"),
        ({"classes": "many"}, "classes of shapes is a whole number, not 'many'"),
        ({"classes": "9"}, "classes of shapes is between 2 and 8, not 9"),
        ({"size": "4"}, "size of shapes is between 12 and 256, not 4"),
        ({"images": "39"}, "images of shapes is between 40 and 131072, not 39"),
        ({"noise": "nan"}, "noise of shapes is between 0.0 and 1.0, not nan"),
        ({"spurious": "-1"}, "spurious of shapes is between 0.0 and 1.0, not -1.0"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shapes(options)
    assert str(caught.value) == sentence
