"""Names of Flax NNX modules while a program is traced.

Linen, Haiku and Equinox run their modules under `jax.named_scope`; NNX does not, its names stand in the graph of the
module. While `named_modules` lasts, each call of an NNX module runs under a scope that is named by its place in the
module which is being called, as paths of its state are: `blocks.0` for `model.blocks[0]`. This is how `nnx.tabulate`
finds its rows too: the `__call__` of the classes is replaced for that time. The program that is traced stays the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import Any

import jax

__all__ = ["named_modules"]

Path = tuple[str, ...]
# The paths of all modules in the one that is being called, by their addresses, and the path of the innermost one.
_calling: ContextVar[tuple[dict[int, Path], Path] | None] = ContextVar("_calling", default=None)
_lock = Lock()
_replaced: list[tuple[type, Callable[..., Any]]] = []
_users: list[None] = []  # one for each program being traced: the classes are put right with the last


@contextmanager
def named_modules() -> Iterator[None]:
    """Run the calls of NNX modules under scopes; nothing where NNX was never imported."""
    nnx = sys.modules.get("flax.nnx")
    if nnx is None:
        yield
        return
    with _lock:
        _users.append(None)
        if len(_users) == 1:
            for cls in _classes(nnx.Module):
                call = cls.__dict__.get("__call__")
                if callable(call):
                    _replaced.append((cls, call))
                    cls.__call__ = _scoped(call, nnx)  # type: ignore[method-assign]
    try:
        yield
    finally:
        with _lock:
            _users.pop()
            while not _users and _replaced:
                cls, call = _replaced.pop()
                cls.__call__ = call  # type: ignore[method-assign]


def _classes(root: type) -> list[Any]:
    found, stack = dict.fromkeys([root]), [root]
    while stack:
        more = [c for c in stack.pop().__subclasses__() if c not in found]
        found |= dict.fromkeys(more)
        stack += more
    return list(found)


def _scoped(call: Callable[..., Any], nnx: Any) -> Callable[..., Any]:
    @wraps(call)
    def run(self: Any, *args: Any, **options: Any) -> Any:
        around = _calling.get()
        if around is None or id(self) not in around[0]:
            paths = {id(node): tuple(map(str, path)) for path, node in nnx.iter_graph(self)}
            here, name = (), type(self).__name__
        else:
            paths, above = around
            here = paths[id(self)]
            name = ".".join(here[len(above) :] if here[: len(above)] == above else here)
        token = _calling.set((paths, here))
        try:
            if not name:  # the call of a class above
                return call(self, *args, **options)
            with jax.named_scope(name):
                return call(self, *args, **options)
        finally:
            _calling.reset(token)

    return run
