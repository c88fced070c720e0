"""Write the package's tree into docs/architecture.md: one line for each file, the first line of its docstring.

uv run python docs/write_tree.py
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src" / "sadari"
PAGE = Path(__file__).parent / "architecture.md"
BEGIN, END = "<!-- tree: uv run python docs/write_tree.py -->\n", "<!-- end of tree -->\n"
NAMES = 26  # letters of the column of names


def first_line(path: Path) -> str:
    """Return the first line of the docstring of the module at `path`."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text, f"{path} has no docstring"
    return text.splitlines()[0]


def tree(folder: Path = ROOT, depth: int = 0) -> list[str]:
    """Return a line for each module in `folder`, files before folders, each folder with the line of its package."""
    lines = []
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            lines.append(_line(depth, path.name, first_line(path)))
    for each in sorted(path for path in folder.iterdir() if (path / "__init__.py").is_file()):
        lines += [_line(depth, f"{each.name}/", first_line(each / "__init__.py")), *tree(each, depth + 1)]
    return lines


def _line(depth: int, name: str, text: str) -> str:
    return f"{'  ' * depth}{name}".ljust(NAMES) + f"  {text}"


def with_tree(page: str) -> str:
    """Return `page` with the tree as it is now between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join([before, BEGIN, "\n```text\n", "\n".join(tree()), "\n```\n\n", END, after])


if __name__ == "__main__":
    PAGE.write_text(with_tree(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
