"""Errors that a user can cause, each with a one-line message that says what is allowed."""

from __future__ import annotations


class NeurogradError(ValueError):
    """Base of every error that bad input causes; the command line prints it and exits with 2."""


class SpecError(NeurogradError):
    """A key of a device spec is wrong.

    Args:
        source: The file (or '--set') that the key comes from.
        key: Dotted path of the key, empty when the file as a whole is wrong.
        problem: What is wrong and what is allowed, one line.
    """

    def __init__(self, source: str, key: str, problem: str) -> None:
        self.source, self.key, self.problem = source, key, problem
        place = f"{source}: {key}" if key else source
        super().__init__(" ".join(f"{place}: {problem}".split()))

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, str, str]]:
        """For the way between processes, which calls ``__init__`` again."""
        return type(self), (self.source, self.key, self.problem)


class NumbersError(NeurogradError):
    """Numbers of a spec, each of them allowed, with which no chip or training can be made."""


class DataError(NeurogradError):
    """A data set is missing, truncated or in the wrong format."""


class ModelError(NeurogradError):
    """A user's module or loss gives a value that cannot be used, such as NaN."""


class DivergenceError(NeurogradError):
    """The clean training diverged, so there is nothing to compare the chip with."""


class OutputError(NeurogradError):
    """A result cannot be written where the user asked."""


class ChangedKeyWarning(FutureWarning):
    """A spec has a key that has moved since it was written; it is read as the new one."""


class FitWarning(UserWarning):
    """What a fit in place of a measured file is without, or could not tell; its report says so."""


class ReportError(NeurogradError):
    """A report's JSON file cannot be read: it is none, is broken, or is of a newer version."""


class OldReportWarning(FutureWarning):
    """A report's JSON file is from before reports had versions; it is read as it is."""


class StageWarning(UserWarning):
    """Finished stages on disk cannot be used, and are computed again."""
