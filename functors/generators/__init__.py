"""The table of facts about JAX's primitives: what each one is, said once."""

from __future__ import annotations

from .arithmetic import ARITHMETIC
from .elementary import ELEMENTARY
from .facts import Fact
from .indexing import INDEXING
from .linalg import LINALG
from .order import ORDER
from .products import PRODUCTS
from .reductions import REDUCTIONS
from .reindexing import REINDEXING
from .scans import CUMULATIVE
from .special import SPECIAL
from .still import STILL
from .windows import WINDOWS

__all__ = ["FACTS"]

FACTS: dict[str, Fact] = {
    **ARITHMETIC,
    **CUMULATIVE,
    **ELEMENTARY,
    **INDEXING,
    **LINALG,
    **ORDER,
    **PRODUCTS,
    **REDUCTIONS,
    **REINDEXING,
    **SPECIAL,
    **STILL,
    **WINDOWS,
}
