"""Do the lines of docs/deploying.md, which use no Sadari, say what Sadari says?"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sadari
from support.photographs import photograph, photographs, trained
from support.sets import encode, write_folder

PAGE = Path(__file__).parents[2] / "docs" / "deploying.md"


def lines_of_the_page() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(code)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_lines_of_the_page_run_alone_and_agree(channels: int, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "photos", photographs(9, ((16, 16),), "PNG"))
    run = trained(data, tmp_path / "run", "mlp", channels=channels, epochs=2)
    sadari.export(run.path, out=tmp_path / "model.onnx")
    Image.fromarray(photograph()).save(tmp_path / "photo.jpg", exif=turned())
    code = lines_of_the_page()
    assert "sadari" not in code.lower()
    script = f"import sys\nsys.modules['torch'] = sys.modules['sadari'] = None\n{code}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    label, probability = done.stdout.split()
    (answer,) = sadari.predict(run.path, tmp_path / "photo.jpg")
    ((wanted, share),) = answer.top(1)
    assert label == wanted
    assert float(probability) == pytest.approx(share, abs=1e-4)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 8
    return exif


def test_there_are_about_ten_lines() -> None:
    code = [line for line in lines_of_the_page().splitlines() if line and not line.startswith(("import", "from"))]
    assert len(code) <= 10
    assert np.asarray(photograph()).shape == (48, 64, 3) and len(encode(photograph())) > 1000
