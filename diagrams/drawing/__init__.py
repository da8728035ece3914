"""Pictures of diagrams: a layout of our own, and writers for SVG and PNG.

`draw` runs four steps: `scene` decides what is to be seen (with parameters in `bundles` and data in `cables`), `grid`
puts boxes into columns and orders and aligns them (`heights`), `place` turns columns into shapes (`columns`, `block`;
`fold` for long rows, `facing` for a backward pass below its forward pass), and `picture` writes shapes as SVG or PNG.
`style` has the palette and symbols.

A dot is a copy and nothing else; a bar ends a wire that nothing reads; a thick line is several arrays, and where it
carries parameters, it splits at corners; a dashed line with an arrow is feedback. A circle is a symbol known to all,
and where the order of its operands matters, the first comes in above the second. Other boxes show the names that
paths take. Backward boxes and cotangents are red, residuals gray.

>>> draw(Box("f", R(2), R(3)) >> Box("g", R(3), R(4))).svg[:4]
'<svg'
"""

from . import png as _png
from .picture import Picture
from .sheet import draw

__all__ = ["Picture", "draw"]

Picture._write_png = _png.write
