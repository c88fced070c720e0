"""Where does a run lie while it is made, and what stays of it when its folder is gone? Its files, in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from threadpoolctl import threadpool_limits

from sadari.data.cache.digests import digest_texts
from sadari.files import read_json, write_bytes, write_json
from sadari.inference.classifier import Classifier
from sadari.job import Job
from sadari.models.catalog import find_model
from sadari.values import ImageSet

SCORES = "scores.json"
EVENTS = "events."  # how the names of TensorBoard's files begin
TEMPORARY = "sadari-"  # how the names of temporary folders begin


@dataclass(frozen=True, eq=False)
class KeptRun:
    """A finished run without a folder. files: the bytes of each of its files, by name; TensorBoard's are left out."""

    files: Mapping[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> "KeptRun":
        """The finished run in `folder`."""
        found = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith(EVENTS))
        return cls({each.name: each.read_bytes() for each in found})

    @property
    def job(self) -> Job:
        return Job.from_toml(self.files["settings.toml"].decode("utf-8"))

    def write(self, folder: Path) -> None:
        """Lay the run down in `folder` again. Raises SadariError where that cannot be written."""
        for name, content in self.files.items():
            write_bytes(folder / name, content)
        write_json(folder / SCORES, {**read_json(folder / SCORES), "run": str(folder.resolve())})

    def open(self) -> Classifier:
        """Its model, ready to predict."""
        with TemporaryDirectory(prefix=TEMPORARY) as folder, threads_given_back():
            self.write(Path(folder))
            return Classifier.open(folder)


@contextmanager
def run_folder(out: str | Path | None, job: Job, images: ImageSet) -> Iterator[Path]:
    """Which folder does the run of `job` on `images` get? One of its own in `out`, else one that is gone afterwards.

    The same job on the same images gets the same folder, so that it is found there, finished or begun.
    """
    if out is not None:
        words = digest_texts(job.to_toml(), images.fingerprint)[:12]
        yield Path(out) / f"{find_model(job.model).name}-seed{job.seed}-{words}"
        return
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        yield Path(folder) / "run"


@contextmanager
def threads_given_back() -> Iterator[None]:
    """Whose are the threads? Inside, Sadari takes as many as suit its images; afterwards the process has its own."""
    before = torch.get_num_threads()
    with threadpool_limits(limits=None):
        try:
            yield
        finally:
            torch.set_num_threads(before)
