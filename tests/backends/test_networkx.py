"""To networkx and back."""

import jax.numpy as jnp
import networkx as nx
import pytest
from functions import FUNCTIONS
from hypothesis import given
from strategies import diagrams, paras

from paralens import Box, Diagram, Para, Param, R, from_jax
from paralens.backends.networkx import from_networkx, to_networkx
from paralens.categories.errors import CompositionError

F, G = Box("f", R(2), R(3)), Box("g", R(3), R(2))
ADD = Box("add", R(3) @ R(3), R(3))


@given(d=diagrams())
def test_a_diagram_comes_back_with_the_very_same_graph(d):
    back = from_networkx(to_networkx(d))
    assert back == d
    assert back.graph == d.graph


@given(model=paras())
def test_a_model_comes_back_with_its_parameters(model):
    back = from_networkx(to_networkx(model))
    if not model.entries:
        assert back == model.arrow
        return
    assert back.arrow.graph == model.arrow.graph
    assert back.entries == model.entries


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_jax_function_comes_back(name):
    f, *examples = FUNCTIONS[name]
    d = from_jax(f, *examples)
    assert from_networkx(to_networkx(d)).graph.ops.tolist() == d.graph.ops.tolist()
    assert from_networkx(to_networkx(d)) == d


def test_dead_boxes_are_kept():
    d = Diagram.copy(R(2)) >> F @ F >> R(3) @ Diagram.discard(R(3))
    assert len(from_networkx(to_networkx(d)).graph) == 2


def test_nodes_and_edges_say_what_they_are():
    g = to_networkx(from_jax(lambda x: jnp.tanh(x) * x, R(3)))
    assert list(g) == ["input 0", "tanh", "mul", "output 0"]
    assert {k: g.nodes["tanh"][k] for k in ("kind", "label", "op")} == {"kind": "box", "label": "tanh", "op": "tanh"}
    assert g.nodes["mul"]["box"].dom == R(3) @ R(3)
    edge = {"wire": 0, "type": "R(3)", "nbytes": 12, "source_port": 0, "target_port": 1}
    assert list(g.get_edge_data("input 0", "mul").values()) == [edge]


def test_parameters_are_named_on_their_inputs():
    layer = Para(Box("dense", R(3) @ R(3, 2), R(2)), {"dense": {"w": Param(R(3, 2))}})
    assert to_networkx(layer).nodes["input 1"]["parameter"] == "dense/w"


def test_analyses_of_networkx_mean_what_they_say():
    d = Diagram.copy(R(2)) >> F @ (F >> G >> F) >> ADD
    g = to_networkx(d)
    assert nx.dag_longest_path(g) == ["input 0", "f_1", "g", "f_2", "add", "output 0"]
    assert nx.ancestors(g, "g") == {"f_1", "input 0"}
    assert nx.descendants(g, "f") == {"add", "output 0"}
    assert nx.is_directed_acyclic_graph(g)


def test_a_wire_read_twice_by_one_box_is_two_edges():
    g = to_networkx(Diagram.copy(R(3)) >> ADD)
    assert g.number_of_edges("input 0", "add") == 2


def test_a_box_named_like_the_boundary_gets_a_prime():
    d = Box("input 0", R(2), R(2)) >> Box("output 0", R(2), R(2)) >> Box("f", R(2), R(2)) >> Box("f", R(2), R(2))
    g = to_networkx(d)
    assert list(g) == ["input 0", "input 0'", "output 0", "f", "f_1", "output 0'"]
    assert from_networkx(g).graph == d.graph


def test_boxes_whose_names_run_into_the_numbering_stay_apart():
    d = Box("f", R(2), R(2)) >> Box("f", R(2), R(2)) >> Box("f_1", R(2), R(2))
    assert len(to_networkx(d)) == 5
    assert from_networkx(to_networkx(d)).graph == d.graph


def test_a_graph_edited_with_networkx_is_the_edited_diagram():
    g = to_networkx(F >> G)
    g.add_node("h", kind="box", box=Box("h", R(3), R(3)))
    g.remove_edge("f", "g")
    g.add_edge("f", "h", source_port=0, target_port=0)
    g.add_edge("h", "g", source_port=0, target_port=0)
    assert from_networkx(g) == F >> Box("h", R(3), R(3)) >> G


def test_a_deep_chain_comes_back():
    d = Diagram.id(R(2)).then(*[F, G] * 10_000)
    assert from_networkx(to_networkx(d)).graph == d.graph


def refused(g, *texts):
    with pytest.raises(CompositionError) as caught:
        from_networkx(g)
    for text in texts:
        assert text in str(caught.value)


def test_a_cycle_is_refused_by_the_boxes_on_it():
    g = to_networkx(F >> G)
    g.remove_edge("input 0", "f")
    g.add_edge("g", "f", source_port=0, target_port=0)
    refused(g, "the graph has a cycle: f -> g -> f", "make the wire an input and an output")


def test_a_long_cycle_is_named_by_its_beginning():
    g = to_networkx(Diagram.id(R(2)).then(*[F, G] * 50))
    g.remove_edge("input 0", "f")
    g.add_edge("g_49", "f", source_port=0, target_port=0)
    refused(g, " -> ... -> ")


def test_a_type_mismatch_names_both_boxes_and_both_types():
    g = to_networkx(F >> G)
    g.nodes["g"]["box"] = Box("g", R(4), R(2))
    refused(g, "f gives R(3) but g takes R(4) (port 0)")


def test_missing_doubled_and_unknown_ports_are_named_all_at_once():
    g = to_networkx(F @ F >> ADD)
    g.remove_edge("f_1", "add")
    g.add_edge("f_1", "add", source_port=0, target_port=0)
    refused(g, "both f and f_1 feed the port 0 of add", "nothing feeds the port 1 of add, R(3)")
    g.add_edge("f_1", "add", source_port=0, target_port=7)
    g.add_edge("f_1", "add", source_port=3, target_port=1)
    refused(g, "f_1 feeds the port 7 of add, which takes 2 wires", "add reads the port 3 of f_1, which gives 1 wires")


def test_an_edge_without_ports_is_refused():
    g = to_networkx(F)
    g.add_edge("f", "output 0")
    refused(g, "f feeds the port None of output 0")


def test_nodes_without_a_meaning_are_refused():
    g = to_networkx(F)
    g.add_node("stray")
    g.add_node("hollow", kind="box")
    refused(g, "the node 'stray' has kind=None", "the node 'hollow' has no Box under box=")


def test_a_broken_boundary_is_refused():
    g = to_networkx(F @ F)
    g.nodes["input 1"]["index"] = 5
    refused(g, "the input nodes must have index= 0 to 1, each once")
    g = to_networkx(F)
    del g.nodes["output 0"]["type"]
    refused(g, "the node 'output 0' has no Wire under type=")


def test_other_kinds_of_graph_are_refused():
    refused(nx.Graph(), "a diagram comes from a networkx.MultiDiGraph, not from Graph")
