"""How does a table show the rates of many settings? By the lowest and the highest."""

from collections.abc import Sequence


def spread_of(rates: Sequence[float]) -> str:
    """Return the lowest and the highest of `rates`, in per cent."""
    return f"{100 * min(rates):.1f} - {100 * max(rates):.1f}" if rates else "-"
