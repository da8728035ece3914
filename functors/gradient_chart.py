"""The cheap gradient principle on every layer and loss, as a bar chart.

Each bar is cost(R[f]⁺) / cost(f) in operations (see `gradient_cost`), at one example of a typical size, for all data
and parameters at once. A layer that only moves data, such as `flatten`, has no bar: 0 operations stay 0.

>>> costs = layer_gradients()
>>> costs["dense"], sorted(name for name, found in costs.items() if found.ratio > 5)
(<GradientCost 2.98, at most 3.01>, ['embedding'])
>>> gradient_chart(costs).width
640
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..categories.para import Para
from ..diagrams import losses, nn
from ..diagrams.drawing.picture import Curve, Picture, Rect, Shape, Text
from ..diagrams.drawing.style import COTANGENT, SOFT
from ..diagrams.nn import activations
from ..diagrams.syntax import Diagram
from ..diagrams.types import R
from .cheapness import GradientCost, format_ratio, gradient_cost
from .summaries import human, operations

__all__ = ["LAYERS", "gradient_chart", "layer_gradients"]

ROW, IMAGE, LOGITS = R(16, 32), R(12, 12, 8), R(10)
ACTIVATIONS = [name for name in activations.__all__ if name in nn.__all__]
LOSSES = [name for name in losses.__all__ if name != "itself"]

LAYERS: dict[str, Callable[[], Diagram | Para]] = {
    **{name: lambda name=name: getattr(nn, name)(ROW) for name in ACTIVATIONS},
    **{name: lambda name=name: getattr(losses, name)(LOGITS) for name in LOSSES},
    "itself": losses.itself,
    "dense": lambda: nn.dense(ROW, 64),
    "bias": lambda: nn.bias(ROW),
    "embedding": lambda: nn.embedding(16, 100, 32),
    "position_embedding": lambda: nn.position_embedding(ROW),
    "conv1d": lambda: nn.conv1d(ROW, 64, 3),
    "conv2d": lambda: nn.conv2d(IMAGE, 16, 3),
    "max_pool": lambda: nn.max_pool(IMAGE, 2),
    "avg_pool": lambda: nn.avg_pool(IMAGE, 2),
    "global_avg_pool": lambda: nn.global_avg_pool(IMAGE),
    "layer_norm": lambda: nn.layer_norm(ROW),
    "rms_norm": lambda: nn.rms_norm(ROW),
    "group_norm": lambda: nn.group_norm(IMAGE, 4),
    "dropout": lambda: nn.dropout(ROW, 0.5),
    "flatten": lambda: nn.flatten(IMAGE),
    "reshape": lambda: nn.reshape(IMAGE, 2, -1),
    "residual": lambda: nn.residual(nn.dense(ROW, 32)),
    "sequential": lambda: nn.sequential(nn.dense(ROW, 64), nn.relu, nn.dense(R(16, 64), 10)),
    "multi_head_attention": lambda: nn.multi_head_attention(ROW, 4, causal=True),
    "transformer_block": lambda: nn.transformer_block(ROW, 4, causal=True),
}


def layer_gradients() -> dict[str, GradientCost]:
    """`gradient_cost` of every layer of `nn` and of every loss, by name."""
    return {name: gradient_cost(make()) for name, make in LAYERS.items()}


WIDTH, LEFT, RIGHT, LINE, TOP = 640, 160, 580, 18, 34
TICKS = range(6)


def gradient_chart(costs: Mapping[str, GradientCost], bound: float = 5.0) -> Picture:
    """A bar for each ratio, the largest first, and a line at the bound; bars beyond the page are cut.

    A map without operations has no bar.
    """
    ordered = sorted(costs.items(), key=lambda item: (not operations(item[1].both), -item[1].ratio))
    unit, bottom = (RIGHT - LEFT) / (max(bound, TICKS[-1]) + 0.5), TOP + LINE * len(ordered)
    limit = LEFT + unit * bound
    shapes: list[Shape] = [
        Text(LEFT, 20, "operations of value and reverse / operations of the map", bold=True),
        Curve((("M", LEFT, bottom), ("L", RIGHT, bottom)), "residual"),
    ]
    for tick in TICKS:
        x = LEFT + unit * tick
        shapes += [Curve((("M", x, bottom), ("L", x, bottom + 5)), "residual")]
        shapes += [Text(x, bottom + 18, str(tick), 11, "middle", SOFT)]
    bars = [_bar(name, found, TOP + LINE * i, unit, bound) for i, (name, found) in enumerate(ordered)]
    shapes += [s for bar in bars for s in bar if not isinstance(s, Text)]
    shapes += [Curve((("M", limit, TOP - 4), ("L", limit, bottom + 5)), "cotangent")]
    shapes += [s for bar in bars for s in bar if isinstance(s, Text)]
    shapes += [Text(limit, bottom + 32, f"bound {bound:g}", 11, "middle", COTANGENT)]
    return Picture(tuple(shapes), WIDTH, bottom + 44)


def _bar(name: str, found: GradientCost, y: float, unit: float, bound: float) -> list[Shape]:
    """The name, the bar and the value of one ratio."""
    label = Text(LEFT - 8, y + 12, name, 11, "end")
    if not operations(found.both):
        return [label, Text(LEFT + 6, y + 12, "only moves data", 10, fill=SOFT)]
    width = min(unit * found.ratio, RIGHT - LEFT)
    tip = f"{name}: {human(operations(found.forward))} operations, with reverse {human(operations(found.both))}"
    bar = Rect(LEFT, y + 2, width, LINE - 4, 2, "defined" if found.ratio <= bound else "derivative", tip)
    return [label, bar, Text(LEFT + width + 5, y + 12, format_ratio(found.ratio), 10, fill=SOFT, halo=True)]
