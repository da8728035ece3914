"""Random types, diagrams and 1-cells, for the laws.

Every box is a JAX function with a definition, so that the same diagrams serve syntax and meaning.
"""

from functools import cache

import jax.numpy as jnp
from hypothesis import strategies as st

from paralens import Diagram, Para, Param, R, Ty, Z, from_jax
from paralens.diagrams.graph import Builder

ATOMS = (R(), R(2), R(3, 2), Z())

types = st.lists(st.sampled_from(ATOMS), max_size=3).map(lambda tys: sum(tys, Ty()))


smooth_types = st.lists(st.sampled_from(ATOMS[:3]), max_size=2).map(lambda tys: sum(tys, Ty()))


def smooth_diagrams(dom=None, cod=None, max_boxes=3):
    """A random diagram whose wires all have cotangents."""
    return diagrams(dom, cod, max_boxes, smooth_types)


@cache
def box(seed, dom, cod):
    """A box of this type: every output mixes all inputs in a way that depends on the seed and the place."""

    def mix(*xs):
        parts = [(k + 1) * jnp.sin(x.astype("float32")).sum() for k, x in enumerate(xs)]
        total = jnp.float32(seed + 1) + sum(parts, 0.0)
        outs = []
        for k, w in enumerate(cod.inside):
            ramp = jnp.arange(w.size, dtype="float32").reshape(w.shape) + jnp.float32(k)
            outs.append((jnp.broadcast_to(total, w.shape) + ramp).astype(w.dtype))
        return tuple(outs)

    return from_jax(mix, *dom).boxed(f"f{seed}")


@st.composite
def diagrams(draw, dom=None, cod=None, max_boxes=5, types=types):
    """A random diagram, as a graph, with copying, discarding and swapping."""
    dom = draw(types) if dom is None else dom
    cod = draw(types) if cod is None else cod
    build = Builder(dom)
    wires = list(dom.inside)

    def apply(b):
        inputs = [draw(st.sampled_from([i for i, w in enumerate(wires) if w == need])) for need in b.dom.inside]
        build.add(b, inputs)
        wires.extend(b.cod.inside)

    for _ in range(draw(st.integers(0, max_boxes))):
        sources = draw(st.lists(st.sampled_from(range(len(wires))), max_size=3)) if wires else []
        apply(box(draw(st.integers(0, 2)), Ty.of(wires[i] for i in sources), draw(types)))
    outputs = []
    for w in cod.inside:
        if w not in wires or draw(st.booleans()):
            source = draw(st.sampled_from(range(len(wires)))) if wires else None
            apply(box(draw(st.integers(0, 2)), Ty() if source is None else Ty.of((wires[source],)), Ty.of((w,))))
        outputs.append(draw(st.sampled_from([i for i, v in enumerate(wires) if v == w])))
    return Diagram.of_graph(build.finish(outputs, cod))


@st.composite
def paras(draw, dom=None, cod=None):
    """A random 1-cell with up to two parameters."""
    dom = draw(types) if dom is None else dom
    weights = draw(st.lists(st.sampled_from(ATOMS[:3]), max_size=2))
    arrow = draw(diagrams(sum(weights, dom), cod, max_boxes=3))
    return Para(arrow, {f"p{i}": Param(w, "zeros") for i, w in enumerate(weights)})


@st.composite
def instances(draw, law, maps=diagrams, types=types):
    """Values for the variables of a law: objects are types, maps are drawn between them."""
    objects = {}

    def ty(name):
        if name not in objects:
            objects[name] = draw(types)
        return objects[name]

    values = []
    for variable in law.variables:
        _, _, arrow = variable.partition(": ")
        if not arrow:
            values.append(ty(variable))
            continue
        source, _, target = arrow.partition(" > ")
        values.append(draw(maps(dom=ty(source), cod=ty(target))))
    return values
