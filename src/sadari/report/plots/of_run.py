"""Which pictures has a single run? Those that the report of a comparison has, drawn when its training has ended."""

from dataclasses import replace
from pathlib import Path

from sadari.run import RunRecord


def write_run_plots(run: RunRecord) -> tuple[Path, ...]:
    """Draw what the finished `run` shows by itself into its folder `plots`; returns and raises as `write_plots`."""
    from sadari.comparison.reopen import reopen  # with what draws it takes seconds to load, which only trackers want
    from sadari.report.plots.files import write_plots

    return write_plots(replace(reopen([run.path]), out=run.path))
