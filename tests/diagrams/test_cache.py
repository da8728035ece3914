"""What is derived from a diagram is made once, whoever asks for it and from wherever."""

import threading
import time

import jax.numpy as jnp

from paralens import R, from_jax
from paralens.diagrams.cache import derived, forget, kept


def sine():
    return from_jax(jnp.sin, R(3))


def test_threads_that_ask_for_one_thing_wait_for_the_one_that_makes_it():
    d, made, found = sine(), [], []
    gate = threading.Barrier(8)

    def slow():
        made.append(threading.get_ident())
        time.sleep(0.05)
        return object()

    def ask():
        gate.wait()
        found.append(derived(d, "thing", slow))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(made) == 1 and len(set(map(id, found))) == 1


def test_what_is_made_may_ask_for_other_things_and_threads_do_not_hold_each_other_up():
    d, inside, ready = sine(), threading.Event(), threading.Event()

    def held():
        inside.set()
        assert ready.wait(10)
        return derived(d, "part", lambda: 1) + 1

    t = threading.Thread(target=lambda: derived(d, "slow", held))
    t.start()
    assert inside.wait(10)
    assert derived(d, "quick", lambda: derived(d, "quicker", lambda: 3)) == 3  # while the other is being made
    ready.set()
    t.join()
    assert kept(d)["slow"] == 2


def test_what_fails_is_not_kept_and_is_tried_again():
    d = sine()
    for _ in range(2):
        try:
            derived(d, "failing", lambda: 1 / 0)
        except ZeroDivisionError:
            pass
    assert "failing" not in kept(d) and derived(d, "failing", lambda: 5) == 5


def test_what_is_kept_is_let_go_of_by_key_or_value():
    d = sine()
    derived(d, "a", lambda: 1), derived(d, "b", lambda: 2)
    assert forget(d, lambda key, value: value == 1) == 1 and kept(d).keys() >= {"b"}
    assert forget(d) >= 1 and kept(d) == {}
