"""Do the suites for plug-ins find what is wrong with one, and do they say so where pytest is missing?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sadari.testing import LossContract

HEAD = """
import torch
from torch import nn
import sadari
from sadari.testing import *
"""
SUITE = """
{code}

class Test{number}({contract}):
    {lists}
"""
WRONG = {
    "it draws from torch's generator": (
        "AugmentationContract",
        'words = ("mine",)',
        "@sadari.augmentation('mine')\ndef mine(pixels, generator):\n    return torch.randint_like(pixels, 256)",
        "test_every_word_keeps_the_contract",
    ),
    "it writes to its input": (
        "AugmentationContract",
        'words = ("mine",)',
        "@sadari.augmentation('mine')\ndef mine(pixels, generator):\n"
        "    return pixels.add_(torch.randint(9, pixels.shape, generator=generator, dtype=torch.uint8))",
        "test_every_word_keeps_the_contract",
    ),
    "level 0 changes images": (
        "CorruptionContract",
        'names = ("mine",)',
        "@sadari.corruption('mine', 'x', levels=(0.1, 0.2, 0.3))\ndef mine(pixels, level, generator):\n"
        "    return pixels // 2",
        "test_level_0_changes_nothing",
    ),
    "its values do not say how sure the figure is": (
        "MetricContract",
        'names = ("mine",)',
        "@sadari.metric('mine', 'x')\ndef mine(each):\n    return [(each.predicted == each.labels).mean()] * len(each)",
        "test_the_error_is_that_of_the_jackknife",
    ),
    "the loss looks at other images": (
        "LossContract",
        'names = ("mine",)',
        "@sadari.loss('mine')\ndef mine(logits, targets):\n"
        "    each = -(targets * logits.log_softmax(1)).sum(1)\n    return each - each.mean()",
        "test_the_gradient_is_that_of_the_losses",
    ),
    "the optimiser forgets": (
        "OptimizerContract",
        'names = ("mine",)',
        "@sadari.optimizer('mine', learning_rate=0.01)\nclass Mine(torch.optim.Optimizer):\n"
        "    def __init__(self, params, lr):\n        super().__init__(params, {'lr': lr})\n        self.steps = 0\n"
        "    @torch.no_grad()\n    def step(self, closure=None):\n        self.steps += 1\n"
        "        for group in self.param_groups:\n            for each in group['params']:\n"
        "                if each.grad is not None: each.sub_(each.grad, alpha=group['lr'] / self.steps)",
        "test_memory_is_kept_and_given_back",
    ),
    "the layer draws by itself": (
        "LayerContract",
        'layers = (("mine", (8, 8, 1)),)',
        "@sadari.layer('mine')\nclass Mine(nn.Module):\n    def __init__(self, shape):\n        super().__init__()\n"
        "    def forward(self, x):\n        return x + torch.rand(()) if self.training else x",
        "test_draws_of_a_step_depend_on_the_step_alone",
    ),
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what pytest prints of all of them, each named by its number."""
    folder, text = tmp_path_factory.mktemp("wrong"), HEAD
    for number, (contract, lists, code, _) in enumerate(WRONG.values()):
        name = f"mine-{number}"
        code, lists = (each.replace("'mine'", f"'{name}'").replace('"mine"', f'"{name}"') for each in (code, lists))
        text += SUITE.format(code=code, number=number, contract=contract, lists=lists)
    (folder / "test_mine.py").write_text(text, encoding="utf-8")
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "--tb=line", "test_mine.py")
    program = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("what", WRONG)
def test_a_suite_finds_it(what: str, output: str) -> None:
    number, found = list(WRONG).index(what), WRONG[what][3]
    failed = re.findall(rf"^FAILED test_mine\.py::Test{number}::(\w+)", output, re.MULTILINE)
    assert found in failed, output[-3000:]


def test_a_suite_that_lists_nothing_tests_nothing_and_says_so() -> None:
    class TestNothing(LossContract):
        __test__ = False

    with pytest.raises(pytest.UsageError, match="TestNothing lists nothing to be tested"):
        TestNothing().pytest_generate_tests(None)  # type: ignore[arg-type]


WITHOUT = """
import sys
sys.modules["pytest"] = None
try:
    import sadari.testing
except ImportError as error:
    print(error)
"""


def test_without_pytest_it_says_so(tmp_path: Path) -> None:
    program = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "sadari.testing needs pytest, which is not installed; run: pip install pytest\n"
