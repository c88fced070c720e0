"""What was reported while a run was made? Every sentence with its time, in the run's `log.txt`."""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from sadari.files import write_text
from sadari.progress import Progress, Task


class Log:
    """A Progress that also writes its sentences: `shown` shows them, the file `path` has them, after older ones."""

    def __init__(self, path: Path, shown: Progress) -> None:
        self._path = path
        self._shown = shown
        self._text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def say(self, sentence: str) -> None:
        """Show the sentence and write it; raise SadariError where the disk is full."""
        self._shown.say(sentence)
        self.note(sentence)

    def note(self, *sentences: str) -> None:
        """Write the sentences without showing them; raise SadariError where the disk is full."""
        self._text += "".join(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {each}\n" for each in sentences)
        write_text(self._path, self._text)

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        """Show the work; the file has nothing of it."""
        return self._shown.task(label, total, unit)
