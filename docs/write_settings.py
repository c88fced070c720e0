"""Write docs/settings.md: every setting, and the variables of each model, as the code has them.

uv run python docs/write_settings.py
"""

from pathlib import Path

from sadari.cli.settings import described, printed, setting_rows
from sadari.models.catalog import MODELS
from sadari.settings import OTHER_NAMES

PAGE = Path(__file__).parent / "settings.md"
HEAD = """# Settings

`--set key=value` on the command line, keywords in Python, `[settings]` in a study or in a network's file. `sadari
settings` prints this list, `sadari settings MODEL` that of one model with its own defaults and variables.

Several values of one setting, each an arm of a comparison: `--vary key=v1,v2` or `--vary key=lo:hi:step`. A value that
holds a comma stands in double quotes, and the whole in single ones for the shell: `--vary 'augment="rotate 30,
flip",zoom 0.1'`; `""` is the empty value. In a study, a list does: `vary = { augment = ["rotate 30, flip", "zoom
0.1"] }`, in Python `vary={"augment": [...]}`. Values are compared as values: 0.1 and 1e-1 are
one, which is refused. A claim names a value as it is: `argmax(augment) = rotate 30, flip`.
"""


def page() -> str:
    """Return the page as text."""
    lines = [HEAD, "| setting | default | what it is for |", "|---|---|---|"]
    for row in setting_rows():
        meaning = described(row).replace("|", "\\|")
        lines.append(f"| `{row['name']}` | `{printed(row['default'])}` | {meaning} |")
    lines += ["", "## Variables of the models", "", "| model | variables and their defaults |", "|---|---|"]
    for spec in MODELS:
        if spec.variables:
            listed = ", ".join(f"`{key} = {printed(value)}`" for key, value in spec.variables.items())
            lines.append(f"| `{spec.name}` | {listed} |")
    lines += ["", "## Names that other libraries have", "", "| there | here |", "|---|---|"]
    lines += [f"| `{other}` | `{name}` |" for other, name in sorted(OTHER_NAMES.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
