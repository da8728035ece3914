"""The only module that imports DisCoPy's concrete classes.

DisCoPy 1.2 gives the free Markov category: types that are tuples of objects, boxes, swaps, copies
and discards, and layered diagrams that its functors and drawing walk over. Everything that
Paralens takes from it passes through here, so that a change of names upstream is a change of one file.

DisCoPy is untyped, and its class decorator hides the classes from type checkers; what we use of
them is declared here for those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    class Ob:
        name: str

        def __init__(self, name: str = "") -> None: ...

    class FreeTy:
        inside: tuple[Any, ...]
        factory: Any

        def __init__(self, *inside: Any) -> None: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[Any]: ...

    class Layer:
        dom: Any
        cod: Any

        def __init__(self, left: FreeTy, box: Any, right: FreeTy, *more: Any) -> None: ...
        def __iter__(self) -> Iterator[Any]: ...

    class FreeDiagram:
        factory: Any
        braid_factory: Any
        copy_factory: Any
        discard_factory: Any

        def __init__(self, inside: Any, dom: Any, cod: Any, _scan: bool = True) -> None: ...
        def normal_form(self, **options: Any) -> Any: ...
        def __len__(self) -> int: ...
        def __getitem__(self, key: Any) -> Any: ...
        def draw(self, **options: Any) -> Any: ...
        def to_hypergraph(self) -> Any: ...

    class FreeBox(FreeDiagram):
        def __lt__(self, other: Any) -> bool: ...

    class FreeSwap(FreeBox): ...

    class FreeCopy(FreeBox): ...

    class FreeDiscard(FreeCopy): ...
else:
    from discopy.cat import Ob
    from discopy.markov import Box as FreeBox
    from discopy.markov import Copy as FreeCopy
    from discopy.markov import Diagram as FreeDiagram
    from discopy.markov import Discard as FreeDiscard
    from discopy.markov import Swap as FreeSwap
    from discopy.monoidal import Layer
    from discopy.monoidal import Ty as FreeTy

__all__ = ["FreeBox", "FreeCopy", "FreeDiagram", "FreeDiscard", "FreeSwap", "FreeTy", "Layer", "Ob"]
