"""Do backbones work with the oldest timm that Sadari says it takes?"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKING = """
import timm, torch
from sadari.models.backbone.module import create
from sadari.models.backbone.pretrained import Pretrained
for name in ("test_resnet", "test_convnext", "test_vit", "test_efficientnet"):
    pretrained = Pretrained(name=name, arguments={}, size=0, mean=(), std=(), interpolation="", license="", origin="")
    create(pretrained, (64, 64))
    with torch.device("meta"):  # as shapes are found before anything is allocated
        create(pretrained, (64, 64))
print(timm.__version__)
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv makes the environment with that version")
def test_the_oldest_timm_makes_backbones() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bound,) = (each for each in project["dependencies"] if each.startswith("timm"))
    (oldest,) = re.findall(r">=([\d.]+)", bound)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    done = subprocess.run(
        ["uv", "run", "--no-project", "--python", python, "--with", f"timm=={oldest}", "--with-editable", str(ROOT),
         "python", "-W", "ignore", "-c", MAKING],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (0, [oldest]), done.stderr[-2000:]
