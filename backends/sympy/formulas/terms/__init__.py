"""Terms of formulas: of entries and of matrices, how one becomes the other, how they are written and evaluated.

entries      formulas of one entry of an array: folds over indices, entries of arrays, calls of boxes
nodes        formulas of whole matrices
matrices     from entries to matrices, with `contraction` for products
writing      formulas as they are shown; `shown` and `printing` write them in text and LaTeX
evaluate     formulas as arrays of JAX; its rules are in `pointwise` and `linear`
"""
