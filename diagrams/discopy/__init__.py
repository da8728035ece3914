"""Where our diagrams are DisCoPy's: its classes, its layers, and its rewriting of them."""
