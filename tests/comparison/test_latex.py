"""Does the table of a result become LaTeX that compiles, with escaped names, intervals and the protocol?"""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sadari.comparison.claims.verdict import ClaimVerdict
from sadari.comparison.latex.text import escaped, label_of, p_cell
from sadari.comparison.result import ComparisonResult
from sadari.errors import UsageError
from support.comparing import request, run
from support.fake_training import FakeTrainer

ODD = r"50% & more_#1 {a}\b ~x^2 $5 <y> | `z` -- dash"


def tables(text: str) -> list[tuple[str, list[list[str]]]]:
    """The caption and the cells of every table, headings first; asserts that rows, braces and environments fit."""
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = plain.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    for name in ("table", "tabular"):
        assert plain.count(f"\\begin{{{name}}}") == plain.count(f"\\end{{{name}}}")
    found = []
    for whole in re.findall(r"\\begin{table}(.*?)\\end{table}", plain, re.DOTALL):
        [preamble] = re.findall(r"\\begin{tabular}{(.*)}\n", whole)
        columns = len(re.findall(r"S\[[^]]*]|[lr]", preamble))
        lines = re.findall(r"^    (.*) \\\\$", whole, re.MULTILINE)
        cells = [re.split(r"(?<!\\) & ", line) for line in lines]
        assert {len(each) for each in cells} == {columns}, (preamble, lines)
        [caption] = re.findall(r"\\caption{(.*)}\n", whole)
        found.append((caption, cells))
    return found


