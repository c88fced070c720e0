"""Which models learn small images fastest? Three of the ladder, for grey and for colour. No torch here."""

from sadari.models.spec import ModelSpec
from sadari.settings import Value

# Measured on validation images of Fashion-MNIST, as benchmarks/speed/sprint.py says.
_SPRINT = """
    conv {first} same stride 2
    conv {second} same linear, maxpool, batchnorm, relu
    conv {second} same linear, batchnorm, relu
    conv {third} same linear, maxpool, batchnorm, relu
    conv {third} same linear, batchnorm, relu
    globalmaxpool, mirror
"""
_SPRINTING: dict[str, Value] = {
    "optimizer": "muon",
    "learning_rate": 0.01,
    "schedule": "one-cycle",
    "batch_size": 500,
    "label_smoothing": 0.1,
    "augment": "crop 1, flip",
    "scaling": "channel",
    "restore_best": False,
}

# After Jordan 2024 (arXiv:2404.00498), with Muon since: its layers and recipe, as far as they were found to matter on
# validation images of CIFAR-10 (RESULTS.md).
_COLOUR = """
    whiten 2, gelu
    conv 64 same linear nobias identity, maxpool, batchnorm noscale, gelu
    conv 64 same linear nobias identity, batchnorm noscale, gelu
    conv 256 same linear nobias identity, maxpool, batchnorm noscale, gelu
    conv 256 same linear nobias identity, batchnorm noscale, gelu
    conv 256 same linear nobias identity, maxpool, batchnorm noscale, gelu
    conv 256 same linear nobias identity, batchnorm noscale, gelu
    globalmaxpool, mirror
"""
_IN_COLOUR: dict[str, Value] = {
    "optimizer": "normed-muon",
    "schedule": "linear",
    "epochs": 8,
    "least_steps": 100,
    "batch_size": 500,
    "label_smoothing": 0.2,
    "class_layer": "small",
    "augment": "crop 2, alternate-flip",
    "scaling": "channel",
    "restore_best": False,
}

SPRINTS = (
    ModelSpec(
        name="sprint",
        summary="the fastest way to a good classifier of small images",
        layers=_SPRINT.format(first=32, second=64, third=128),
        settings={**_SPRINTING, "epochs": 6},
    ),
    ModelSpec(
        name="sprint-wide",
        summary="sprint, half as wide again and for twice as long",
        layers=_SPRINT.format(first=48, second=96, third=192),
        settings={**_SPRINTING, "epochs": 12},
    ),
    ModelSpec(
        name="sprint-colour",
        summary="sprint for colour images of 32 to 96 pixels",
        layers=_COLOUR,
        settings=_IN_COLOUR,
    ),
)
