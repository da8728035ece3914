"""Multi-head attention and the transformer block.

    attention(x) = concat over heads h of  softmax(q_h k_hᵀ / sqrt(width_h)) v_h ,  then an affine map
    block(x)     = y + mlp(norm(y))   where   y = x + attention(norm(x))

with q = x W_q + b_q, and k and v alike from x itself or from a context. Sources: Vaswani et al.,
"Attention Is All You Need" (2017); Xiong et al., "On Layer Normalization in the Transformer
Architecture" (2020) for the norm in front. Softmax and scaling are `jax.nn.dot_product_attention`.

>>> from paralens import R
>>> transformer_block(R(16, 64), heads=4, causal=True).params["block"]["attention"]["query"]
{'w': R(64, 64), 'b': R(64)}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from ...categories.errors import CompositionError
from ...categories.para import Para
from ..builder import diagram
from ..types import B, Ty
from .activations import gelu
from .affine import dense
from .combine import sequential
from .make import cached, layer, like, typed, whole
from .norm import layer_norm

__all__ = ["multi_head_attention", "transformer_block"]

SEQUENCE = "length, features"


def multi_head_attention(
    x: Ty,
    heads: int,
    *,
    context: Ty | None = None,
    causal: bool = False,
    mask: bool = False,
    width: int | None = None,
    bias: bool = True,
) -> Para:
    """Attention of a sequence R(T, n) to itself or, after a second input R(S, m), to that context.

    With `mask` the last input is B(T, S), true where a query may look at a key. `width` is that of
    queries, keys and values over all heads (n by default). Raises `CompositionError` when the heads
    do not divide it.

    >>> from paralens import R
    >>> multi_head_attention(R(5, 8), 2, context=R(7, 6), mask=True).dom
    R(5, 8) @ R(7, 6) @ B(5, 7)
    """
    name = "multi_head_attention"
    x = typed(name, x, SEQUENCE, example="R(10, 64)")
    if context is not None:
        context = typed(f"the context of {name}", context, SEQUENCE, example="R(10, 64)")
        if context.wire.dtype != x.wire.dtype:
            raise CompositionError(f"{name}: the input {x} and the context {context} have different dtypes")
    heads = whole(name, "heads", heads)
    width = x.wire.shape[-1] if width is None else whole(name, "width", width)
    if width % heads:
        raise CompositionError(f"{name}: {heads} heads do not divide the width {width} ({x}, wire 0)")
    return _attention(x, context, heads, width, bool(causal), bool(mask), bool(bias))


@cached
def _attention(x: Ty, context: Ty | None, heads: int, width: int, causal: bool, mask: bool, bias: bool) -> Para:
    source = x if context is None else context
    t, s = x.wire.shape[0], source.wire.shape[0]
    query = dense(x, width, bias=bias).named("query")
    key, value = (dense(source, width, bias=bias).named(n) for n in ("key", "value"))
    out = dense(like(x, t, width), x.wire.shape[-1], bias=bias).named("out")
    looks = B(t, s) if mask else Ty()
    attend = layer("attend", _attend, query.cod @ key.cod @ value.cod @ looks, {}, heads=heads, causal=causal)

    @diagram(x @ (context or Ty()) @ looks, x)
    def attention(queries: Any, *others: Any) -> Any:
        keys, *masks = (queries, *others) if context is None else others
        return out(attend(query(queries), key(keys), value(keys), *masks))

    return attention.named("attention")


def _attend(q: jax.Array, k: jax.Array, v: jax.Array, mask: Any = None, *, heads: int, causal: bool) -> jax.Array:
    q, k, v = (a.reshape(a.shape[0], heads, a.shape[1] // heads) for a in (q, k, v))
    mask = None if mask is None else mask[None]
    # of a bfloat16 input JAX takes the softmax in float32 by an implicit promotion, which strict mode would refuse
    with jax.numpy_dtype_promotion("standard"):
        y = jax.nn.dot_product_attention(q, k, v, mask=mask, is_causal=causal)
    return y.reshape(q.shape[0], -1)


def transformer_block(
    x: Ty,
    heads: int,
    *,
    hidden: int | None = None,
    causal: bool = False,
    mask: bool = False,
    activation: Callable[[Ty], Para] = gelu,
    epsilon: float = 1e-6,
) -> Para:
    """A block of a transformer with the norm in front: R(T, n) -> R(T, n), one box named `block`.

    `hidden` is the width of the mlp, 4 n by default; with `mask` a second input B(T, T) says where
    each position may look. Inside are the boxes layer_norm, attention, layer_norm_1 and mlp.
    """
    x = typed("transformer_block", x, SEQUENCE, example="R(10, 64)")
    hidden = 4 * x.wire.shape[-1] if hidden is None else whole("transformer_block", "hidden", hidden)
    return _block(x, heads, hidden, bool(causal), bool(mask), activation, epsilon)


@cached
def _block(
    x: Ty, heads: int, hidden: int, causal: bool, mask: bool, activation: Callable[[Ty], Para], epsilon: float
) -> Para:
    norm = layer_norm(x, epsilon=epsilon)
    attention = multi_head_attention(x, heads, causal=causal, mask=mask)
    wide, back = (lambda t: dense(t, hidden)), (lambda t: dense(t, x.wire.shape[-1]))
    mlp = sequential(x, wide, activation, back).named("mlp")

    @diagram(attention.dom, x)
    def block(xs: Any, *masks: Any) -> Any:
        ys = xs + attention(norm(xs), *masks)
        return ys + mlp(norm(ys))

    return block.named("block")
