"""Certificates in files: as JSON for other programs, and kept, so that no box is examined twice for the same.

A certificate of a box is kept by a digest of all that it depends on: the content of the box with its rules, the values
that it met, what is declared, effort and seed, and the versions of JAX and of this library; functions that are declared
(`surrogate`, `tangent`, a domain) count by identity. The newest are kept in memory, and in the folder that the
environment variable PARALENS_CACHE names, if it does: a JSON file each, written whole or not at all. A file that is
corrupt counts as none. What depends on functions or on objects without a written form, and what is wrong, since a
witness holds diagrams, is kept in memory only.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import FileError
from ...diagrams.registry import facts
from ...diagrams.saving.codec import encode
from ...diagrams.saving.store import write_atomically
from ...diagrams.syntax import Diagram
from ...diagrams.traversal import every_box
from ..derivative_rules import FACTS
from .certificate import BoxCertificate, Certificate, Point, Witness

__all__ = ["Key", "forget", "key_of", "remembered", "to_json"]

MOST = 4096  # certificates in memory
FORMAT = 1


# -- JSON -----------------------------------------------------------------------------------------


def to_json(self: Certificate, path: str | os.PathLike[str] | None = None) -> str:
    """The certificate as JSON, without the diagrams, written to a file too if a `path` is given.

    Numbers that JSON lacks are the texts "nan", "inf" and "-inf". Raises `FileError` for a file that cannot be
    written.
    """
    certificate = self
    whole = certificate.whole
    tree = {
        "format": "paralens certificate",
        "version": FORMAT,
        "written_by": _versions(),
        "verdict": certificate.verdict,
        "ok": certificate.ok,
        "effort": certificate.effort,
        "seed": certificate.seed,
        "seconds": certificate.seconds,
        "evals": certificate.evals,
        "boxes": [_row(row) for row in certificate.rows],
        "whole": None if whole is None else _row(whole),
    }
    made = json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if path is not None:
        write_atomically(path, made.encode())
    return made


def _versions() -> dict[str, str]:
    root = sys.modules[__name__.split(".")[0]]
    return {"paralens": root.__version__, "jax": jax.__version__}


PLAIN = ("verdict", "method", "reason", "curves", "panels", "resolved", "evals", "order")
WORDS = ("crossed",)


def _row(row: BoxCertificate) -> dict[str, Any]:
    return {
        "path": row.path,
        "paths": list(row.paths),
        "type": f"{row.box.dom} -> {row.box.cod}",
        **{k: getattr(row, k) for k in PLAIN},
        **{k: list(getattr(row, k)) for k in WORDS},
        "worst": _number(row.worst),
        "seconds": row.seconds,
        "missing": dict(row.missing),
        "points": [_point(p) for p in row.points],
        "witness": None if row.witness is None else _witness(row.witness),
    }


def _witness(w: Witness) -> dict[str, Any]:
    numbers = {k: _number(getattr(w, k)) for k in ("claimed", "actual", "ratio")}
    arrays = {k: [_array(a) for a in getattr(w, k)] for k in ("inputs", "direction", "cotangent")}
    return {k: getattr(w, k) for k in ("criterion", "mode", "order", "plot", "hint", "seed")} | numbers | arrays


def _point(p: Point) -> dict[str, Any]:
    numbers = {k: _number(getattr(p, k)) for k in ("claimed", "low", "high")}
    return {"x": [_array(a) for a in p.x], **numbers, "clarke": p.clarke, "jump": p.jump}


def _number(x: float) -> float | str:
    """JSON has no infinities, and nothing that is not a number."""
    return float(x) if math.isfinite(x) else str(float(x))


def _is_key(a: Any) -> bool:
    """Whether it is an array of keys for random numbers, which numpy does not know."""
    return hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jax.dtypes.prng_key)


def _array(a: Any) -> dict[str, Any]:
    """An array by dtype, shape and flat entries: complex ones by their parts, keys by their data."""
    if _is_key(a):
        return {**_array(jax.random.key_data(a)), "dtype": str(a.dtype)}
    a = np.asarray(a)
    exact = a.dtype.kind in "biu"
    flat = a.ravel() if exact else a.astype(complex).ravel() if a.dtype.kind == "c" else a.astype(float).ravel()
    entries = flat.tolist() if exact else [_entry(v) for v in flat.tolist()]
    return {"dtype": str(a.dtype), "shape": list(a.shape), "entries": entries}


def _entry(v: float | complex) -> Any:
    return [_number(v.real), _number(v.imag)] if isinstance(v, complex) else _number(v)


# -- back from JSON -------------------------------------------------------------------------------


def _read(tree: dict[str, Any], box: Diagram) -> BoxCertificate:
    """A certificate without a witness, of a box."""
    words: dict[str, Any] = {k: tuple(tree[k]) for k in WORDS}
    return BoxCertificate(
        tree["path"],
        tuple(tree["paths"]),
        box,
        worst=float(tree["worst"]),
        seconds=tree["seconds"],
        points=tuple(map(_point_read, tree["points"])),
        missing=tree["missing"],
        **{k: tree[k] for k in PLAIN},
        **words,
    )


def _point_read(tree: dict[str, Any]) -> Point:
    claimed, low, high = (float(tree[k]) for k in ("claimed", "low", "high"))
    return Point(tuple(map(_array_read, tree["x"])), claimed, low, high, tree["clarke"], tree["jump"])


def _array_read(tree: dict[str, Any]) -> np.ndarray:
    numbers = [complex(*map(float, v)) if isinstance(v, list) else float(v) for v in tree["entries"]]
    return np.array(numbers).astype(jnp.dtype(tree["dtype"])).reshape(tree["shape"])


# -- what is kept ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Held:
    """An object that counts by identity, kept so that no other comes to be in its place."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class Key(NamedTuple):
    """What a certificate depends on: a digest, functions by identity, and whether that means the same elsewhere."""

    digest: bytes
    functions: tuple[Held, ...]
    portable: bool


