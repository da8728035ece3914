"""One exception family for the whole library.

Every error says what failed, where (the path of the box and the number of the wire), what was
expected and what came, and what to do about it. Catch `ParalensError` to catch them all.
"""

from __future__ import annotations

from typing import Self

__all__ = [
    "CompositionError",
    "DerivativeError",
    "EffectError",
    "FileError",
    "InputError",
    "NoMeaningError",
    "ParalensError",
    "ParameterError",
    "PathError",
    "RewriteError",
    "UndecidedWarning",
    "located",
]


class ParalensError(Exception):
    """The root of every exception that Paralens raises on purpose.

    `path` leads to the box at fault through the boxes around it, where the error came up at a box.
    """

    path: tuple[str, ...] = ()

    def below(self, name: str) -> Self:
        """The same error as seen from outside of the box `name`."""
        self.path = (name, *self.path)
        return self

    @property
    def what(self) -> str:
        """What is said of the box at fault."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return f"at {'/'.join(self.path)}: {self.what}" if self.path else self.what


class CompositionError(ParalensError, TypeError):
    """Two diagrams were composed whose wires do not fit, or a box was applied to wires of another type."""


class InputError(ParalensError, ValueError):
    """A compiled or interpreted diagram was called with arrays that do not fit its wires."""


class ParameterError(ParalensError, ValueError):
    """A tree of parameters has missing, extra or misshapen entries, or two names clash."""


class EffectError(ParalensError, ValueError):
    """A JAX function has an effect (a callback, a print, a mutation) that a diagram cannot hold."""


class NoMeaningError(ParalensError, LookupError):
    """A functor met a box for which it has no rule, such as an abstract box on the way to JAX."""


class DerivativeError(ParalensError, TypeError):
    """A derivative was asked for that does not exist, such as a cotangent of an integer, or that has no rule.

    `path` leads to the box at fault through the boxes around it.
    """


class PathError(ParalensError, KeyError):
    """A path names no box, wire or parameter of the diagram at hand."""


class FileError(ParalensError, ValueError):
    """A saved diagram is corrupt, of a newer version, or of an unknown kind; or cannot be saved."""


class RewriteError(ParalensError, ValueError):
    """A rule of rewriting is no equation of maps and of their derivatives, or rules that never come to an end."""


class UndecidedWarning(UserWarning):
    """A derivative could be certified neither right nor wrong."""


def located(error: Exception, name: str) -> None:
    """Say of an error at which box it came up: in its path if it is one of ours, else in a note to it."""
    if isinstance(error, ParalensError):
        error.below(name)
    else:
        error.add_note(f"in the box {name}")
