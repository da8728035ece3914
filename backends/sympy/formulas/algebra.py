"""How formulas are put together so that they stay short: rules of algebra that hold for all real numbers.

    Σ_k c f(k) = c Σ_k f(k)                       where c does not depend on k
    Σ_k δ(k, e) f(k) = f(e)                       Kronecker's delta picks an entry
    (1 - u) (1 + u) = 1 - u²
    (1 - a) b - (1 - b) a = b - a                 brackets go where that is shorter
    exp u(j) / Σ_k exp u(k) = softmax_k u(k) at j
    softmax_k (u(k) + c) = softmax_k u(k)         and  lse_k (u(k) + c) = c + lse_k u(k)
    log Σ_k exp u(k) = lse_k u(k)                 and  exp(u(j) - lse_k u(k)) = softmax_k u(k) at j
    max(a, b) + log(1 + exp -|a - b|) = softplus(a - b) + b
    exp(u - softplus u) = sigmoid u

The last ones undo what programs do against overflow: the shift by a maximum leaves the value as it is (P. Blanchard,
D. Higham, N. Higham, "Accurately computing the log-sum-exp and softmax functions", 2021). `known` gives the formula
that a named entry stands for, or None, so that the rules see through names.

>>> from sympy import IndexedBase
>>> from paralens.backends.sympy.formulas.terms.entries import FREE, bound
>>> x, i, k = IndexedBase("x", shape=(3,)), FREE[0], bound(1)
>>> multiplied(exp(x[i]) / summed(exp(x[k]), [(k, 3)]), lambda entry: None)
softmax(x[_0], _0)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

from sympy import Abs, Add, Indexed, KroneckerDelta, Max, Mul, Piecewise, Pow, S, Symbol, exp, expand_mul, log

from ..entries.elementary import chosen
from .terms.entries import Fold, Softmax, atoms, bound, level, of, sigmoid, softplus

__all__ = ["added", "exponential", "logarithm", "multiplied", "summed"]

Known = Callable[[Any], Any]


def summed(body: Any, ranges: Sequence[tuple[Any, int]]) -> Any:
    """The sum of a term over some indices, given with the numbers of their values."""
    for index, n in ranges:
        body = _summed(body, index, n)
    return body


def _summed(body: Any, index: Any, n: int) -> Any:
    if body is S.Zero or n == 0:
        return S.Zero
    inner: list[Any] = []
    outer: list[Any] = []
    for factor in Mul.make_args(body):
        (inner if index in factor.free_symbols else outer).append(factor)
    if not inner:
        return n * body
    made = _picked(inner, index)
    if made is None:
        made = Fold("sum", Mul(*inner), index, n)
    return Mul(*outer, made)


def _picked(factors: Sequence[Any], index: Any) -> Any:
    """The sum where a factor is δ(k, e), with e of the same range; None where there is no such factor."""
    for place, d in enumerate(factors):
        if isinstance(d, KroneckerDelta) and index in d.args:
            (other,) = [a for a in d.args if a != index]
            if index not in other.free_symbols:
                return Mul(*factors[:place], *factors[place + 1 :]).xreplace({index: other})
    return None


def _indices(term: Any) -> Iterable[Any]:
    """The symbols in a term that are indices."""
    return dict.fromkeys(s for s in atoms([term]) if isinstance(s, Symbol) and s.name[0] in "_@")


def _exponent(term: Any, known: Known) -> Any:
    """u where the term is exp u, also by name."""
    if not isinstance(term, exp):
        term = known(term)
    return term.args[0] if isinstance(term, exp) else None


def _split(u: Any, index: Any) -> tuple[Any, Any]:
    """The terms of a sum that depend on an index, and the others."""
    parts = Add.make_args(u)
    moving = [t for t in parts if index in t.free_symbols]
    return Add(*moving), Add(*[t for t in parts if index not in t.free_symbols])


def _place(term: Any, index: Any, value: Any) -> Any:
    """The j at which the term is this value."""
    return next((j for j in _indices(value) if j != index and term.xreplace({index: j}) == value), None)


def multiplied(product: Any, known: Known) -> Any:
    """A product in which quotients of an exponential and a sum of its like are softmaxes."""
    if not product.is_Mul:
        return product
    for candidate in (product, _quotients_seen(product, known)):
        made = _with_softmax(candidate, known)
        if made is not None:
            return multiplied(made, known)
    return _squares_apart(product)


def _squares_apart(product: Any) -> Any:
    """(1 - u) (1 + u) = 1 - u², as the slope of tanh is written."""
    sums = [f for f in product.args if f.is_Add and len(f.args) == 2 and S.One in f.args]
    for f in sums:
        if 2 - f in sums:
            u = f - 1
            rest = [g for g in product.args if g not in (f, 2 - f)]
            return _squares_apart(Mul(*rest, 1 - u**2)) if rest else 1 - u**2
    return product


def _quotients_seen(product: Any, known: Known) -> Any:
    """The product with what its named factors stand for, where those are quotients."""
    factors = []
    for f in product.args:
        found = known(f)
        use = found is not None and any(_total(g, known) is not None for g in Mul.make_args(found))
        factors.append(found if use else f)
    return Mul(*factors)


def _total(factor: Any, known: Known) -> Any:
    """The sum of exponentials that a factor divides by, as (u, t, k, n) with t = exp u its summand; or None."""
    if not (isinstance(factor, Pow) and factor.exp.is_Integer and factor.exp < 0):
        return None
    base = factor.base if isinstance(factor.base, Fold) else known(factor.base)
    if not isinstance(base, Fold) or base.rule != "sum":
        return None
    _, t, k, n = base.args
    u = _exponent(t, known)
    return None if u is None else (u, t, k, n)


def _with_softmax(product: Any, known: Known) -> Any:
    """The product with one softmax in the place of a numerator and a denominator; None if there are none."""
    factors: list[Any] = list(Mul.make_args(product))
    for i, f in enumerate(factors):
        total = _total(f, known)
        for j, g in enumerate(factors) if total is not None else ():
            made = _numerator(g, total, known) if i != j else None
            if made is not None:
                rest = [h for m, h in enumerate(factors) if m not in (i, j)]
                return Mul(*rest, made, Pow(f.base, f.exp + 1))
    for i, f in enumerate(factors):
        if f.is_Add:
            others = Mul(*factors[:i], *factors[i + 1 :])
            made = _distributed(f, others, known)
            if made is not None:
                return made
    return None


def _numerator(g: Any, total: Any, known: Known) -> Any:
    """The factor over the total: a softmax where it is a summand, or a sum of products with one."""
    u, t, k, n = total
    at = _place(t, k, g)
    if at is not None:
        return Softmax(_split(u, k)[0], k, n, at)
    if not of(g, Fold) or g.rule != "sum":
        return None
    index = bound(max(level(g), level(u, t)) + 1)
    parts: list[Any] = [h.xreplace({g.args[2]: index}) for h in Mul.make_args(g.body)]
    for i, h in enumerate(parts):
        at = _place(t, k, h) if of(h, exp, Indexed) else None
        if at is not None:
            parts[i] = Softmax(_split(u, k)[0], k, n, at)
            return Fold("sum", Mul(*parts), index, g.args[3])
    return None


def _distributed(total: Any, others: Any, known: Known) -> Any:
    """exp u (a / Σ exp u - b / Σ exp u) = softmax u (a - b), if every term has the softmax."""
    terms = [_with_softmax(Mul(others, t), known) for t in total.args]
    if any(t is None for t in terms):
        return None
    softmaxes = [f for f in Mul.make_args(terms[0]) if isinstance(f, Softmax)]
    shared = [f for f in softmaxes if all(f in Mul.make_args(t) for t in terms)]
    return None if not shared else Mul(shared[0], Add(*[multiplied(t / shared[0], known) for t in terms]))


def logarithm(x: Any, known: Known) -> Any:
    """log x, a log-sum-exp where x is a sum of exponentials."""
    if isinstance(x, Fold) and x.rule == "sum":
        _, body, k, n = x.args
        u = _exponent(body, known)
        if u is not None:
            moving, shift = _split(u, k)
            return Fold("logsumexp", moving, k, n) + shift
    made = log(x)
    if isinstance(x, Add) and len(x.args) == 2 and S.One in x.args:
        (other,) = [t for t in x.args if t != 1]
        if isinstance(other, exp) and not other.args[0].atoms(Pow, exp) and not _is_minus_abs(other.args[0]):
            return softplus(other.args[0])
    return made


def _is_minus_abs(x: Any) -> bool:
    return x.is_Mul and x.args[0] == -1 and any(f.func.__name__ == "Abs" for f in x.args)


def exponential(x: Any, known: Known) -> Any:
    """exp x, a softmax or a sigmoid where x is the logarithm of one."""
    for candidate in (x, _seen_through(x, known)):
        made = _of_logarithm(candidate)
        if made is not None:
            return made
    return exp(x)


def _seen_through(x: Any, known: Known) -> Any:
    """The sum with what its named terms stand for, where those are sums or log-sum-exps."""
    parts = []
    for t in Add.make_args(x):
        c, rest = t.as_coeff_Mul()
        found = known(rest)
        use = found is not None and (found.is_Add or isinstance(found, (Fold, softplus)))
        parts.append(c * found if use else t)
    return Add(*parts)


def _of_logarithm(x: Any) -> Any:
    parts = Add.make_args(x)
    for i, t in enumerate(parts):
        c, f = t.as_coeff_Mul()
        if c != -1:
            continue
        rest = Add(*parts[:i], *parts[i + 1 :])
        if isinstance(f, Fold) and f.rule == "logsumexp":
            _, body, k, n = f.args
            at = _place(body, k, rest)
            if at is not None:
                return Softmax(body, k, n, at)
        if of(f, softplus) and rest == f.args[0]:
            return sigmoid(rest)
        if of(f, softplus) and rest == 0:
            argument: Any = f.args[0]
            return sigmoid(-argument)
    return None


def added(total: Any) -> Any:
    """A sum in which max(a, b) + log(1 + exp -|a - b|) is softplus(a - b) + b, and choices by one condition are one."""
    if not total.is_Add:
        return total
    total = _summed_once(_chosen_once(total))
    if not total.is_Add:
        return total
    total = _multiplied_out(total)
    for t in Add.make_args(total):
        if of(t, Max) and len(t.args) == 2:
            terms: list[Any] = list(t.args if t.args[0].free_symbols else reversed(t.args))
            a, b = terms
            for other in total.args:
                if isinstance(other, (log, softplus)) and other in (_guard(a - b), _guard(b - a)):
                    smooth: Any = softplus(a - b)
                    return Add(*[u for u in total.args if u not in (t, other)], smooth, b)
    return total


def _multiplied_out(total: Any) -> Any:
    """(1 - a) b - (1 - b) a = b - a: the sum without brackets, where that is shorter."""
    sums = [len(f.args) for t in total.args for f in Mul.make_args(t) if f.is_Add]
    if not sums or len(total.args) * prod(sums) > 24:
        return total
    made = Add(*[expand_mul(t, deep=False) for t in total.args])
    return made if made.count_ops() < total.count_ops() else total


def _chosen_once(total: Any) -> Any:
    """a if c, else b, and c·(a' if c, else b') are together a + c a' if c, else b + c b'."""
    cases: dict[Any, list[Any]] = {}
    rest = []
    for t in total.args:
        c, f = t.as_coeff_Mul()
        if of(f, Piecewise) and len(f.args) == 2:
            cases.setdefault(f.args[0].cond, []).append((c, f))
        else:
            rest.append(t)
    if all(len(found) == 1 for found in cases.values()):
        return total
    for condition, found in cases.items():
        yes, no = (Add(*[c * f.args[i].expr for c, f in found]) for i in (0, 1))
        rest.append(found[0][0] * found[0][1] if len(found) == 1 else chosen(condition, yes, no))
    return Add(*rest)


def _summed_once(total: Any) -> Any:
    """Σ_k f(k) g(k) + Σ_k f(k) h(k) = Σ_k f(k) (g(k) + h(k))."""
    sums: list[tuple[Any, Any, Any]] = []  # what stands before a sum, the factors of its body, and its range
    rest = []
    index = bound(level(total) + 1)
    for t in Add.make_args(total):
        found = [f for f in Mul.make_args(t) if isinstance(f, Fold) and f.rule == "sum"]
        if len(found) != 1:
            rest.append(t)
            continue
        _, body, k, n = found[0].args
        sums.append((t / found[0], body.xreplace({k: index}), n))
    merged: list[list[Any]] = []
    for before, body, n in sums:
        factors = [f for f in Mul.make_args(body) if index in f.free_symbols]
        for group in merged:
            common = [f for f in group[0] if f in factors]
            if common and group[2] == n:
                group[0], group[1] = common, [*group[1], (before, body)]
                break
        else:
            merged.append([factors, [(before, body)], n])
    if len(merged) == len(sums):
        return total
    for common, parts, n in merged:
        shared = Mul(*common)
        inner = Add(*[before * body / shared for before, body in parts])
        rest.append(
            summed(shared * inner, [(index, n)]) if len(parts) > 1 else parts[0][0] * _sum_of(parts[0][1], index, n)
        )
    return Add(*rest)


def _sum_of(body: Any, index: Any, n: Any) -> Any:
    return Fold("sum", body, index, n)


def _guard(e: Any) -> Any:
    return log(1 + exp(-Abs(e)))
