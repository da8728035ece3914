"""Parameters of a model: their types, how they begin, and their names.

Names are paths, `block/dense/w`. They nest as dicts do, and lists of them are joined in a way that
keeps two of one name apart: `numbered`, by which boxes of a diagram are named too.

>>> joined([[(("dense", "w"), Param(R(3)))], [(("dense", "w"), Param(R(3)))]])[1][0]
('dense_1', 'w')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .errors import ParameterError

__all__ = [
    "Entry",
    "Given",
    "Init",
    "Param",
    "Path",
    "Stacked",
    "joined",
    "leaves",
    "nested",
    "numbered",
    "refuse_clashes",
    "refuse_others",
]

Path = tuple[str, ...]
Entry = tuple[Path, "Param"]


@dataclass(frozen=True)
class Init:
    """An initializer by its name in `jax.nn.initializers` with its options, so that it can be compared and saved.

    >>> Init("normal", {"stddev": 0.02})
    normal(stddev=0.02)
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", dict(sorted(self.options.items())))
        self._function()

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.options.items())))

    def __call__(self, key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        return self._function()(key, shape, dtype)

    def _function(self) -> Callable[..., Any]:
        import jax.nn.initializers as library

        make = getattr(library, self.name, None)
        if make is None:
            known = ", ".join(n for n in dir(library) if not n.startswith("_"))
            raise ParameterError(f"jax.nn.initializers has no {self.name!r}; there are {known}, or give a function")
        try:
            # zeros and ones are initializers themselves, the others are made by a call
            return make if self.name in ("zeros", "ones") and not self.options else make(**self.options)
        except TypeError as error:
            raise ParameterError(f"the initializer {self!r} takes other options: {error}") from error

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})" if self.options else self.name


