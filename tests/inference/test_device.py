"""Does a run find the machine as it should be: its threads, and the memory of the step before?"""

import ctypes
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sadari.errors import UsageError
from sadari.inference import device as device_module
from sadari.inference.device import (
    PRECISIONS,
    bfloat16_units,
    denormals_flushed,
    device_here,
    resolve_machine,
    threads_for,
)
from sadari.settings import Settings
from support.jobs import job_for
from support.memory import MEBIBYTES

TRIM = device_module._M_TRIM_THRESHOLD


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", ()), reason="malloc is not glibc's")
def test_what_a_step_frees_is_kept_for_the_next_one() -> None:
    """In a process of its own: malloc keeps less of what threads besides the first one free."""
    program = (
        "from sadari.inference.device import use_machine\n"
        "from sadari.settings import Settings\n"
        "from support.memory import faults_of_taking_memory\n"
        "with use_machine(Settings(device='cpu'), 1):\n"
        # A small object may lie in the hole that the first one leaves: the others need a little less.
        "    print(min(faults_of_taking_memory(less) for less in range(8)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 0.1 * (MEBIBYTES << 20) / resource.getpagesize()


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", ()), reason="malloc is not glibc's")
def test_what_is_free_at_the_end_goes_back_to_the_system() -> None:
    """In a process of its own: many blocks, every other one of which stays, as gaps stay between what a run leaves."""
    program = (
        "import torch\n"
        "from sadari.inference.device import use_machine\n"
        "from sadari.settings import Settings\n"
        "from support.memory import held_mebibytes\n"
        "with use_machine(Settings(device='cpu'), 1):\n"
        "    blocks = [torch.ones(1 << 20, dtype=torch.uint8) for _ in range(200)]\n"
        "    del blocks[::2]\n"
        "    inside = held_mebibytes()\n"
        "print(inside - held_mebibytes())"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert 90 < float(done.stdout) < 150


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", ()), reason="malloc is not glibc's")
@pytest.mark.parametrize(("most", "kept"), [(1 << 40, 1 << 30), (32 << 20, 32 << 20)], ids=["glibc 2.35", "before"])
def test_malloc_keeps_the_largest_blocks_that_it_is_able_to(
    most: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[int, int] = {}

    def mallopt(what: int, value: int) -> int:
        accepted = value <= most or what == TRIM
        if accepted:
            taken[what] = value
        return int(accepted)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    device_module.keep_freed_memory()
    assert taken == {TRIM: device_module.KEPT_HEAP, device_module._M_MMAP_THRESHOLD: kept}


@pytest.mark.parametrize(("size", "threads"), [(8, 1), (64, 0), (8, 3)])
def test_small_batches_get_one_thread_and_a_number_that_was_set_stands(
    size: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    settings = Settings(batch_size=128, threads=threads)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    expected = threads or (1 if size == 8 else cores)
    assert threads_for(settings, (size, size, 1)) == expected


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("1000", None), ("0", None), ("four", None), ("4,2", None)])
def test_the_usual_variable_bounds_the_threads(said: str, threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(batch_size=128)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = threads_for(settings, (64, 64, 1))
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert threads_for(settings, (64, 64, 1)) == (threads or cores)
    assert threads_for(Settings(threads=3), (64, 64, 1)) == 3


def flushed() -> list[bool]:
    """Return whether all, and whether any, of many products of denormal numbers are zero."""
    products = torch.full((4_000_000,), 1e-39) * 0.5  # so many that all threads share them
    return [bool((products == 0).all()), bool((products == 0).any())]


def test_denormals_count_as_zero_in_threads_that_ran_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert flushed() == [False, False]
        with denormals_flushed():
            assert flushed() == [True, True]
        assert flushed() == [False, False]
        monkeypatch.setattr(torch, "set_flush_denormal", lambda _: False)  # a processor that knows no such state
        with denormals_flushed():
            assert flushed() == [False, False]
    finally:
        torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_refused_for_training_and_replaced_for_judging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, message in (
        ("cuda:99", "device is 'cuda:99' but"),
        ("cpu:x", "device is auto"),
        ("tpu", "device is auto"),
    ):
        with pytest.raises(UsageError, match=message):
            resolve_machine(job_for("majority", device=name).settings)
        assert device_here(name) == "cpu"
    resolved = resolve_machine(job_for("majority", device="auto", threads=0, precision="auto").settings)
    assert resolved.device in ("cpu", "cuda")
    assert threads_for(resolved, (8, 8, 1)) == 1
    assert threads_for(resolved, (224, 224, 3)) == len(os.sched_getaffinity(0))
    assert threads_for(job_for("majority", threads=3).settings, (8, 8, 1)) == 3
    assert resolved.precision in ("float32", "bfloat16")


# Which private questions torch answers with yes, the value of ONEDNN_MAX_CPU_ISA, and what auto is then.
PROCESSORS = {
    "AMX": ({"_is_amx_tile_supported", "_is_avx512_bf16_supported"}, "", "bfloat16"),
    "AVX512-BF16": ({"_is_avx512_bf16_supported"}, "", "bfloat16"),
    "AVX2": (set(), "", "float32"),
    "held back": ({"_is_amx_tile_supported", "_is_avx512_bf16_supported"}, "avx2", "float32"),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_auto_takes_the_precision_that_is_faster_on_this_kind_of_processor(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    has, limit, expected = PROCESSORS[name]
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    for question in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, question, lambda yes=question in has: yes)
    settings = job_for("majority", device="cpu", precision="auto").settings
    assert resolve_machine(settings).precision == expected
    assert bool(bfloat16_units()) == (expected == "bfloat16")
    for set_by_user in PRECISIONS:
        assert resolve_machine(replace(settings, precision=set_by_user)).precision == set_by_user


def test_where_torch_does_not_say_what_the_processor_has_precision_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """The questions have private names, which another version of torch may lack."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert resolve_machine(job_for("majority", device="cpu", precision="auto").settings).precision == "float32"
