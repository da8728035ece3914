"""What a wrong slope looks like: the first pattern that fits."""

from __future__ import annotations

import numpy as np

from ..plots.panels import Integral
from ..plots.parts import Defect
from ..plots.subjects import Subject

__all__ = ["hint_of"]


def hint_of(subject: Subject, integral: Integral, f: Defect) -> str:
    """A constant factor, a sign, a dropped input, or nothing."""
    node, h = f.panel.node, f.panel.half
    claimed, actual = node.d[:, f.entry], integral.actual(node.F[:, f.entry], h)
    inner = slice(2, -2)
    size = np.abs(actual[inner]).max(initial=0.0)
    if size == 0 or np.ptp(node.F[:, f.entry]) == 0:
        return "the value does not change along the curve, though a slope is claimed"
    if np.abs(claimed).max() == 0:
        return "looks like a dropped dependence: the claimed slope is zero"
    with np.errstate(all="ignore"):
        ratio = claimed[inner] / actual[inner]
    mean = float(ratio.mean())
    if _constant(ratio, mean) and _constant(_otherwise(subject, integral, f)[inner], mean):
        return "looks like a wrong sign" if abs(mean + 1) < 1e-9 else f"looks like a constant factor {mean:.7g}"
    return _dropped(subject, integral, f)


def _constant(ratio: np.ndarray, mean: float) -> bool:
    return bool(np.isfinite(ratio).all() and np.abs(ratio - mean).max() <= 1e-6 * abs(mean))


def _otherwise(subject: Subject, integral: Integral, f: Defect) -> np.ndarray:
    """The ratio of claimed and actual slopes along another line: that of a linear map is constant along any one."""
    panel, rng = f.panel, np.random.default_rng(0)
    starts, speeds = panel.curve.at(panel.times[[8]])
    vs = [a * rng.choice([-1.0, 1.0], np.shape(a)) * rng.uniform(0.5, 1.0, np.shape(a)) for a in speeds]
    away = panel.times - panel.times[8]
    xs = [a + away.reshape(-1, *[1] * (a.ndim - 1)) * v for a, v in zip(starts, vs, strict=True)]
    node = subject.run(xs, [np.broadcast_to(v, x.shape) for v, x in zip(vs, xs, strict=True)], panel.ws, panel.fixed)
    with np.errstate(all="ignore"):
        return node.d[:, f.entry] / integral.actual(node.F[:, f.entry], panel.half)


def _dropped(subject: Subject, integral: Integral, f: Defect) -> str:
    """The inputs, moved one at a time, for which the claim is zero where the value is not still."""
    panel = f.panel
    if len(subject.inputs) < 2:
        return ""
    xs, vs = panel.curve.at(panel.times)
    dropped = []
    for k in range(len(xs)):
        alone = [v if i == k else np.zeros_like(v) for i, v in enumerate(vs)]
        d = subject.run(xs, alone, panel.ws, panel.fixed, slopes=True).d[:, f.entry]
        held = [x if i == k else np.broadcast_to(x[8], x.shape) for i, x in enumerate(xs)]
        F = subject.values(held, panel.ws if subject.only_reverse else None, panel.fixed)[:, f.entry]
        if np.abs(d).max() == 0 and np.ptp(F) > 1e-6 * np.abs(F).max():
            dropped.append(str(k))
    return f"looks like a dropped dependence on input {', '.join(dropped)}" if dropped else ""
