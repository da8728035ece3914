"""The only module that imports DisCoPy's concrete classes.

DisCoPy 1.2 gives the free Markov category: types that are tuples of objects, boxes, swaps, copies
and discards, and layered diagrams that its functors and drawing walk over. Everything that
Paralens takes from it passes through here, so that a change of names upstream is a change of one file.
"""

from __future__ import annotations

from discopy.cat import Ob, factory
from discopy.markov import Box as FreeBox
from discopy.markov import Copy as FreeCopy
from discopy.markov import Diagram as FreeDiagram
from discopy.markov import Discard as FreeDiscard
from discopy.markov import Functor as FreeFunctor
from discopy.markov import Swap as FreeSwap
from discopy.monoidal import Layer
from discopy.monoidal import Ty as FreeTy

__all__ = [
    "FreeBox",
    "FreeCopy",
    "FreeDiagram",
    "FreeDiscard",
    "FreeFunctor",
    "FreeSwap",
    "FreeTy",
    "Layer",
    "Ob",
    "factory",
]