@dataclass(frozen=True, eq=False)
class Given:
    """The initializer that gives one array, such as a trained weight, whatever the key."""

    value: Any

    def __call__(self, key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        import jax.numpy as jnp

        # a PRNG key has a dtype of its own, which nothing is converted to
        return self.value if str(dtype).startswith("key<") else jnp.asarray(self.value, dtype)

    def __repr__(self) -> str:
        return "given"


@dataclass(frozen=True)
class Stacked:
    """The initializer of `n` arrays stacked, each begun on its own by `init`."""

    init: Any
    n: int

    def __call__(self, key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        import jax
        import jax.numpy as jnp

        return jnp.stack([self.init(k, shape[1:], dtype) for k in jax.random.split(key, self.n)])

    def __repr__(self) -> str:
        return f"{self.init!r}, {self.n} times"


Initializer = Init | Stacked | Given | Callable[[Any, tuple[int, ...], Any], Any]


class Param:
    """One parameter: a type of one wire and how it is initialized.

    `init` is the name of an initializer of `jax.nn.initializers`, an `Init`, an array to begin with, or
    a function of a key, a shape and a dtype. Raises `ParameterError` for anything else.
    """

    __slots__ = ("init", "ty")

    def __init__(self, ty: Any, init: Any = None) -> None:
        if not hasattr(ty, "__len__") or isinstance(ty, (str, list, dict)):
            raise ParameterError(f"a parameter has a type of one wire, such as Param(R(3)), and got {ty!r}")
        if len(ty) != 1:
            raise ParameterError(f"a parameter is one wire, and {ty} has {len(ty)}: name each of them")
        self.ty = ty
        if isinstance(init, str):
            init = Init(init)
        elif hasattr(init, "shape"):
            init = Given(init)
        if not (init is None or callable(init)):
            raise ParameterError(f"an initializer is a name, an array or a function, and got {init!r}")
        if isinstance(init, Given) and tuple(init.value.shape) != self.wire.shape:
            raise ParameterError(f"the initial array has shape {tuple(init.value.shape)}, expected {self.wire.shape}")
        self.init: Initializer | None = init

    @property
    def wire(self) -> Any:
        """The wire: its `shape` and `dtype`, in a category of arrays."""
        return self.ty.inside[0] if hasattr(self.ty, "inside") else self.ty

    def make(self, key: Any, path: str = "the parameter") -> Any:
        """An initial value; raises `ParameterError` if there is no initializer or it fails on this shape."""
        if self.init is None:
            raise ParameterError(f"{path} has no initializer: give one to Param(ty, init=...)")
        try:
            return self.init(key, self.wire.shape, self.wire.dtype)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{path} : {self.ty} cannot be initialized by {self.init!r}: {error}") from error

    def misfits(self, value: Any, path: str) -> list[str]:
        """Why a value cannot be this parameter, if it cannot."""
        if not hasattr(value, "shape"):
            if isinstance(value, (bool, int, float, complex)) and self.wire.shape == ():
                return []
            return [f"{path} is a {type(value).__name__}, expected an array {self.ty}: jnp.asarray makes one"]
        if tuple(value.shape) != self.wire.shape:
            return [f"{path} has shape {tuple(value.shape)}, expected {self.wire.shape}"]
        dtype = _narrowed(value.dtype)
        return [] if dtype == self.wire.dtype else [f"{path} has dtype {dtype}, expected {self.wire.dtype}"]

    def array(self, value: Any, path: str) -> Any:
        """The value as an array of this parameter's dtype; raises `ParameterError` for a wrong shape.

        In a category whose wires have no dtype it is the value.
        """
        import jax.numpy as jnp

        if not hasattr(self.wire, "dtype"):
            return value

        value = value if self.wire.dtype.startswith("key<") else jnp.asarray(value, self.wire.dtype)
        wrong = self.misfits(value, path)
        if wrong:
            raise ParameterError("; ".join(wrong))
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Param) and (self.ty, self.init) == (other.ty, other.init)

    def __hash__(self) -> int:
        return hash(self.ty)

    def __repr__(self) -> str:
        return repr(self.ty)


def leaves(tree: Mapping[str, Any], above: Path = (), empty: bool = False) -> list[tuple[Path, Any]]:
    """The values of a nested dict by path; with `empty`, the dicts that hold nothing too."""
    found: list[tuple[Path, Any]] = []
    for key, value in tree.items():
        path = (*above, *str(key).split("/"))
        inner = isinstance(value, Mapping) and (value or not empty)
        found += leaves(value, path, empty) if inner else [(path, value)]
    return found


def nested(paths: Sequence[Sequence[str]], values: Sequence[Any]) -> dict[str, Any]:
    """One value a path, as a nested dict: the inverse of `leaves`."""
    root: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        here = root
        for part in path[:-1]:
            here = here.setdefault(part, {})
        here[path[-1]] = value
    return root


def refuse_others(entries: Sequence[Entry]) -> None:
    """Raise `ParameterError` unless every entry is a path with a `Param`."""
    wrong = [f"{'/'.join(p)} is {q!r}" for p, q in entries if not isinstance(q, Param)]
    if wrong:
        raise ParameterError(f"parameters are Params, such as Param(R(3), 'zeros'): {'; '.join(wrong)}")


def refuse_clashes(paths: Sequence[Path]) -> None:
    seen = set(paths)
    twice = sorted({"/".join(p) for p in paths if paths.count(p) > 1}) if len(seen) < len(paths) else []
    inside = sorted({"/".join(p) for p in paths for k in range(1, len(p)) if p[:k] in seen})
    if twice or inside:
        raise ParameterError(f"parameter names clash: {', '.join(twice + inside)}; rename with .named(...)")


def numbered(names: Sequence[str], taken: Iterable[str] = ()) -> list[str]:
    """The names with `_1`, `_2` ... behind the second, third ... use of one: the one naming of boxes and parameters.

    A name that somebody gave is never changed, nor given to another: `f, f, f_1` are `f, f_2, f_1`. What is in
    `taken` is used already.

    >>> numbered(["l_100", "l_100", "l_1"])
    ['l_100', 'l_100_1', 'l_1']
    """
    count = dict.fromkeys(taken, 1)
    used = {*names, *count}
    found = []
    for own in names:
        name, k = own, count.get(own, 0)
        while k and (name := f"{own}_{k}") in used:
            k += 1
        count[own] = k + 1
        found.append(name)
    return found


def joined(
    lists: Sequence[Sequence[Entry]], known: Mapping[tuple[int, str], str] = MappingProxyType({})
) -> tuple[Entry, ...]:
    """All lists of names in order; where the first part of a path is used again, it is `numbered`.

    `known` are the new names of some first parts, each with the number of its list.
    """
    firsts = dict.fromkeys((k, path[0]) for k, entries in enumerate(lists) for path, _ in entries)
    others = [key for key in firsts if key not in known]
    new = dict(zip(others, numbered([first for _, first in others], known.values()), strict=True)) | dict(known)
    return tuple(((new[k, path[0]], *path[1:]), q) for k, entries in enumerate(lists) for path, q in entries)


def _narrowed(dtype: Any) -> str:
    """The name of the dtype that JAX gives an array, which without x64 is the 32-bit one."""
    import jax

    name = str(dtype)
    return name if name.startswith("key<") else str(jax.dtypes.canonicalize_dtype(dtype))
