"""What does the user read when something cannot be done? One sentence: what was received, and what to do."""


class SadariError(Exception):
    """A failure that the user can do something about; the command line prints its sentence and exits with `status`.

    Write the message as one clear sentence that names what was received and what to do about it.
    """

    status = 1


class UsageError(SadariError):
    """The request itself is wrong (an unknown name, setting or option), before any work was done."""

    status = 2
