"""Which claims of the articles are facts that need no training? Each is checked here, and docs/claims.md names it."""

import numpy as np
import torch

from sadari.data.augment.pipeline import parse_augmentation
from sadari.models.network import build
from sadari.models.parse import describe, parse
from sadari.values import ImageSet
from support.engines import batches_of

VGG16 = """
    conv 64 same, conv 64 same, maxpool
    conv 128 same, conv 128 same, maxpool
    conv 256 same, conv 256 same, conv 256 same, maxpool
    conv 512 same, conv 512 same, conv 512 same, maxpool
    conv 512 same, conv 512 same, conv 512 same, maxpool
    flatten, dense 128, dense 64, dense 32
"""
LAYERS_OF_BACKBONE = 18
PHOTOGRAPH, ANIMALS = (224, 224, 3), 3


def numbered(count: int) -> ImageSet:
    """Make images that show their number even when shifted or mirrored: in every pixel except one column."""
    images = np.zeros((count, 8, 8, 3), dtype=np.uint8)
    images[..., 0] = np.arange(count)[:, None, None]
    images[:, :, 0, 1] = 255
    return ImageSet(
        "numbered",
        images,
        np.arange(count) % 2,
        np.array([str(number) for number in range(count)]),
        ("even", "odd"),
        np.full(count, ""),
        "0",
    )


def test_augmentation_redraws_the_same_images_and_adds_none() -> None:
    """Check what A1 claims: the training set grows by 960 images every epoch."""
    images, count = numbered(50), 50
    augmentation = parse_augmentation("flip, shift 0.2", 8, 8)
    batches = batches_of(images, np.arange(count), 16, augmentation)
    seen, views = [], []
    for epoch in range(5):
        drawn = torch.cat([batches.batch(epoch, step)[0] for step in range(batches.steps_per_epoch)]).numpy()
        order = np.argsort(drawn[:, 0, 0, 0])
        seen.append(drawn[order, 0, 0, 0].tolist())
        views.append(drawn[order].tobytes())
    assert seen == [list(range(count))] * 5
    assert len(set(views)) == 5


def test_a_backbone_that_is_not_frozen_trains_with_all_its_params() -> None:
    """Check what A1 prints: the params of its "feature extraction", none of them frozen, and of its fine-tuning."""
    rows = describe(parse(VGG16, {}), PHOTOGRAPH, ANIMALS)
    backbone, head = rows[:LAYERS_OF_BACKBONE], rows[LAYERS_OF_BACKBONE:]
    assert backbone[-1].shape == (7, 7, 512)
    assert sum(row.total for row in backbone) == 14_714_688
    assert sum(row.total for row in head) == 3_221_827  # what feature extraction would train
    assert sum(row.total for row in rows) == sum(row.trainable for row in rows) == 17_936_515  # what A1 trained
    assert backbone[-2].total + sum(row.total for row in head) == 5_581_635  # fine-tuning: block5_conv3, head


def test_a_vertical_filter_keeps_vertical_lines_and_drops_horizontal_ones() -> None:
    """Check what A4 draws for a shoe; the filter is minus one, two, minus one in every row."""
    network = build(parse("conv 1 linear, flatten", {}), (11, 11, 1), 2, seed=0)
    [convolution] = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert convolution.bias is not None
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([-1.0, 2.0, -1.0]).expand(1, 1, 3, 3))
        convolution.bias.zero_()
    vertical, horizontal = torch.zeros(2, 1, 1, 11, 11)
    vertical[..., 5], horizontal[..., 5, :] = 1.0, 1.0
    with torch.no_grad():
        kept, dropped = network.features(vertical), network.features(horizontal)
        turned = network.features(vertical.transpose(2, 3))
    assert kept[0, 0, :, 4].tolist() == [6.0] * 9
    assert kept.argmax(dim=3).unique().tolist() == [4]
    assert not dropped.any()
    assert torch.equal(turned, dropped)
