"""What does training one job need? The network, what it learns from, and the files that say what the run is."""

from dataclasses import dataclass
from pathlib import Path

from sadari.data.augment.pipeline import Augmentation, parse_augmentation
from sadari.data.prepare import Preprocess
from sadari.files import read_json, write_json, write_text
from sadari.inference.device import threads_for, use_machine
from sadari.inference.model import Architecture
from sadari.job import Job, chosen_settings
from sadari.models.classical import check_variables
from sadari.models.rung import Rung
from sadari.models.sequential import Network
from sadari.progress import Progress
from sadari.run import environment, write_split
from sadari.training.checkpoint import Checkpoint
from sadari.training.folder import require_same_data
from sadari.training.log import Log
from sadari.training.prefix import Learning, check_views, lay_out
from sadari.training.randomness import seed_for
from sadari.training.start import architecture_of, start_weights
from sadari.values import ImageSet, Split


@dataclass(frozen=True, eq=False)
class Workshop:
    """Everything that training one job needs.

    augmentation: how images are drawn anew in each epoch; None where they are not, or were drawn already.
    """

    job: Job
    rung: Rung
    images: ImageSet
    split: Split
    preprocess: Preprocess
    architecture: Architecture
    network: Network
    learning: Learning
    augmentation: Augmentation | None
    out: Path
    log: Log

    @property
    def checkpoint(self) -> Checkpoint:
        return checkpoint_of(self.out)


def checkpoint_of(out: Path) -> Checkpoint:
    return Checkpoint(out / "checkpoint" / "state.safetensors")


def set_up(
    job: Job, rung: Rung, images: ImageSet, split: Split, out: Path, progress: Progress, threads: int = 0
) -> Workshop:
    """Lay out the job, and the files that say what it is. A network that does not fit leaves nothing behind.

    threads: of a run that begins, where its settings do not say; 0: as `threads_for` says.
    """
    require_same_data(out, images)  # what else is kept in `out` may not fit other images
    settings = job.settings
    stamped = out / "environment.json"
    architecture = architecture_of(job, rung, images, out)
    # As many threads as the run began with: another number would add up in another order.
    began = read_json(stamped)["threads"] if stamped.is_file() else 0
    threads = began or settings.threads or threads or threads_for(settings, images.shape)
    device = use_machine(settings, threads)
    network = architecture.build(seed_for(job.seed, "weights"))
    kept = checkpoint_of(out).read()
    if kept:
        network.load_state_dict(kept[1]["network"])
    digest = "" if kept else start_weights(network, architecture, out)
    if not architecture.classical:  # scikit-learn's rungs stay on the processor
        network.to(device)
    augmentation = parse_augmentation(settings.augment, *images.shape[:2])
    check_views(settings, augmentation)
    check_variables(job.variables if architecture.classical else {})
    preprocess = Preprocess.fitted(
        images, split.train, settings.scaling, settings.fit, architecture.scaling, settings.interpolation
    )
    write_text(out / "settings.toml", job.to_toml())
    if not stamped.is_file():
        data = {"name": images.name, "fingerprint": images.fingerprint, "notes": images.notes}
        document = {**environment(), "threads": threads, "data": data, "layers": rung.layers}
        if architecture.pretrained:
            document |= {"pretrained": architecture.pretrained.to_json(), "weights_sha256": digest}
        write_json(stamped, document)
    write_json(out / "preprocess.json", preprocess.to_json())
    write_split(out / "split.npz", split)
    log = Log(out / "log.txt", progress)
    log.note(f"{rung.name} on {images.name}, seed {job.seed}: {split.origin}")
    # Not the precision, which "auto" has become on this machine.
    unused = [key for key in chosen_settings(job) if key != "precision" and not rung.uses(key)]
    if unused:
        have = "has" if len(unused) == 1 else "have"
        log.say(f"{rung.name} is not fitted by gradient steps: {', '.join(unused)} {have} no effect")
    if architecture.classical:
        augmentation = None
    if settings.views and not settings.augment:
        log.say(f"views={settings.views} has no effect without augment")
    learning = lay_out(network, preprocess, images, split.train, augmentation, settings, log)
    if learning.views:
        augmentation = None
    return Workshop(job, rung, images, split, preprocess, architecture, network, learning, augmentation, out, log)
