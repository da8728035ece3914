"""What rounding does on a panel, measured: the noise of values and slopes, and the response to an ulp of the inputs."""

from __future__ import annotations

import numpy as np

from .bounds import NOISE_POINTS, PANEL, jittered, noise
from .parts import Panel
from .shaking import ULPS, shaken
from .subjects import Subject, repeated

__all__ = ["noise_of", "response_of", "scatter_of", "shaken_noise", "turns"]

STAIR = 1e3  # times the rounding of the largest value: a staircase of rounding has no higher steps

SEEN = 30.0  # times the rounding of values: a move that is seen


def noise_of(subject: Subject, panel: Panel, entry: int, top: float) -> tuple[float, float]:
    """The noise of value and slope: the largest of five places for the one, of one for the other, at several scales.

    Next to distances that are small in the panel stand those that are small against the inputs: what is rounded on
    the way to a value may be a staircase whose steps are longer than the panel.
    """
    near, far = _steps(panel, entry)
    found = _noises(subject, panel, entry, [(place, step) for place in (0, 4, 8, 12, 16) for step in near])
    # far out a kink looks like noise, at some of the places and of any size
    wide = _noises(subject, panel, entry, [(place, step) for place in (0, 8, 16) for step in far])
    wide = [min(wide[k :: len(far)]) for k in range(len(far))]
    found += [n for n in wide if n <= STAIR * subject.unit * top]
    if np.ptp(panel.node.F[:, entry]) == 0:
        found.append(_stair(subject, panel, entry, top))
    return max(found), _slope_noise(subject, panel, entry, near[0])


def _steps(panel: Panel, entry: int) -> tuple[list[float], list[float]]:
    """Distances in the time of the curve; far ones too where values repeat, as on a staircase."""
    xs, vs = panel.curve.at(panel.times[[8]])
    size = max([float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) for x in xs], default=0.0)
    speed = max([float(np.abs(v).max(initial=0.0)) for v in vs], default=0.0)
    unit = size / speed if size and speed else 0.0
    near = [panel.half * 2.0**-20, *(unit * 2.0**-k for k in (30, 38, 22) if unit)]
    stairs = len(np.unique(panel.node.F[:, entry])) < PANEL - 4
    return near, [unit * 2.0**-k for k in (12, 4) if unit and stairs]


def scatter_of(subject: Subject, panel: Panel, entry: int, place: int) -> float:
    """How far slopes at nine close points are from a parabola, at the one of two distances where it is less."""
    steps, found = np.arange(NOISE_POINTS) - NOISE_POINTS // 2, []
    for fine in (2.0**-16, 2.0**-24):
        xs, vs = panel.curve.at(panel.times[place] + panel.half * fine * steps)
        ws = [w[:NOISE_POINTS] for w in panel.ws]
        found.append(_rough(subject.run(xs, vs, ws, panel.fixed, slopes=True).d[:, entry]))
    # what falls with the distance is not noise
    return min(found) if found[1] > found[0] / 10 else 0.0


def _rough(values: np.ndarray, degree: int = 2) -> float:
    """How far values at equal distances are from a polynomial."""
    size = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(size) or not size:
        return 0.0
    steps, part = np.arange(len(values)) - len(values) // 2, values / size  # squares of huge numbers are none
    return size * float(np.std(part - np.polyval(np.polyfit(steps, part, degree), steps)))


