"""What was reported while a run was made? Every sentence with its time, in the run's `log.txt`."""

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from sadari.errors import SadariError
from sadari.files import exists, write_text
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
        """Write the sentences without showing them; raise SadariError where disk or folder fail."""
        if self._text:
            require_there(self._path.parent)
        self._text += "".join(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {each}\n" for each in sentences)
        write_text(self._path, self._text)

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Task]:
        """Show the work; the file has nothing of it."""
        return self._shown.task(label, total, unit)


def require_there(folder: Path) -> None:
    """Raise SadariError where the folder of a run that is under way has another name now, or is gone."""
    if not exists(folder):
        raise SadariError(
            f"the folder '{folder}' was renamed, moved or removed while its run was trained; what was stored "
            "until then is in the folder with its new name: go on with sadari resume and that name"
        )
