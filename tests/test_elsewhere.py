"""Does everything work where Python has none of what Unix alone has, as on Windows?"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from sadari.inference.device import resolve_machine
from sadari.run import memory_bytes
from sadari.settings import Settings

WITHOUT_UNIX = """
    import os, sys

    sys.modules["fcntl"] = None
    for name in ("sysconf", "sched_getaffinity", "geteuid", "getuid", "confstr_names", "pwrite"):
        if hasattr(os, name):
            delattr(os, name)
    real = os.open
    def no_folders(path, *given, **named):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *given, **named)
    os.open = no_folders
"""


def without_unix(tmp_path: Path, program: str) -> "subprocess.CompletedProcess[str]":
    code = textwrap.dedent(WITHOUT_UNIX) + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SADARI_CACHE_DIR": str(tmp_path / "cache")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_training_and_comparing_need_nothing_that_only_unix_has(tmp_path: Path) -> None:
    done = without_unix(
        tmp_path,
        """
        import json
        import sadari
        run = sadari.train("shapes:images=60,size=16", "mlp", out="run", epochs=1)
        result = sadari.compare("shapes:images=60,size=16", ["majority", "logistic"], seeds=2, out="compared")
        print(json.dumps({"run": run.summary["judged_on"], "arms": [each.reason for each in result.arms]}))
        """,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"run": "test", "arms": ["", ""]}
    assert not list(tmp_path.rglob(".*.part"))


def test_what_a_machine_has_is_asked_without_unix(tmp_path: Path) -> None:
    done = without_unix(
        tmp_path, "import sys; sys.argv = ['sadari', 'doctor', '--json']; from sadari.cli.main import main; main()"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["machine"]["memory_gib"] is None


def test_a_system_that_does_not_say_its_memory_says_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_bytes() > 0
    monkeypatch.delattr(os, "sysconf")
    assert memory_bytes() == 0


@pytest.mark.parametrize(("cuda", "mps", "device"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_auto_takes_the_accelerator_that_is_there(
    cuda: bool, mps: bool, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    resolved = resolve_machine(Settings(device="auto", precision="auto"))
    assert (resolved.device, resolved.precision) == (device, "float32" if device != "cpu" else resolved.precision)
