"""Write the code in docs/plug-ins.md: the files of the example package, each below the comment that names it.

uv run python docs/write_plug_ins.py
"""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "plug-ins.md"
EXAMPLE = Path(__file__).parents[1] / "examples" / "plug-in"
BLOCK = re.compile(r"<!-- (\S+) -->\n(?:\n```\w+\n.*?\n```\n)?", re.DOTALL)


def with_code(page: str) -> str:
    """Return the page with the files of the example below their names."""
    return BLOCK.sub(lambda found: f"<!-- {found[1]} -->\n\n{_block(found[1])}\n", page)


def _block(name: str) -> str:
    path = next(EXAMPLE.rglob(name))
    text = path.read_text(encoding="utf-8").strip()
    if path.suffix == ".toml":  # the entry points alone
        text = "\n".join(line for line in text.splitlines() if "sadari_extras" in line or "entry-points" in line)
        text = text.replace("\n[", "\n\n[").partition("\n[tool")[0].partition("\npackages")[0].strip()
    return f"```{'toml' if path.suffix == '.toml' else 'python'}\n{text}\n```"


if __name__ == "__main__":
    PAGE.write_text(with_code(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
