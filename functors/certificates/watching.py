"""A check that is watched: how far it is, on a terminal, and what an interrupt left out of it.

What takes longer than two seconds shows a bar on stderr, if that is a terminal. An interrupt of the keyboard ends what
is examined at its next evaluation; what was examined so far stays, and the rest is told as left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, TypeVar

from ...diagrams.syntax import Diagram
from .certificate import LEFT_OUT, BoxCertificate

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Interrupted", "Watch", "breathe", "left_out", "unconfirmed", "watched"]

AFTER = 2.0  # seconds
INTERRUPTED = "the check was interrupted before"

T = TypeVar("T")
S = TypeVar("S")


class Interrupted(BaseException):
    """What is examined in another thread ends, as the check was interrupted."""


class Watch:
    """Of one check: how much of it is done, and whether it was interrupted."""

    def __init__(self, console: Console | None, after: float = AFTER) -> None:
        self.interrupted = False
        self._console, self._after = console, after
        self._total, self._done, self._label = 0, 0, ""
        self._bar: Any = None
        self._lock = Lock()

    # -- what is run ------------------------------------------------------------------------------

    def attempt(self, make: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """What is made, or the other where an interrupt comes before or meanwhile."""
        if not self.interrupted:
            try:
                return make()
            except (KeyboardInterrupt, Interrupted):
                self.interrupted = True
        return otherwise()

    def gathered(
        self, pool: ThreadPoolExecutor, items: Sequence[S], make: Callable[[S], T], otherwise: Callable[[S], T]
    ) -> list[T]:
        """What is made of each item in the threads of a pool; the other of those that an interrupt leaves out."""

        def run(item: S) -> T:
            token = _current.set(self)
            try:
                breathe()
                return make(item)
            finally:
                _current.reset(token)
                self.step()

        def result(future: Future[T]) -> T:
            while not future.done():
                wait([future], timeout=0.2)  # a signal that came to another thread is seen between waits
            return future.result()

        futures = [pool.submit(run, item) for item in items]
        found = []
        for item, future in zip(items, futures, strict=True):
            found.append(self.attempt(lambda f=future: result(f), lambda f=future, i=item: self._kept(f, i, otherwise)))
        return found

    def _kept(self, future: Future[T], item: S, otherwise: Callable[[S], T]) -> T:
        """What was made before the interrupt."""
        done = not future.cancel() and future.done() and future.exception() is None
        return future.result() if done else otherwise(item)

    # -- what is shown ----------------------------------------------------------------------------

    def expect(self, n: int, label: str) -> None:
        """So many more things are to be done."""
        with self._lock:
            self._total, self._label = self._total + n, label
            self._tell()

    def step(self) -> None:
        """One more is done."""
        with self._lock:
            self._done += 1
            self._tell()

    def _tell(self) -> None:
        if self._bar is not None:
            self._bar.update(0, total=self._total, completed=self._done, description=f"checking {self._label}")

    def _start(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with self._lock:
            if self._done < self._total:
                self._bar = Progress(*columns, console=self._console, transient=True)
                self._bar.add_task("", total=self._total)
                self._tell()
                self._bar.start()

    @contextmanager
    def displayed(self) -> Iterator[None]:
        """Where the bar is shown after a while."""
        timer = Timer(self._after, self._start)
        timer.daemon = True
        if self._console is not None:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._total = self._done
                bar, self._bar = self._bar, None
            if bar is not None:
                bar.stop()


_current: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(console: Console | None = None, after: float = AFTER) -> Iterator[Watch]:
    """A watch for what is examined here, with a bar on this console: on stderr, where that is a terminal."""
    if console is None and sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True)
    watch = Watch(console if console is not None and console.is_terminal else None, after)
    token = _current.set(watch)
    try:
        with watch.displayed():
            yield watch
    finally:
        _current.reset(token)


def breathe() -> None:
    """Raises `Interrupted` where the check was interrupted, in whatever thread it goes on."""
    watch = _current.get()
    if watch is not None and watch.interrupted:
        raise Interrupted


def left_out(box: Diagram, paths: Sequence[str]) -> BoxCertificate:
    """The certificate of what was not examined."""
    return BoxCertificate(
        paths[0], tuple(paths), box, "undecided", LEFT_OUT, reason=f"{INTERRUPTED} it was examined to the end"
    )


def unconfirmed(row: BoxCertificate) -> BoxCertificate:
    """The certificate of a box that looks wrong, where it was not asked whether the whole leads there."""
    if row.verdict != "wrong":
        return row
    reason = f"{INTERRUPTED} what looks wrong was found again along the whole"
    return replace(row, verdict="undecided", method=LEFT_OUT, reason=reason, witness=None)
