"""How does a run come into Weights & Biases while it trains? As a run of a project; WANDB_MODE=offline needs no net."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sadari.errors import SadariError
from sadari.loggers.protocol import End, Start

if TYPE_CHECKING:
    pass

SECONDS = 30.0  # that a run waits for W&B when it begins (assumed; W&B's own are 90)
WITHOUT_NET = ("offline", "disabled", "dryrun")
FAILED, INTERRUPTED = 1, 255  # exit codes, as W&B understands them


class WandbLogger:
    """Sends to PROJECT or ENTITY/PROJECT; without one to the project with the name of the data, or WANDB_PROJECT.

    W&B gets what is here alone: neither what is printed, nor the source, nor how busy the machine is.
    """

    def __init__(self, place: str) -> None:
        entity, _, self._project = place.rpartition("/")
        self._entity = entity or None

    def begin(self, start: Start) -> str:
        """Begin a run of W&B, or go on with the one that has this id. Raises SadariError where nobody is logged in."""
        import wandb

        if os.environ.get("WANDB_MODE", "online") not in WITHOUT_NET and not wandb.login(prompt=False):
            raise SadariError("nobody is logged in; run wandb login, or set WANDB_MODE=offline")
        self._run: wandb.Run = wandb.init(
            entity=self._entity,
            project=self._project or os.environ.get("WANDB_PROJECT") or start.project,
            id=start.known or None,
            name=start.name,
            dir=os.environ.get("WANDB_DIR") or Path.cwd(),  # else that of the first run of the process
            group=start.group or None,
            config={**start.params, **{f"run/{name}": text for name, text in start.tags.items()}},
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=SECONDS,
                disable_git=True,
                save_code=False,
                x_disable_stats=True,
                x_disable_meta=True,
            ),
        )
        return str(self._run.id)

    def epoch(self, row: Mapping[str, float]) -> None:
        """Send the row as that of the step of its epoch."""
        self._run.log(dict(row), step=int(row["epoch"]))

    def end(self, end: End) -> None:
        """Send scores as the summary of the run, pictures as its media, and the note."""
        import wandb

        self._run.summary.update({**end.figures, **({"result": end.note} if end.note else {})})
        if end.pictures:
            pictures = {name: wandb.Image(str(path)) for name, path in end.pictures.items()}
            self._run.log(pictures, step=end.step)
        self._run.finish(exit_code=0)

    def stop(self, interrupted: bool) -> None:
        """Mark the run as interrupted or failed."""
        self._run.finish(exit_code=INTERRUPTED if interrupted else FAILED)
