"""The house: arrows between rooms go one way, seams are single files, the package lists what there is."""

import ast
import builtins
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).parent.parent
ROOMS = {
    "categories": set(),
    "diagrams": {"categories"},
    "functors": {"categories", "diagrams"},
    "backends": {"categories", "diagrams", "functors"},
}


def modules():
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield room, path, ast.parse(path.read_text())


def imported(path, tree):
    """Absolute names of what a module imports, relative imports resolved."""
    package = ("paralens", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*base, *([node.module] if node.module else [])))


def test_arrows_between_rooms_go_one_way():
    wrong = []
    for room, path, tree in modules():
        for name in imported(path, tree):
            parts = name.split(".")
            if parts[0] == "paralens" and (len(parts) < 2 or parts[1] not in ROOMS[room] | {room}):
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_walks_are_made_with_the_kit_or_say_why_not():
    walks = re.compile(r"graph\.(nodes\(\)|steps\b)|graph\.ops\.tolist\(\)")
    kit = {ROOT / "diagrams" / "graph.py", ROOT / "diagrams" / "traversal.py"}
    for _, path, _ in modules():
        text = path.read_text()
        assert path in kit or not walks.search(text) or "by hand" in text, path


def test_no_circle_of_imports_is_left():
    """Not even one through an import in a function; only what is there for the type checker alone may point back."""
    graph, named = nx.DiGraph(), {}
    for _, path, tree in modules():
        parts = path.relative_to(ROOT).with_suffix("").parts
        named[".".join(("paralens", *parts)).removesuffix(".__init__")] = (path, tree)
    for name, (path, tree) in named.items():
        guards = [t for t in ast.walk(tree) if isinstance(t, ast.If) and "TYPE_CHECKING" in ast.dump(t.test)]
        typing = {id(n) for guard in guards for n in ast.walk(guard)}
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level and id(node) not in typing:
                whole = ".".join((*package[: len(package) - node.level + 1], *filter(None, [node.module])))
                found = [f"{whole}.{a.name}" if f"{whole}.{a.name}" in named else whole for a in node.names]
                graph.add_edges_from((name, target) for target in found if target != name)
    assert [c for c in nx.strongly_connected_components(graph) if len(c) > 1] == []


def test_each_third_party_seam_is_one_file():
    users = {"discopy": set(), "jax.extend": set(), "jax._src": set()}
    for _, path, tree in modules():
        for name in imported(path, tree):
            for seam in users:
                if name == seam or name.startswith(seam + "."):
                    users[seam].add(path.name)
    assert users == {"discopy": {"seam.py"}, "jax.extend": {"lookup.py"}, "jax._src": set()}


def test_the_package_list_names_every_folder_with_code():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        ".".join(("paralens", *p.parent.relative_to(ROOT).parts))
        for r in ROOMS
        for p in (ROOT / r).rglob("__init__.py")
    }
    assert listed == found | {"paralens"}


def test_only_the_facade_and_the_command_line_stand_at_the_root():
    assert {p.name for p in ROOT.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_files_are_short_and_every_module_says_what_it_is():
    for _, path, tree in modules():
        assert len(path.read_text().splitlines()) <= 400, path
        assert ast.get_docstring(tree), path
    for room in ROOMS:
        for folder in [ROOT / room, *[p for p in (ROOT / room).iterdir() if p.is_dir()]]:
            assert len(list(folder.glob("*.py"))) <= 15, folder


def test_no_two_modules_of_a_room_bear_the_same_name():
    for room in ROOMS:
        names = [p.name for p in (ROOT / room).rglob("*.py") if p.name != "__init__.py"]
        assert not {n for n in names if names.count(n) > 1}, room


def test_functions_are_short():
    for _, path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno <= 60, f"{path}: {node.name}"


def test_importing_the_facade_loads_nothing_heavy_that_it_does_not_need(tmp_path):
    code = (
        "import sys; import discopy; before = set(sys.modules); import paralens; "
        "print([m for m in ('sympy', 'optax', 'equinox', 'flax', 'sklearn', 'rich') if m in set(sys.modules) - before])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.strip() == "[]"


def test_a_star_import_shadows_no_builtin():
    import paralens

    assert not set(paralens.__all__) & set(vars(builtins)) and callable(paralens.compile)


def test_every_public_name_exists_and_has_a_docstring():
    import paralens

    assert sorted(paralens.__all__) == sorted(set(paralens.__all__))
    for name in paralens.__all__:
        assert getattr(paralens, name).__doc__, name
