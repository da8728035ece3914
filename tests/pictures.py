"""What is on a picture: its texts and the shapes of its boxes; shared by the tests of drawing."""

from paralens.diagrams.drawing.picture import Circle, Rect, Text


def texts(picture):
    return [s.text for s in picture.shapes if isinstance(s, Text)]


def boxes(picture):
    """The shapes of boxes, open ones too: those that say what they are when pointed at."""
    return [s for s in picture.shapes if isinstance(s, (Rect, Circle)) and s.tip]


def box(picture, path):
    return next(s for s in boxes(picture) if s.tip.split(" : ")[0] == path)
