"""How much memory has this process had at most? Linux only."""

from pathlib import Path


def peak_mib() -> float:
    """MiB. Not ru_maxrss, which begins with that of the process that started this one."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
