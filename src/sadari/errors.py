"""What does the user read when something cannot be done? One sentence: what was received, and what to do."""


class SadariError(Exception):
    """A failure that the user can do something about; the command line prints its sentence and exits with `status`.

    Write the message as one clear sentence that names what was received and what to do about it.
    """

    status = 1


class UsageError(SadariError):
    """The request itself is wrong (an unknown name, setting or option), before any work was done."""

    status = 2


class PluginWarning(UserWarning):
    """Something that a plug-in offers is left out, or has changed, for the reason in its sentence."""


def missing_package(purpose: str, package: str | None, extra: str) -> SadariError:
    """Return the error for an optional package that is not installed, with how the checkout installs it.

    purpose: what needs the package, such as "serving". extra: the optional extra of `pyproject.toml` that has it.
    """
    # Never `pip install`: Sadari is not published, so that anybody could register a package of its name.
    received = f"{purpose} needs the package {package}, which is not installed"
    return SadariError(f"{received}; in the folder of Sadari's checkout, run: uv sync --extra {extra}")


def reinstalling(package: str) -> str:
    """Return how the checkout installs a package of its own dependencies again, as the end of a sentence."""
    return f"in the folder of Sadari's checkout, run: uv sync --reinstall-package {package}"
