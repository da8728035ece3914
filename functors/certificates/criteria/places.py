"""Points that nobody declared and where defects sit."""

from __future__ import annotations

import numpy as np

from ..plots.curves import Region
from ..plots.subjects import Arrays

__all__ = ["probes"]


def probes(region: Region) -> list[Arrays]:
    """Zeros, equal entries, ones, an identity, ties in pairs, whole numbers, and the ends of the domain."""
    met = [np.array(a, dtype=a.dtype) for a in region.met[0]]
    found = [[np.zeros_like(a) for a in met], [np.full_like(a, a.flat[0] if a.size else 0) for a in met]]
    found.append([np.ones_like(a) for a in met])
    tied = []
    for a in met:
        b = a.copy().ravel()
        b[1::2] = b[: b.size - b.size % 2 : 2]
        tied.append(b.reshape(a.shape))
    found.append(tied)
    if any(a.ndim == 2 and a.shape[0] == a.shape[1] > 1 for a in met):
        found.append([np.eye(len(a), dtype=a.dtype) if a.ndim == 2 and a.shape[0] == a.shape[1] else a for a in met])
    found.append([np.round(a) if a.dtype.kind == "f" else a for a in met])
    ends = [r for r in region.ranges if r is not None]
    if ends:
        for k in (0, 1):
            found.append(
                [
                    a if r is None else np.broadcast_to(np.asarray(r[k], float), a.shape).astype(a.dtype)
                    for a, r in zip(met, region.ranges, strict=True)
                ]
            )
    kept: list[Arrays] = []
    for p in found:
        known = [*kept, *region.met, *region.declared]
        if region.inside(p) and not any(all((a == b).all() for a, b in zip(p, q, strict=True)) for q in known):
            kept.append(p)
    return kept
