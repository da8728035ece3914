"""What is computed once for each box, diagram or body, and kept with it: one cache for all functors.

Normal forms, derivatives, jaxprs, compiled subjects and certificates of a diagram are functions of it, so that each is
made when it is first asked for. It is kept on its owner and goes when that goes. Asked from several threads at once, it
is made by one of them while the others wait; threads that ask for different things do not wait for each other.

>>> d = from_jax(jnp.sin, R(3))
>>> derived(d, "answer", lambda: 42), kept(d)["answer"]
(42, 42)
>>> forget(d, lambda key, value: key == "answer"), "answer" in kept(d)
(1, False)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock, RLock
from typing import Any

__all__ = ["derived", "forget", "kept"]

_lock = Lock()
_making: dict[tuple[int, Hashable], Any] = {}


def derived(owner: Any, key: Hashable, make: Callable[[], Any]) -> Any:
    """What `make` gives, made once for each owner (a box, a diagram, a body) and key, and kept on the owner."""
    found = owner.__dict__.get("_derived")
    if found is None:
        found = owner.__dict__.setdefault("_derived", {})
    try:
        return found[key]
    except KeyError:
        pass
    place = (id(owner), key)
    with _lock:
        # one that made it since has put it there before it left
        if key in found:
            return found[key]
        turn, waiting = _making.get(place, (RLock(), 0))
        _making[place] = (turn, waiting + 1)
    try:
        with turn:  # the same thread may come back for it, from what it makes
            if key not in found:
                found[key] = make()
            return found[key]
    finally:
        with _lock:
            turn, waiting = _making[place]
            if waiting == 1:
                del _making[place]
            else:
                _making[place] = (turn, waiting - 1)


def kept(owner: Any) -> dict[Hashable, Any]:
    """Everything that is kept for an owner, by key; a copy."""
    return dict(owner.__dict__.get("_derived", {}))


def forget(owner: Any, which: Callable[[Any, Any], bool] = lambda key, value: True) -> int:
    """Let go of what is kept for an owner and answers to `which(key, value)`, or of all; gives how much it was."""
    found = owner.__dict__.get("_derived", {})
    gone = [key for key, value in list(found.items()) if which(key, value)]
    for key in gone:
        found.pop(key, None)
    return len(gone)
