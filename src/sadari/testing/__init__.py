"""Does a plug-in keep the contract of its kind? Suites for pytest, the same that Sadari's own entries pass.

    from sadari.testing import MetricContract

    class TestBrier(MetricContract):
        names = ("brier",)

The plug-in is installed, or its module is imported by the test. docs/plug-ins.md has an example of each kind.
"""

try:
    import pytest
except ImportError as error:
    raise ImportError("sadari.testing needs pytest, which is not installed; run: pip install pytest") from error

# So that a failure shows the values, as in a test file.
pytest.register_assert_rewrite(
    *(f"sadari.testing.{each}" for each in ("figures", "images", "learning", "networks", "suites"))
)

from sadari.testing.figures import MetricContract as MetricContract  # noqa: E402
from sadari.testing.images import AugmentationContract as AugmentationContract  # noqa: E402
from sadari.testing.images import CorruptionContract as CorruptionContract  # noqa: E402
from sadari.testing.learning import LossContract as LossContract  # noqa: E402
from sadari.testing.learning import OptimizerContract as OptimizerContract  # noqa: E402
from sadari.testing.networks import LayerContract as LayerContract  # noqa: E402
from sadari.testing.networks import ModelContract as ModelContract  # noqa: E402
