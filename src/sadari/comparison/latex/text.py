"""How do names, numbers and tables become LaTeX? Names are escaped; booktabs draws the lines, siunitx on request."""

from collections.abc import Sequence
from dataclasses import dataclass

from sadari.evaluation.sentences import LEVEL

# What LaTeX reads as a command, or sets as another letter than was typed.
ESCAPED = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "{}$&#%_"},
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    "\u00d7": r"$\times$",
    "±": r"$\pm$",
    "\u2212": "$-$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "\u2013": "--",
    "\u2014": "---",
}
NONE = "--"  # of a figure that is not known
LATIN = "\u024f"  # the last letter that pdfLaTeX sets without another font (Latin Extended-B)
LEAST_P = 0.001
WIDE = 5  # columns; with more it is set smaller and closer (assumed: seven fit a page with margins of an inch)


def escaped(text: str) -> str:
    """Return `text` as LaTeX that prints it; control characters become spaces."""
    spaced = "".join(letter if letter.isprintable() else " " for letter in text)
    apart = spaced.replace("--", "-\0-").replace("--", "-\0-")  # else they become a dash
    return "".join("{}" if letter == "\0" else ESCAPED.get(letter, letter) for letter in apart)


def percent(sentence: str) -> str:
    """Return an escaped sentence whose "95 % interval" does not break at the space."""
    return escaped(sentence).replace(r" \%", r"\,\%")


def figure(value: float | None, style: str = ".3f") -> str:
    """Return a number as text, its minus as one; NONE for None."""
    if value is None:
        return NONE
    text = format(value, style)
    return f"$-${text[1:]}" if text.startswith("-") else text


def ends(low: float, high: float, style: str = ".3f") -> str:
    """Return an interval as text, such as [0.912, 0.948]."""
    return f"[{figure(low, style)}, {figure(high, style)}]"


def p_cell(p: float) -> str:
    """Return a p value with three digits, with more where three hide on which side of 5 % it is."""
    if p < LEAST_P:
        return f"$<$\\,{LEAST_P:g}"
    digits = next((each for each in range(3, 17) if (float(f"{p:.{each}f}") < LEVEL) == (p < LEVEL)), 17)
    return f"{p:.{digits}f}"


@dataclass(frozen=True)
class Column:
    """One column: its heading as LaTeX, and its cells, one a row.

    digits: before and after the point, of a column of nothing but such numbers, which siunitx may align; (0, 0) for
    any other one. left: set to the left, as names are.
    """

    heading: str
    cells: Sequence[str]
    digits: tuple[int, int] = (0, 0)
    left: bool = False

    def aligned(self, siunitx: bool) -> str:
        """Return the letter of the column in the preamble of its table."""
        if siunitx and any(self.digits):
            return f"S[table-format={self.digits[0]}.{self.digits[1]}]"
        return "l" if self.left else "r"

    def shown(self, cell: str, siunitx: bool) -> str:
        """Return a cell; what is no number stands in braces where siunitx aligns the column."""
        if not (siunitx and any(self.digits)):
            return cell
        return cell if cell.replace(".", "", 1).isdecimal() else f"{{{cell}}}"


@dataclass(frozen=True)
class Table:
    """A table of a paper. caption: LaTeX; label: for \\ref; notes: lines that stand above it as comments."""

    columns: Sequence[Column]
    caption: str
    label: str
    notes: Sequence[str] = ()

    def text(self, siunitx: bool) -> str:
        """Return the table as LaTeX."""
        preamble = " ".join(each.aligned(siunitx) for each in self.columns)
        headings = (each.shown(each.heading, siunitx) for each in self.columns)
        rows = zip(*([each.shown(cell, siunitx) for cell in each.cells] for each in self.columns), strict=True)
        lines = [
            *(f"% {_comment(note)}" for note in self.notes),
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{self.caption}}}",
            f"  \\label{{{self.label}}}",
            *([r"  \footnotesize", r"  \setlength{\tabcolsep}{4pt}"] if len(self.columns) > WIDE else []),
            f"  \\begin{{tabular}}{{{preamble}}}",
            r"    \toprule",
            f"    {' & '.join(headings)} \\\\",
            r"    \midrule",
            *(f"    {_begun(' & '.join(row))} \\\\" for row in rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        return "\n".join(lines) + "\n"


def document(tables: Sequence[Table], siunitx: bool) -> str:
    """Return the tables one below the other, below a comment on the packages that they need."""
    packages = "booktabs" + (" and siunitx" if siunitx else "")
    text = "\n".join(each.text(siunitx) for each in tables)
    lines = [f"% needs the LaTeX package{'s' if siunitx else ''} {packages}"]
    if any(letter > LATIN for letter in text):
        lines.append("% has letters that pdfLaTeX does not know: use LuaLaTeX or XeLaTeX with a font that has them")
    return "\n".join([*lines, text])


def label_of(name: str) -> str:
    """Return a label for \\ref of a table about `name`: letters, digits and dashes alone."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    return f"tab:{'-'.join(filter(None, plain.split('-'))) or 'result'}"


def _begun(row: str) -> str:
    """Return a row that the end of the one before does not read as its own option: `\\\\[1pt]` and `\\\\*`."""
    return f"{{}}{row}" if row.startswith(("[", "*")) else row


def _comment(text: str) -> str:
    """Return `text` for a comment, which must stay on its line."""
    return " ".join(text.split())
