"""Where is a run stored while an estimator fits, and what remains when its folder is gone? Its files, in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sadari.data.cache.digests import digest_texts
from sadari.errors import UsageError
from sadari.files import read_json, write_bytes, write_json
from sadari.inference.classifier import Classifier
from sadari.inference.unknown.stored import Abstention, KnownImages
from sadari.job import Job
from sadari.job_record import JobRecord
from sadari.run import KNOWN, SCORES, SETTINGS
from sadari.unfinished import temporary_folder
from sadari.values import ImageSet

EVENTS = "events."  # how the names of TensorBoard's files begin


@dataclass(frozen=True, eq=False)
class RunSnapshot:
    """A finished run without a folder. files: the bytes of each of its files, by name, except TensorBoard's."""

    files: Mapping[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> "RunSnapshot":
        """Read the finished run in `folder`."""
        found = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith(EVENTS))
        return cls({each.name: each.read_bytes() for each in found})

    @property
    def job(self) -> JobRecord:
        """The job of the run."""
        return JobRecord.from_toml(self.files[SETTINGS].decode("utf-8"))

    def write(self, folder: Path) -> None:
        """Write the run's files to `folder`; raise SadariError where that cannot be."""
        for name, content in self.files.items():
            write_bytes(folder / name, content)
        write_json(folder / SCORES, {**read_json(folder / SCORES), "run": str(folder.resolve())})

    def open(self) -> Classifier:
        """Load the run's model, ready to predict."""
        with temporary_folder("run") as folder:
            self.write(folder.path)
            return Classifier.open(folder.path)

    def abstention(self, kept: float, score: str) -> Abstention:
        """Return how the model decides whether an image is known; see `KnownImages.abstention`.

        Raises UsageError also where the run does not say, as those without validation images.
        """
        if KNOWN not in self.files:
            raise UsageError(
                "this model does not say which images are known: that takes validation images, so fit it with a "
                "validation_fraction above 0"
            )
        with temporary_folder("known") as folder:
            write_bytes(folder.path / KNOWN, self.files[KNOWN])
            return KnownImages.read(folder.path / KNOWN).abstention(kept, score)


@contextmanager
def run_folder(out: str | Path | None, job: Job, images: ImageSet) -> Iterator[Path]:
    """Give the run of `job` on `images` a folder: one in `out`, else a temporary one, which is removed afterwards.

    The same job on the same images gets the same folder in `out`, so that a finished run is found there and an
    interrupted one goes on.
    """
    if out is not None:
        digest = digest_texts(job.record.to_toml(), images.fingerprint)[:12]
        yield Path(out) / f"{job.model.name}-seed{job.seed}-{digest}"
        return
    with temporary_folder("run") as folder:
        yield folder.path / "run"
