"""Pictures of diagrams: a layout of our own, and writers for SVG and PNG.

`draw` runs four steps, one a file: `scene` decides what is to be seen (which boxes are open, which
wires are parameters), `grid` puts boxes into columns and orders and aligns them, `place` turns
columns into shapes, and `picture` writes shapes as SVG or PNG. `style` has the palette and symbols.

>>> draw(Box("f", R(2), R(3)) >> Box("g", R(3), R(4))).svg[:4]
'<svg'
"""

from .picture import Picture
from .sheet import draw

__all__ = ["Picture", "draw"]
