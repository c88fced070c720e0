"""What does "auto" mean on this machine? Device and precision are chosen once, when a run starts, and stored."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from threadpoolctl import threadpool_info, threadpool_limits

from sadari.errors import UsageError
from sadari.settings import Settings

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AMX, AVX512_BF16 = "AMX", "AVX512-BF16"
# Values of ONEDNN_MAX_CPU_ISA with which oneDNN multiplies no bfloat16 (its documentation, "CPU dispatcher control").
_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")


# Pixel values per batch from which a second thread pays. Measured on two cores: nine epochs of a cnn on batches of 128
# 8x8 images (8,192 values) take 0.50 s on one thread and 0.40 s on two, but forty times as long on two where another
# program uses the second core, because the threads wait for each other. On batches of 32 28x28 images (25,088 values)
# two threads train a2-cnn and a4-first 1.4 times, a4-cnn 1.3, mlp and a4-dnn 1.2 and lstm 0.8 times as fast as one; on
# 256 of them twice as fast.
SHARED_FROM = 16_384

# What glibc's malloc keeps for the next step instead of returning it to the system, in bytes, and the numbers of the
# two settings in its mallopt(3). By default, it returns each freed block above 32 MiB and all free memory at the end of
# the heap, and the next step pays a page fault for every 4 KiB of it: keeping it trains A0's networks 1.3 to 2.0 times
# as fast for 2 to 30 % more memory (measured on two cores, benchmarks/speed/kept_memory.py).
KEPT_BLOCK, KEPT_HEAP = 1 << 30, (1 << 31) - 1
_KEPT_BLOCK_BEFORE = 32 << 20  # the most that glibc accepts before 2.35
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_OMP_PAUSE_HARD = 2  # OpenMP 5.0's omp_pause_hard: the threads end, and the next parallel region starts others


def resolve_machine(settings: Settings) -> Settings:
    """Return `settings` with the device and precision of this machine in place of "auto"."""
    device = _device(settings.device)
    return replace(settings, device=device, precision=_precision(settings, device))


@contextmanager
def use_machine(settings: Settings, threads: int) -> Iterator[torch.device]:
    """Compute inside as `settings` (resolved) describe, with so many `threads`; yield the device.

    Afterwards the process has its own numbers of threads and its own choice of cuDNN's algorithms again, and what
    malloc kept for the next step is given back to the system. How much it keeps stays as it is set here: it changes no
    result, and no function returns what it was before.
    """
    keep_freed_memory()
    before, cudnn = torch.get_num_threads(), torch.backends.cudnn
    chosen = cudnn.benchmark, cudnn.deterministic
    device = torch.device(settings.device)
    with threadpool_limits(threads):  # of NumPy's products too, by which classical models are fitted
        torch.set_num_threads(threads)
        if device.type == "cuda":
            cudnn.benchmark, cudnn.deterministic = False, True  # the choice could differ between two runs
        try:
            yield device
        finally:
            cudnn.benchmark, cudnn.deterministic = chosen
            torch.set_num_threads(before)
            give_back_freed_memory()


def threads_for(settings: Settings, shape: tuple[int, int, int]) -> int:
    """Return how many processor threads share a batch of images of `shape`: as set, else all cores, or 1 if small."""
    return settings.threads or (cores() if values_of_batch(settings, shape) >= SHARED_FROM else 1)


def values_of_batch(settings: Settings, shape: tuple[int, int, int]) -> int:
    """Return the number of pixel values in a batch of images of `shape` (H, W, C)."""
    height, width, channels = shape
    return settings.batch_size * height * width * channels


def device_here(name: str) -> str:
    """Return the device `name` where this machine has it, else "cpu", which is enough to judge a finished model."""
    try:
        return _device(name)
    except UsageError:
        return "cpu"


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (":" in name and not number.isdecimal()):
        raise UsageError(f"device is auto, cpu, cuda, cuda:1 or mps, not '{name}'")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device is '{name}' but torch sees no CUDA device here; set device=cpu or leave it out")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise UsageError(f"device is '{name}' but there are {torch.cuda.device_count()} here; count from cuda:0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("device is 'mps' but torch sees none here; set device=cpu or leave it out")
    return name


def _precision(settings: Settings, device: str) -> str:
    """Return the precision that is set; for "auto" bfloat16 where the processor multiplies it, else float32.

    Measured, float32 over bfloat16, seconds of a training step, batch 256 of 28x28: with AMX 1.0 (mlp) to 3.0 (lstm);
    with AVX512-BF16 1.6 (sprint) to 2.1 (cnn2), see benchmarks/speed/arithmetic.json; 1.3 for the last half of
    EfficientNet-Lite0 (models/backbone/depthwise.py). Without such units bfloat16 is emulated and slow.
    """
    if settings.precision != "auto":
        return settings.precision
    fast = torch.cuda.is_bf16_supported() if device.startswith("cuda") else bool(bfloat16_units())
    return "bfloat16" if fast and device != "mps" else "float32"


def bfloat16_units() -> str:
    """Return which units of the processor multiply bfloat16: AMX, AVX512-BF16, or "" for none, or none that is known.

    "" too where ONEDNN_MAX_CPU_ISA keeps oneDNN, which computes torch's convolutions, from using them. ARM's are not
    among them: nothing was measured there.
    """
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in _WITHOUT_BFLOAT16:
        return ""
    questions = {AMX: "_is_amx_tile_supported", AVX512_BF16: "_is_avx512_bf16_supported"}  # private names of torch
    return next((units for units, name in questions.items() if (says := getattr(torch.cpu, name, None)) and says()), "")


def keep_freed_memory() -> None:
    """Let malloc keep the memory that one step frees for the next step, where the C library is glibc."""
    if _has_glibc():
        mallopt = ctypes.CDLL(None).mallopt
        if not mallopt(_M_MMAP_THRESHOLD, KEPT_BLOCK):
            mallopt(_M_MMAP_THRESHOLD, _KEPT_BLOCK_BEFORE)  # else it would stay at 128 KiB and no longer grow by itself
        mallopt(_M_TRIM_THRESHOLD, KEPT_HEAP)


def give_back_freed_memory() -> None:
    """Return to the system what malloc and the graphics processor's allocator keep free, as far as they can.

    What one network's steps leave free is in pieces that another network's tensors do not fit into: over a comparison
    in one process they would add up. Pages that are used again are fetched again.
    """
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()


def _has_glibc() -> bool:
    return "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", ())


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Treat numbers nearer to zero than float32's smallest normal one, 1.2e-38, as zero inside, where that is possible.

    Processors compute with them up to a hundred times slower. They come by the million where a unit no longer learns:
    Adam's mean of its gradients fades through them, and rounds to the same one for ever. Three dense layers on
    MobileNet's maps learnt a third as fast from the thirtieth epoch on (measured on two cores: 0.33 s an epoch at first
    and throughout with this, else 1.0 s at last). A thread takes this state from the thread that starts it, so torch's
    threads are started anew.
    """
    if _flushes_denormals() or not torch.set_flush_denormal(True):
        yield
        return
    _start_threads_anew()
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        _start_threads_anew()


def _flushes_denormals() -> bool:
    """Return whether this thread treats denormal numbers as zero already."""
    return not bool((torch.tensor([1e-39]) * 0.5).item())


def _start_threads_anew() -> None:
    """Let every OpenMP library of this process end the threads that wait for work of this one."""
    for library in threadpool_info():
        if library["user_api"] == "openmp":
            pause = getattr(ctypes.CDLL(library["filepath"]), "omp_pause_resource_all", None)
            if pause:
                pause(_OMP_PAUSE_HARD)


def cores() -> int:
    """Return how many processor cores this process may use, or fewer where the variable OMP_NUM_THREADS says so.

    Threads that share a batch wait for each other without sleeping. Where other work uses the same cores, that costs
    much time: two runs of cnn side by side, each with two threads, took more than ten times as long as with one each
    (seen on two busy cores).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) else cores
