"""Saving: a documented JSON form, written atomically, read back with its reasons when it cannot be.

    {"format": "paralens", "version": 1, "kind": "diagram" or "para",
     "written_by": {"jax": its version}, "digest": sha256 of version, kind and content,
     "content": {
       "wires":    [[shape, dtype], ...]            the distinct wires; types are lists of places in it
       "boxes":    [{"name", "op", "dom", "cod", "params", "definition"}, ...]
       "diagrams": [{"dom", "cod", "ops", "inputs", "outputs"}, ...]    flat graphs; ops are places in boxes
       "rules":    [{"diagram", "depth", "label"}, ...]   derivative rules, which may refer to their own box
       "root":     place of the diagram that was saved
       "params":   [{"path", "init"}, ...]          of a para: the names of its last inputs; "init" is null,
                                                    {"name", "options"}, {"given": array}, for a PRNG key with
                                                    the name of its "impl", or {"stacked": init, "n"}}}

Parameters of boxes are written by `diagrams.codec.encode`. Nothing is executed by loading: classes
are looked up among the public ones of `jax.lax`, primitives by name when the diagram is run.
The size of a file and the time to write it are linear in the number of boxes.

>>> save(from_jax(jnp.sin, R(3)), folder / "sin.json")
>>> load(folder / "sin.json") == from_jax(jnp.sin, R(3))
True
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ...categories.errors import FileError, ParalensError
from ...categories.para import Para
from ...categories.param import Given, Init, Param, Stacked
from ..box import Box, spelled
from ..graph import Graph
from ..params import Constant, LazyDiagram, LazyRules, canonical
from ..syntax import Diagram, require
from ..tracing.arrays import array_or_key, parts_of_key
from ..types import Ty, Wire, wire
from .codec import decode, encode

__all__ = ["load", "save", "write_atomically"]

VERSION = 1


def save(d: Diagram | Para, path: str | os.PathLike[str]) -> None:
    """Write a diagram or a `Para` (its structure and initializers, not the values of its parameters) to a file.

    The file appears whole or not at all. Raises `FileError`, naming the box and the parameter, for
    what has no written form, such as a Python callback or an initializer that is a function.
    """
    import jax

    require(d, "save")
    writer = _Writer()
    content: dict[str, Any] = {}
    if isinstance(d, Para):
        content["params"] = [{"path": list(p), "init": _write_init(p, q.init)} for p, q in d.entries]
    root = writer.diagram(d.arrow if isinstance(d, Para) else d)
    content |= {"root": root, **writer.tables()}
    kind = "para" if isinstance(d, Para) else "diagram"
    head = {"format": "paralens", "version": VERSION, "kind": kind, "written_by": {"jax": jax.__version__}}
    text = json.dumps(content, separators=(",", ":"))
    head["digest"] = _digest(kind, text)
    write_atomically(path, (json.dumps(head)[:-1] + ', "content": ' + text + "}\n").encode())


def _digest(kind: Any, text: str) -> str:
    return hashlib.sha256(f"{VERSION};{kind};{text}".encode()).hexdigest()


def load(path: str | os.PathLike[str]) -> Any:
    """The diagram or `Para` in a file that `save` wrote.

    Raises `FileError` with the reason: not JSON, another format, a newer version, a wrong digest, or
    content that is no diagram.
    """
    try:
        data = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"{path} is corrupt: not JSON ({error})") from error
    if not isinstance(data, dict) or data.get("format") != "paralens":
        raise FileError(f"{path} is not a Paralens file: it has no 'format': 'paralens'")
    version = data.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise FileError(f"{path} has version {version!r} and this Paralens reads up to {VERSION}: upgrade to open it")
    content: Any = data.get("content")
    text = json.dumps(content, separators=(",", ":"))
    if _digest(data.get("kind"), text) != data.get("digest"):
        raise FileError(f"{path} is corrupt: its content does not have the digest that it states")
    try:
        reader = _Reader(content)
        root = reader.diagram(content["root"])
        if data.get("kind") != "para":
            return root
        entries = content["params"]
        last = root.dom.inside[len(root.dom) - len(entries) :]
        return Para(
            root,
            [(tuple(e["path"]), Param(Ty.of((w,)), _read_init(e["init"]))) for e, w in zip(entries, last, strict=True)],
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, ParalensError):
            raise
        raise FileError(f"{path} holds no diagram: {type(error).__name__}: {error}") from error


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that its name never shows half of it: a temporary file beside it takes its place."""
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class _Writer:
    """The tables of a file; diagrams, boxes and rules are written once for each object."""

    def __init__(self) -> None:
        self.wires: dict[Wire, int] = {}
        self.boxes: list[Any] = []
        self.diagrams: list[Any] = []
        self.rules: list[Any] = []
        self.places: dict[tuple[str, int], int] = {}
        self.kept: list[Any] = []  # objects stay alive while their addresses are keys

    def tables(self) -> dict[str, Any]:
        wires = [[list(w.shape), w.dtype] for w in self.wires]
        return {"wires": wires, "boxes": self.boxes, "diagrams": self.diagrams, "rules": self.rules}

    def place(self, kind: str, item: Any, table: list[Any]) -> tuple[int, bool]:
        """Where `item` stands in a table, and whether it is new (its place is then reserved)."""
        key = (kind, id(item))
        if key in self.places:
            return self.places[key], False
        self.kept.append(item)
        self.places[key] = len(table)
        table.append(None)
        return len(table) - 1, True

    def ty(self, ty: Ty) -> list[int]:
        return [self.wires.setdefault(w, len(self.wires)) for w in ty.inside]

    def diagram(self, d: Diagram) -> int:
        place, new = self.place("diagram", d, self.diagrams)
        if new:
            g = d.graph
            boxes = np.array([self.box(b) for b in g.table], dtype=np.int64)
            self.diagrams[place] = {
                "dom": self.ty(g.dom),
                "cod": self.ty(g.cod),
                "ops": boxes[g.ops].tolist() if len(g.ops) else [],
                "inputs": g.inputs.tolist(),
                "outputs": g.outputs.tolist(),
            }
        return place

    def box(self, b: Box) -> int:
        place, new = self.place("box", b, self.boxes)
        if new:
            params = {k: self.value(b, k, v) for k, v in b.params.items()}
            inside = None if b.definition is None else self.diagram(b.definition)
            dom, cod = self.ty(b.dom), self.ty(b.cod)
            # the name tells it, as in files that were written before boxes had roles, unless it does not
            told = spelled(b.name) == ({"role": b.role, "of": b.of} if b.role else {})
            role = {} if told else {"role": [b.role, b.of]}
            self.boxes[place] = dict(name=b.name, op=b.op, dom=dom, cod=cod, params=params, definition=inside) | role
        return place

    def value(self, b: Box, name: str, value: Any) -> Any:
        def refuse(v: Any) -> Any:
            raise FileError(
                f"cannot save box {b.name!r}: its parameter {name!r} holds {v!r}, which has no written form"
            )

        return encode(value, diagram=self.diagram, rule=self.rule, opaque=refuse, rules=self.rules_at)

    def rule(self, rule: LazyDiagram) -> int:
        place, new = self.place("rule", rule, self.rules)
        if new:
            known = rule.known()
            inside = None if known is None else self.diagram(known)
            self.rules[place] = {"diagram": inside, "depth": rule.depth, "label": rule.label}
        return place

    def rules_at(self, rules: LazyRules) -> Any:
        """The rules for the sets of moving inputs that were asked for so far."""
        known = [[list(s), {k: self.rule(r) for k, r in made.items()}] for s, made in sorted(rules.known.items())]
        return {"token": rules.token, "label": rules.label, "known": known}


