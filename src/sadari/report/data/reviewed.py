"""What does the page of `data review --html` show? Each suspect beside typical pictures of both classes, to look at."""

from collections.abc import Iterator
from pathlib import Path

from sadari.files import write_text
from sadari.report.data.checked import MOST_GROUPS, Group, Shown, shown_picture
from sadari.report.page import render_plain
from sadari.review.suspects import Review, Suspect

BESIDE = 2  # typical pictures of each of the two classes


def write_reviewed(review: Review, path: Path) -> None:
    """Write the suspects of `review` to `path` as a page without a script, the most suspect first.

    Raises SadariError where the page cannot be written.
    """
    suspects = review.suspects
    typical = review.typical(BESIDE)
    groups = [
        Group(
            f"{each.label}, or {each.suggested} ({each.probability:.2f})?", tuple(_pictures(review, each, typical)), 0
        )
        for each in suspects[:MOST_GROUPS]
    ]
    left_out = len(suspects) - len(groups)
    more = (f"{left_out:,} more suspects are not shown; --json lists all",) if left_out else ()
    sentences = (*review.sentences, *more, *review.images.notes)
    many = f"{len(suspects):,} suspect label{'' if len(suspects) == 1 else 's'}"
    title, facts = f"{review.images.name}: {many}", "each beside typical pictures of both classes"
    shown = {"title": title, "facts": facts, "sentences": sentences, "groups": groups, "left_out": 0}
    write_text(path, render_plain("checked.html.j2", **shown))


def _pictures(review: Review, suspect: Suspect, typical: dict[str, list[int]]) -> Iterator[Shown]:
    images = review.images
    split = str(images.source_split[suspect.position]) or "suspect"
    yield shown_picture(images, suspect.position, suspect.file, split, suspect.label)
    for name in (suspect.label, suspect.suggested):
        for position in typical[name]:
            yield shown_picture(images, position, str(images.ids[position]), "typical", name)
