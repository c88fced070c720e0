"""How do the modules of the page become one script? A page that is opened as a file may not import any.

Each module becomes a function that returns what it exports. Only the forms of `import` and `export` that these modules
use are known; another one is a fault of theirs, and a ValueError.
"""

import re
from collections.abc import Callable

_IMPORT = re.compile(
    r'^import (?:\* as (?P<all>\w+)|\{ (?P<names>[\w, ]+) \}) from "\./(?P<module>[\w.]+)";\n', re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (?P<name>\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(entry: str, read: Callable[[str], str]) -> str:
    """Return the module `entry` and all that it imports as one script. read: returns the text of a module by its name.

    Raises ValueError for an import or an export of another form, and for modules that import each other.
    """
    order: list[str] = []
    _collect(entry, read, order, [])
    return "\n".join(_function(name, read(name)) for name in order)


def _collect(name: str, read: Callable[[str], str], order: list[str], above: list[str]) -> None:
    """Append `name` to `order`, after all that it imports."""
    if name in above:
        raise ValueError(f"{name} imports itself, by way of {', '.join(above)}")
    for found in _IMPORT.finditer(read(name)):
        if found["module"] not in order:
            _collect(found["module"], read, order, [*above, name])
    if name not in order:
        order.append(name)


def _function(name: str, text: str) -> str:
    exported = [found["name"] for found in _EXPORT.finditer(text)]
    body = _EXPORT.sub("", _IMPORT.sub(_constant, text))
    if other := _OTHER.search(body):
        raise ValueError(f"{name} has '{other[0]}', which is not bundled")
    return f"// {name}\nconst {_variable(name)} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"


def _constant(found: re.Match[str]) -> str:
    names = found["all"] or f"{{ {found['names']} }}"
    return f"const {names} = {_variable(found['module'])};\n"


def _variable(module: str) -> str:
    return f"{module.removesuffix('.js')}_module"
