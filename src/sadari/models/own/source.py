"""Has the code of a model changed? The digest of its source, and of all that it refers to in the user's own code.

A class or function is followed to what its code names: functions, classes and plain constants of the user's modules,
also those in lists and dictionaries, defaults, decorators that keep what they wrap, base classes, attributes of
classes, and members of modules that it uses. Installed packages, such as torch, are not part of it, but for the module
that the code itself is in. Comments count. State of objects, and names that are put together at run time, are not seen.
"""

import ast
import functools
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

LETTERS = 32  # of a digest in hexadecimal: 128 bits, which no two sources share by chance
_MOST = 100  # decorators around one function (assumed): one that wraps itself ends
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
        self._home = _home(maker)

    def pieces(self) -> Iterator[str]:
        """Yield the texts that decide what the maker makes."""
        yield from self._of("", self._maker)

    def _of(self, name: str, value: Any) -> Iterator[str]:
        if isinstance(value, functools.partial):
            yield "partial"
            yield from self._of("", value.args)
            yield from self._of("", value.keywords)
            value = value.func
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        *wrappers, value = _chain(value)
        yield from self._of_wrappers(wrappers)
        if isinstance(value, _PLAIN) or _is_plain(value):
            yield f"{name} = {_written(value)}"
        elif isinstance(value, tuple | list | dict):
            if id(value) not in self._seen:
                self._seen.add(id(value))
                yield from self._of_each(name, value)
        elif isinstance(value, type | FunctionType):
            if id(value) not in self._seen and self._is_users(value):
                self._seen.add(id(value))
                yield from self._of_class(value) if isinstance(value, type) else self._of_function(value)
        elif not isinstance(value, ModuleType | BuiltinFunctionType) and self._is_users(type(value)):
            yield from self._of(name, type(value))  # an object of a class of the user

    def _of_each(self, name: str, values: tuple[Any, ...] | list[Any] | dict[Any, Any]) -> Iterator[str]:
        for each in list(values.items() if isinstance(values, dict) else zip(values, strict=True)):  # it may grow
            for part in each:
                yield from self._of(name, part)

    def _of_wrappers(self, wrappers: list[Any]) -> Iterator[str]:
        """Yield the texts of what decorators of the user put around a function; their module is said to be its own."""
        for each in wrappers:
            if not isinstance(each, FunctionType):
                yield from self._of("", type(each))
            elif id(each) not in self._seen and not _is_installed_file(each.__code__.co_filename):
                self._seen.add(id(each))
                yield _text(each.__code__) or _bytecode(each.__code__)
                yield from self._named_by(each)

    def _of_function(self, function: FunctionType) -> Iterator[str]:
        yield _text(function) or _bytecode(function.__code__)
        yield from self._named_by(function)

    def _of_class(self, kind: type) -> Iterator[str]:
        members = {name: each for name, each in vars(kind).items() if _is_routine(each)}
        chains = [_chain(each) for member in members.values() for each in _functions(member)]
        functions = [each for *_, each in chains if isinstance(each, FunctionType)]
        yield _text(kind) or " ".join(
            [*(each.__qualname__ for each in kind.__bases__), *(_bytecode(each.__code__) for each in functions)]
        )
        for base in kind.__bases__:
            yield from self._of("", base)
        for name, value in list(vars(kind).items()):
            if not name.startswith("__") and name not in members:
                yield from self._of(name, value)
        for *wrappers, _ in chains:
            yield from self._of_wrappers(wrappers)
        for function in functions:
            yield from self._named_by(function)

    def _named_by(self, function: FunctionType) -> Iterator[str]:
        if not _writes_its_defaults(function):
            yield from self._of("", function.__defaults__)
            yield from self._of("", function.__kwdefaults__)
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
        if f"{_module(value)}.".startswith(f"{self._home}."):
            return True
        module = sys.modules.get(value.__name__ if isinstance(value, ModuleType) else value.__module__)
        file = getattr(module, "__file__", None)
        if package in ("builtins", "sadari") or (file is None and package != "__main__"):
            return False
        return file is None or not _is_installed_file(file)


def _home(maker: Any) -> str:
    """Return the package that `maker` is in; of an installed one, which may be as large as torch, the module alone."""
    file = getattr(sys.modules.get(_module(maker)), "__file__", None)
    return _module(maker) if file and _is_installed_file(file) else _package(maker)


def _module(value: Any) -> str:
    return str(value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", ""))


def _package(value: Any) -> str:
    return _module(value).partition(".")[0]


def _is_installed_file(file: str) -> bool:
    path = Path(file)
    return file.startswith("<frozen") or any(path.resolve().is_relative_to(each) for each in _INSTALLED)


def _is_routine(member: Any) -> bool:
    return inspect.isroutine(member) or isinstance(member, property)


def _functions(member: Any) -> list[Any]:
    found = [member.fget, member.fset, member.fdel] if isinstance(member, property) else [member]
    return [getattr(each, "__func__", getattr(each, "func", each)) for each in found if each is not None]


def _chain(value: Any) -> list[Any]:
    """Return what decorators put around a function, from the outside, and the function last; [value] for all else."""
    found = [value]
    while callable(value) and hasattr(value, "__wrapped__") and len(found) < _MOST:
        value = value.__wrapped__
        found.append(value)
    return found


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes that `code` uses, those of functions inside it too, in their order."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _writes_its_defaults(function: FunctionType) -> bool:
    """Return whether all defaults of a function are literals of its source, which is in the digest anyway."""
    if not function.__defaults__ and not function.__kwdefaults__:
        return True
    try:
        definition = ast.parse(textwrap.dedent(inspect.getsource(function.__code__))).body[0]
    except (OSError, TypeError, SyntaxError):
        return False
    if not isinstance(definition, ast.FunctionDef):
        return False
    for default in (*definition.args.defaults, *definition.args.kw_defaults):
        try:
            ast.literal_eval(default or ast.Constant(None))
        except ValueError:
            return False
    return True


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