class Memory:
    """The certificates of a process, the last used last; and the table of facts that they were made by."""

    def __init__(self) -> None:
        self.kept: OrderedDict[Key, BoxCertificate] = OrderedDict()
        self.facts = [*FACTS.values(), *facts()]
        self.changes = 0

    def era(self) -> int:
        """How often facts of generators were exchanged: what was found by others says nothing."""
        now = [*FACTS.values(), *facts()]
        if len(now) != len(self.facts) or any(a is not b for a, b in zip(now, self.facts, strict=True)):
            self.facts = now
            self.changes += 1
        return self.changes

    def get(self, key: Key) -> BoxCertificate | None:
        """What is kept for a key."""
        if key in self.kept:
            self.kept.move_to_end(key)
        return self.kept.get(key)

    def put(self, key: Key, made: BoxCertificate) -> None:
        """Keep a certificate, and let go of the one that was not used for longest."""
        self.kept[key] = made
        if len(self.kept) > MOST:
            self.kept.popitem(last=False)


MEMORY = Memory()


def forget() -> None:
    """Let go of all certificates in memory, as after a change of rules that no digest can see."""
    MEMORY.kept.clear()


def key_of(target: Any, facts: Any, order: int) -> Key:
    """What the certificate of a target depends on.

    A function that only wraps a declared one should name it as `__wrapped__`, as those of functools do.
    """
    h = hashlib.blake2b(digest_size=16)
    region, d = target.region, target.d
    wide = target.wide.digest if target.wide is not None else b""
    plain = (
        facts.noise,
        facts.modes,
        facts.order,
        facts.effort,
        facts.seed,
        type(facts.algebra).__name__,
        order,
        target.wrt,
        region.hull,
        getattr(target, "look", True),
    )
    platform = (*_versions().values(), jax.default_backend(), MEMORY.era())
    ranges = [None if r is None else (str(r[0]), str(r[1]), *r[2:]) for r in region.ranges]
    h.update(repr((plain, platform, ranges, d.digest, wide, str(d.dom), str(d.cod))).encode())
    # what the region met is what moves of what the target met
    for group in (target.met, target.others, getattr(target, "declared", ()), region.declared):
        h.update(b"group")
        for values in group:
            _update(h, values)
    given = (facts.tangent, facts.surrogate, region.supply, getattr(target, "function", None))
    functions = tuple(Held(getattr(f, "__wrapped__", f)) for f in given)
    return Key(h.digest(), functions, all(f is None for f in given))


def _update(h: Any, values: Iterable[Any]) -> None:
    for a in values:
        if _is_key(a):
            a = jax.random.key_data(a)
        a = np.ascontiguousarray(a)
        h.update(f"{a.dtype}{a.shape}".encode())
        h.update(a.view(np.uint8).data if a.size and a.ndim else a.tobytes())


def remembered(
    key: Key, box: Diagram, path: str, paths: Sequence[str], make: Callable[[], BoxCertificate]
) -> BoxCertificate:
    """The certificate that is kept for a key, now at these paths, or the one that `make` gives, which is kept."""
    found = MEMORY.get(key)
    if found is None:
        file = _file(key, box)
        found = None if file is None else _loaded(file, box)
        if found is None:
            found = make()
            if found.method == "no derivative":
                return found  # rules that do not run have no content by which they differ
            if file is not None and found.witness is None:
                _save(file, found)
        MEMORY.put(key, found)
    return replace(found, box=box, path=path, paths=tuple(paths))


def _file(key: Key, box: Diagram) -> Path | None:
    """Where a certificate is kept on disk; None where it is not."""
    folder = os.environ.get("PARALENS_CACHE")
    if not folder or not key.portable or MEMORY.changes or not _written(box):
        return None
    return Path(folder) / f"{key.digest.hex()}{_sources()}.json"


def _loaded(file: Path, box: Diagram) -> BoxCertificate | None:
    try:
        tree = json.loads(file.read_bytes())
        content = json.dumps(tree["certificate"])
        return _read(tree["certificate"], box) if tree["digest"] == _digest(content) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _save(file: Path, made: BoxCertificate) -> None:
    content = json.dumps(_row(made))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, f'{{"digest": "{_digest(content)}", "certificate": {content}}}\n'.encode())
    except (OSError, FileError):
        return  # what cannot be kept is found again


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=1)
def _sources() -> str:
    """A digest of this library's code: of the checks, and of the rules that are checked."""
    h = hashlib.blake2b(digest_size=8)
    root = Path(__file__).parents[2]
    for room in ("categories", "diagrams", "functors", "backends"):
        for file in sorted((root / room).rglob("*.py")):
            h.update(str(file.relative_to(root)).encode())
            h.update(file.read_bytes())
    return h.hexdigest()


def _written(d: Diagram) -> bool:
    """Whether all that a diagram holds has a written form, so that its digest is the same in every process."""
    for box in every_box(d, rules=True):
        try:
            encode(tuple(box.params.values()), diagram=id, rule=id)
        except FileError:
            return False
    return True