def turns(subject: Subject, panel: Panel, entry: int, scatter: float, rounding: float) -> bool:
    """Whether slopes that look like noise are those of values that turn as fast.

    Points are so close that values which follow such slopes move by some times their rounding, and no more.
    """
    step = SEEN * rounding / scatter
    if step > panel.half * 2.0**-10:
        return False
    for place in (3, 13):
        xs, vs = panel.curve.at(panel.times[place] + step * (np.arange(NOISE_POINTS) - NOISE_POINTS // 2))
        node = subject.run(xs, vs, [w[:NOISE_POINTS] for w in panel.ws], panel.fixed, slopes=True)
        values, slopes = _rough(node.F[:, entry], 4), _rough(node.d[:, entry], 3)
        if 3 * step * slopes <= SEEN * max(values, rounding):
            return True
    return False


def _stair(subject: Subject, panel: Panel, entry: int, top: float) -> float:
    """The least step that a constant value takes further out, if rounding of values elsewhere is as large."""
    xs, vs = panel.curve.at(panel.times[[8]])
    size = max([float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) for x in xs], default=0.0)
    speed = max([float(np.abs(v).max(initial=0.0)) for v in vs], default=0.0)
    if not size or not speed:
        return 0.0
    times = panel.times[8] + size / speed * np.concatenate([2.0 ** np.arange(-10, 12), -(2.0 ** np.arange(-10, 12))])
    xs, _ = panel.curve.at(times)
    ws = [np.broadcast_to(w[:1], (len(times), *w.shape[1:])) for w in panel.ws]
    F = subject.values(xs, ws if subject.only_reverse else None, panel.fixed)[:, entry]
    steps = np.abs(F[np.isfinite(F)] - panel.node.F[8, entry])
    least = float(steps[steps > 0].min(initial=np.inf))
    return least if least <= STAIR * subject.unit * top else 0.0


def _noises(subject: Subject, panel: Panel, entry: int, at: list[tuple[int, float]]) -> list[float]:
    """The noise of values at these places and distances."""
    if not at:
        return []
    steps = np.arange(NOISE_POINTS) - NOISE_POINTS // 2
    xs, _ = panel.curve.at(np.concatenate([panel.times[place] + step * steps for place, step in at]))
    ws = [np.broadcast_to(w[:1], (len(xs[0]), *w.shape[1:])) for w in panel.ws]
    values = subject.values(xs, ws if subject.only_reverse else None, panel.fixed)[:, entry]
    return np.nan_to_num(noise(values.reshape(len(at), -1).T), posinf=0.0).tolist()


def _slope_noise(subject: Subject, panel: Panel, entry: int, step: float) -> float:
    xs, vs = panel.curve.at(panel.times[8] + step * (np.arange(NOISE_POINTS) - NOISE_POINTS // 2))
    ws = [w[:NOISE_POINTS] for w in panel.ws]
    slopes = subject.run(xs, vs, ws, panel.fixed, slopes=True).d[:, entry]
    return float(np.nan_to_num(noise(slopes), posinf=0.0))


def shaken_noise(subject: Subject, panel: Panel, entry: int, rng: np.random.Generator) -> tuple[float, float]:
    """The noise of value and slope when every box rounds otherwise: the middle one of three places.

    It is how far they are from what they are as they stand, at the same points: one number has few others within some
    ulps, and at all of these every box may round alike.
    """
    other = shaken(subject)
    if other is None:
        return 0.0, 0.0
    n, found = NOISE_POINTS, []
    for place in (1, 8, 15):
        x, v, w = panel.at(place)
        near = [jittered(a, subject.unit, rng, n) for a in x]
        vs, ws = repeated(v, n), repeated(w, n)
        node, plain = (s.run(near, vs, ws, panel.fixed, slopes=True) for s in (other, subject))
        subject.evals += n
        apart = ((node.F - plain.F)[:, entry], (node.d - plain.d)[:, entry])
        found.append([float(np.nan_to_num(np.sqrt(np.mean(a**2)))) for a in apart])
    values, slopes = np.median(found, axis=0) / (2 * ULPS)
    return float(values), float(slopes)


def response_of(subject: Subject, panel: Panel, entry: int, rng: np.random.Generator) -> float:
    """|J| |x|: how a value moves with its inputs, each moved by its own size with a random sign."""
    xs, _ = panel.curve.at(panel.times[[0, 8, 16]])
    ends = zip(xs, panel.curve.start, panel.curve.end, strict=True)
    # points of a line are rounded like its ends
    sizes = [
        np.maximum(np.abs(x), np.maximum(*(np.where(np.isfinite(e), np.abs(e), 0) for e in (a, b)))) for x, a, b in ends
    ]
    vs = [s * rng.choice([-1.0, 1.0], s.shape) for s in sizes]
    d = subject.run(xs, vs, [w[:3] for w in panel.ws], panel.fixed, slopes=True).d[:, entry]
    return float(np.abs(d[np.isfinite(d)]).max(initial=0.0))