class _Reader:
    """Diagrams, boxes and rules by their place in the tables of a file, each made once."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.wires = [wire(tuple(map(int, shape)), str(dtype)) for shape, dtype in content["wires"]]
        self.content = content
        self.made: dict[tuple[str, int], Any] = {}

    def ty(self, places: list[int]) -> Ty:
        return Ty.of(self.wires[i] for i in places)

    def diagram(self, place: int) -> Diagram:
        key = ("diagram", place)
        if key not in self.made:
            tree = self.content["diagrams"][place]
            used = sorted(set(tree["ops"]))
            table = tuple(self.box(i) for i in used)
            ops = np.searchsorted(np.array(used, dtype=np.int64), np.array(tree["ops"], dtype=np.int64))
            ints = [np.array(x, dtype=np.int32) for x in (ops, tree["inputs"], tree["outputs"])]
            graph = Graph(self.ty(tree["dom"]), self.ty(tree["cod"]), table, *ints)
            _validate(graph, f"diagram {place}")
            self.made[key] = Diagram.of_graph(graph)
        return self.made[key]

    def box(self, place: int) -> Box:
        key = ("box", place)
        if key not in self.made:
            t = self.content["boxes"][place]
            inside = None if t["definition"] is None else self.diagram(t["definition"])
            params = {k: decode(v, self.diagram, self.rule) for k, v in t["params"].items()}
            role = dict(zip(("role", "of"), t["role"], strict=True)) if "role" in t else spelled(t["name"])
            dom, cod = self.ty(t["dom"]), self.ty(t["cod"])
            self.made[key] = Box(t["name"], dom, cod, op=t["op"], params=params, definition=inside, **role)
        return self.made[key]

    def rule(self, place: int) -> LazyDiagram:
        key = ("rule", place)
        if key not in self.made:
            t = self.content["rules"][place]
            make = None if t["diagram"] is None else lambda: self.diagram(t["diagram"])
            self.made[key] = LazyDiagram(make, t["depth"], t["label"])
        return self.made[key]


def _validate(graph: Graph, name: str) -> None:
    """Every node reads wires that exist before it, of the types that its box takes."""
    reads, writes = graph.widths(0), graph.widths(1)
    if len(graph.inputs) != int(reads.sum()) or len(graph.outputs) != len(graph.cod):
        raise FileError(f"{name} lists {len(graph.inputs)} inputs of boxes where they take {int(reads.sum())}")
    before = np.repeat(len(graph.dom) + np.cumsum(writes) - writes, reads)
    if np.any(graph.inputs < 0) or np.any(graph.inputs >= before):
        raise FileError(f"{name} has a box that reads a wire which no box before it writes")
    if np.any(graph.outputs < 0) or np.any(graph.outputs >= graph.n_wires):
        raise FileError(f"{name} has an output that is no wire of it")
    types = graph.wires()
    # by hand: what a file says is not a graph before it was looked at
    expected = [w for op in graph.ops.tolist() for w in graph.table[op].dom.inside]
    for i, w in zip(graph.inputs.tolist(), expected, strict=True):
        if types[i] is not w:
            raise FileError(f"{name} has a box that takes {w} and reads wire {i}, which carries {types[i]}")
    if [types[i] for i in graph.outputs.tolist()] != list(graph.cod.inside):
        raise FileError(f"{name} has outputs that do not carry its codomain {graph.cod}")


def _write_init(path: tuple[str, ...], init: Any) -> Any:
    if init is None:
        return None
    if isinstance(init, Given):
        data, impl = parts_of_key(init.value)
        return {"given": encode(Constant(data)), **({"impl": impl} if impl else {})}
    if isinstance(init, Stacked):
        return {"stacked": _write_init(path, init.init), "n": init.n}
    if not isinstance(init, Init):
        raise FileError(
            f"cannot save parameter {'/'.join(path)}: its initializer {init!r} is a function; "
            "name one of jax.nn.initializers with Init(name, options)"
        )

    def refuse(v: Any) -> Any:
        raise FileError(f"cannot save parameter {'/'.join(path)}: its initializer {init!r} holds {v!r}")

    options = {k: encode(canonical(v), opaque=refuse) for k, v in init.options.items()}
    return {"name": init.name, "options": options}


def _read_init(init: Any) -> Any:
    if init is None:
        return None
    if "given" in init:
        return Given(array_or_key(decode(init["given"]).value, init.get("impl")))
    if "stacked" in init:
        return Stacked(_read_init(init["stacked"]), init["n"])
    return Init(init["name"], {k: decode(v) for k, v in init["options"].items()})