def compiled(folder: Path, body: str, *packages: str) -> str:
    """Compile `body` by pdfLaTeX and return its log; skips where there is none."""
    if shutil.which("pdflatex") is None:
        pytest.skip("there is no pdflatex; on Debian: apt-get install texlive-latex-recommended")
    used = "".join(f"\\usepackage{{{name}}}" for name in ("booktabs", *packages))
    head = f"\\documentclass{{article}}\\usepackage[margin=1in]{{geometry}}{used}"
    page = f"{head}\\begin{{document}}{body}\\end{{document}}"
    (folder / "page.tex").write_text(page, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    return run(request("softmax", "mlp", "majority", epochs=2), tmp_path_factory.mktemp("latex"), FakeTrainer())


def test_a_row_an_arm_with_intervals_and_the_protocol(result: ComparisonResult) -> None:
    [(caption, [heading, *rows])] = tables(result.to_latex())
    assert heading[:5] == ["Model", "Accuracy", r"95\,\% interval", "To the best (points)", "$p$"]
    assert [escaped(arm.name) in row[0] for arm, row in zip(result.arms, rows, strict=True)] == [True] * 3
    best = result.arms[0]
    assert best.accuracy is not None
    assert rows[0][1] == f"{best.accuracy.mean:.3f}"
    assert rows[0][2] == f"[{best.accuracy.low:.3f}, {best.accuracy.high:.3f}]"
    assert rows[0][3:5] == ["--", "--"]
    [verdict] = [each for each in result.verdicts if {each.a, each.b} == {best.name, result.arms[1].name}]
    points = abs(100 * verdict.difference)
    assert rows[1][3].startswith(f"$-${points:.1f} [$-$") and rows[1][4] == p_cell(verdict.p)
    for said in ("test images of digits", "2 seeds", "these models, this training set", "for 3 pairs by Holm's method"):
        assert said in caption
    assert r"Intervals of 95\,\% count seeds and images" in caption


def test_bold_names_are_the_best_and_what_is_not_shown_to_be_worse(result: ComparisonResult) -> None:
    best, second, third = (arm.name for arm in result.arms)
    verdicts = tuple(
        replace(each, verdict="no difference shown" if third not in (each.a, each.b) else "better")
        if third == each.b
        else replace(each, verdict="worse" if third == each.a else "no difference shown")
        for each in result.verdicts
    )
    [(caption, [_, *rows])] = tables(replace(result, verdicts=verdicts).to_latex())
    assert [row[0].startswith(r"\textbf{") for row in rows] == [True, True, False], (best, second)
    assert "Bold: the best, and what is not shown to be worse." in caption


def test_figures_a_caption_and_a_label_of_ones_own(result: ComparisonResult) -> None:
    text = result.to_latex(figures=("macro_f1",), caption=r"Mine, \emph{all} of it.", label="tab:mine")
    [(caption, [heading, first, *_])] = tables(text)
    assert caption.startswith(r"Mine, \emph{all} of it. Images: ") and r"\label{tab:mine}" in text
    at = heading.index("Macro F1")
    assert first[at] == f"{result.arms[0].macro_f1:.3f}" and first[at + 1].startswith("[")
    with pytest.raises(UsageError, match="unknown figure 'f2'"):
        result.to_latex(figures=("f2",))


def test_odd_names_failed_arms_and_claims(result: ComparisonResult, tmp_path: Path) -> None:
    first, *others = result.arms
    failed = replace(others[-1], accuracy=None, seeds=(), status="failed", reason="no_memory & more")
    claim = ClaimVerdict("a > b", ODD, "not shown", "a, b: 1.0 points\nmore")
    odd = replace(
        result, arms=(replace(first, name=ODD), others[0], failed), claims=(claim,), title="100% & more", verdicts=()
    )
    text = odd.to_latex()
    [(caption, [_, *rows]), (_, [_, claimed])] = tables(text)
    assert rows[0][0] == escaped(ODD) and rows[2][1:3] == ["--", "--"]
    assert r"failed: no\_memory \& more." in caption and r"100\,\% \& more" in caption.replace(r"100\% ", r"100\,\% ")
    assert claimed == [escaped(ODD), r"\texttt{a \textgreater{} b}", "not shown"]
    log = compiled(tmp_path, text + result.to_latex(figures=("macro_f1",)))
    assert "Missing character" not in log and "undefined" not in log.replace("shape `OML/cmtt/m/n' undefined", "")


def test_a_name_that_begins_like_an_option_of_the_row_before(result: ComparisonResult, tmp_path: Path) -> None:
    first, second, *others = result.arms
    odd = (replace(first, name="[1pt] best"), replace(second, name="*starred"), *others)
    claims = (ClaimVerdict("a > b", "[both] of them", "not shown", ""),)
    text = replace(result, arms=odd, claims=claims, verdicts=()).to_latex()
    assert "{}[1pt] best &" in text and "{}*starred &" in text and "{}[both] of them &" in text
    compiled(tmp_path, text)


def test_the_usual_table_fits_a_page(result: ComparisonResult, tmp_path: Path) -> None:
    assert "Overfull \\hbox" not in compiled(tmp_path, result.to_latex())


def test_siunitx_aligns_numbers_where_it_is_wanted(result: ComparisonResult, tmp_path: Path) -> None:
    text = result.to_latex(siunitx=True)
    [(_, [heading, *_])] = tables(text)
    assert "{l S[table-format=1.3] r r S[table-format=1.3] r r}" in text and heading[1] == "{Accuracy}"
    assert "siunitx" not in result.to_latex()
    if shutil.which("kpsewhich") and subprocess.run(["kpsewhich", "siunitx.sty"], check=False).returncode:
        pytest.skip("LaTeX has no siunitx")
    compiled(tmp_path, text, "siunitx")


def test_letters_that_pdflatex_does_not_know_are_said() -> None:
    from sadari.comparison.latex.text import Column, Table, document

    text = document([Table([Column("Model", ["사다리"], left=True)], "c", "tab:x")], siunitx=False)
    assert "use LuaLaTeX or XeLaTeX" in text and "사다리" in text


def test_names_labels_and_p() -> None:
    assert escaped("a\tb\n") == "a b "
    assert escaped("---") == "-{}-{}-"
    assert label_of("Füße & 100 %!") == "tab:f-e-100"
    assert label_of("사다리") == "tab:result"
    assert [p_cell(each) for each in (0.0001, 0.04999, 0.5)] == [r"$<$\,0.001", "0.04999", "0.500"]
