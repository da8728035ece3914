"""Checks that are interrupted give what they have; on terminals they show how far they are."""

import io
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import jax.numpy as jnp
import pytest
from rich.console import Console

from paralens import assert_certified, check
from paralens.functors.certificates import checking, examining
from paralens.functors.certificates.stored import forget
from paralens.functors.certificates.watching import Interrupted, breathe, watched


@pytest.fixture(autouse=True)
def interruptible():
    """A process in the background may have been started with interrupts switched off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def two(x):
    return jnp.sin(jnp.tanh(x))


def interrupted(path):
    """`examine`, which the keyboard interrupts at a path."""

    def made(target, facts, at, paths, order=1):
        if at == path:
            raise KeyboardInterrupt
        return examining.examine(target, facts, at, paths, order)

    return made


def test_an_interrupt_of_the_whole_leaves_the_boxes_and_says_so(monkeypatch):
    monkeypatch.setattr(checking, "examine", interrupted(""))
    found = check(two, 0.5, effort="quick")
    assert {row.path: row.verdict for row in found.rows} == {"sin": "correct", "tanh": "correct"}
    assert found.left_out == ("",) and found.verdict == "undecided" and found.ok
    assert "the check was interrupted before it was examined to the end" in str(found)
    with pytest.raises(KeyboardInterrupt):
        assert_certified(two, 0.5, effort="quick")


def test_an_interrupt_of_a_box_leaves_it_and_what_comes_after(monkeypatch):
    monkeypatch.setattr(checking, "examine", interrupted("sin"))
    found = check(jnp.sin, 0.5, effort="quick")
    assert found.left_out == ("sin",) and found.verdict == "undecided"


def test_what_was_left_out_is_not_remembered(monkeypatch):
    forget()
    with monkeypatch.context() as changed:
        changed.setattr(checking, "examine", interrupted(""))
        check(two, 0.25, effort="quick")
    assert not check(two, 0.25, effort="quick").left_out


def test_threads_end_at_their_next_evaluation_and_what_is_done_stays():
    going = Event()

    def make(k):
        if k == 1:
            signal.raise_signal(signal.SIGINT)  # which the main thread gets
        if k == 0:
            return k
        going.set()
        while True:
            breathe()

    with watched() as watch, ThreadPoolExecutor(1) as pool:
        assert watch.gathered(pool, range(4), make, lambda k: -k) == [0, -1, -2, -3]
        assert watch.interrupted and going.is_set()
        assert watch.attempt(lambda: 1, lambda: 2) == 2
        with pytest.raises(Interrupted):
            breathe()
    breathe()


def test_the_bar_is_shown_on_a_terminal_and_nowhere_else():
    shown = io.StringIO()
    with watched(Console(file=shown, force_terminal=True, width=100), after=3600) as watch:
        watch.expect(3, "kinds of boxes")
        watch._start()
        watch.step()
        watch._bar.refresh()
    assert "checking kinds of boxes" in shown.getvalue() and "1/3" in shown.getvalue()
    quiet = io.StringIO()
    with watched(Console(file=quiet)) as watch:
        watch.expect(3, "kinds of boxes")
        assert watch._console is None
    assert not quiet.getvalue()
