"""Has the code of a model changed? The digest of its source, and of all that it refers to in the user's own code.

A class or function is followed to what its code names: functions, classes and plain constants of the user's modules,
base classes, and members of modules that it uses. Installed packages, such as torch, are not part of it, but the one
that the code itself is in. Comments count. State of objects, and names that are put together at run time, are not seen.
"""

import functools
import inspect
import sys
import sysconfig
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

LETTERS = 32  # of a digest in hexadecimal: 128 bits, which no two sources share by chance
_PLAIN = (str, bytes, int, float, complex, bool, type(None))
_INSTALLED = tuple(
    str(Path(path).resolve()) for key, path in sysconfig.get_paths().items() if key.endswith(("lib", "stdlib"))
)


def source_digest(maker: Any) -> str:
    """Return the digest of the source of a class or function and of what it refers to, in LETTERS letters."""
    digest = sha256()
    for text in _Reader(maker).pieces():
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:LETTERS]


def place_of(error: BaseException) -> str:
    """Return the line of the user's own code where `error` arose, such as "net.py, line 12"; "" where there is none."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not _is_installed_file(file) and traceback.tb_frame.f_globals.get("__name__", "").split(".")[0] != "sadari":
            place = f"{Path(file).name}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


class _Reader:
    """What walks from one class or function to all that its code names, each once, in the order of the code."""

    def __init__(self, maker: Any) -> None:
        self._maker, self._seen = maker, set[int]()
        self._home = _package(maker)

    def pieces(self) -> Iterator[str]:
        """Yield the texts that decide what the maker makes."""
        yield from self._of("", self._maker)

    def _of(self, name: str, value: Any) -> Iterator[str]:
        if isinstance(value, functools.partial):
            yield f"partial {value.args!r} {value.keywords!r}" if _is_plain((value.args, value.keywords)) else "partial"
            value = value.func
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, _PLAIN) or _is_plain(value):
            yield f"{name} = {_written(value)}"
        elif isinstance(value, type | FunctionType):
            if id(value) not in self._seen and self._is_users(value):
                self._seen.add(id(value))
                yield from self._of_class(value) if isinstance(value, type) else self._of_function(value)
        elif not isinstance(value, ModuleType | BuiltinFunctionType) and self._is_users(type(value)):
            yield from self._of(name, type(value))  # an object of a class of the user

    def _of_function(self, function: FunctionType) -> Iterator[str]:
        yield _text(function) or _bytecode(function.__code__)
        yield from self._named_by(function)

    def _of_class(self, kind: type) -> Iterator[str]:
        members = [each for each in vars(kind).values() if inspect.isroutine(each) or isinstance(each, property)]
        functions = [each for member in members for each in _functions(member)]
        yield _text(kind) or "".join(_bytecode(each.__code__) for each in functions)
        for base in kind.__bases__:
            yield from self._of("", base)
        for function in functions:
            yield from self._named_by(function)

    def _named_by(self, function: FunctionType) -> Iterator[str]:
        names = list(_names(function.__code__))
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
        for name, cell in cells:
            try:
                yield from self._of(name, cell.cell_contents)
            except ValueError:  # not bound yet, as the function is made within its own definition
                continue
        for name in names:
            value = function.__globals__.get(name)
            if isinstance(value, ModuleType) and self._is_users(value):
                for inner in names:
                    if hasattr(value, inner):
                        yield from self._of(f"{name}.{inner}", getattr(value, inner))
            elif name in function.__globals__:
                yield from self._of(name, value)

    def _is_users(self, value: Any) -> bool:
        package = _package(value)
        if package == self._home:
            return True
        module = sys.modules.get(value.__name__ if isinstance(value, ModuleType) else value.__module__)
        file = getattr(module, "__file__", None)
        if package in ("builtins", "sadari") or (file is None and package != "__main__"):
            return False
        return file is None or not _is_installed_file(file)


def _package(value: Any) -> str:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).partition(".")[0]


def _is_installed_file(file: str) -> bool:
    path = Path(file)
    return file.startswith("<frozen") or any(path.resolve().is_relative_to(each) for each in _INSTALLED)


def _functions(member: Any) -> list[FunctionType]:
    found = [member.fget, member.fset, member.fdel] if isinstance(member, property) else [member]
    unwrapped = [inspect.unwrap(getattr(each, "__func__", each)) for each in found if each is not None]
    return [each for each in unwrapped if isinstance(each, FunctionType)]


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes that `code` uses, those of functions inside it too, in their order."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _text(value: Any) -> str:
    try:
        return inspect.cleandoc(inspect.getsource(value))
    except (OSError, TypeError, IndentationError):
        return ""


def _bytecode(code: CodeType) -> str:
    """Return what stands for the source where that is not known, as for code that was typed at a prompt."""
    inner = [_bytecode(each) if isinstance(each, CodeType) else _written(each) for each in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {inner}"


def _written(value: Any) -> str:
    """Return a constant as text that is the same in every process: the order of a set is not."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_written, value)))}}}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(map(_written, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_written(key)}: {_written(each)}' for key, each in value.items())}}}"
    return repr(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list | set | frozenset):
        return all(isinstance(each, _PLAIN) or _is_plain(each) for each in value)
    if isinstance(value, dict):
        return all(isinstance(each, _PLAIN) or _is_plain(each) for pair in value.items() for each in pair)
    return False
