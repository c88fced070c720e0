"""Does everything that this package offers keep the contracts of Sadari? Run it with pytest."""

from sadari.testing import (
    AugmentationContract,
    CorruptionContract,
    LayerContract,
    LossContract,
    MetricContract,
    ModelContract,
    OptimizerContract,
)


class TestLayer(LayerContract):
    layers = (("squeeze-excite", (8, 8, 3)), ("squeeze-excite", (9, 14, 1)), ("squeeze-excite 2", (5, 5, 8)))


class TestMetric(MetricContract):
    names = ("brier",)


class TestAugmentation(AugmentationContract):
    words = ("speckle 0.5",)


class TestCorruption(CorruptionContract):
    names = ("salt-and-pepper",)


class TestOptimizer(OptimizerContract):
    names = ("lion",)


class TestLoss(LossContract):
    names = ("focal",)


class TestModel(ModelContract):
    names = ("thumbnail",)
