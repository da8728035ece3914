"""What is on a picture: its texts, the shapes of its boxes and its lines; shared by the tests of drawing."""

from paralens.diagrams.drawing.picture import Circle, Curve, Rect, Text


def texts(picture):
    return [s.text for s in picture.shapes if isinstance(s, Text)]


def boxes(picture):
    """The shapes of boxes, open ones too: those that say what they are when pointed at."""
    return [s for s in picture.shapes if isinstance(s, (Rect, Circle)) and s.tip]


def box(picture, path):
    return next(s for s in boxes(picture) if s.tip.split(" : ")[0] == path)


def looks(picture, *names):
    """How many shapes there are of each look."""
    found = [getattr(s, "look", "") for s in picture.shapes]
    return tuple(found.count(name) for name in names)


def lines(picture, *names):
    """The lines that look like one of these."""
    return [s for s in picture.shapes if isinstance(s, Curve) and s.look in names]


def overlap(a, b):
    """Whether two rectangles have points in common."""
    return a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h
