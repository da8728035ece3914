"""Benchmarks: Paralens beside hand-written JAX, Equinox and Flax NNX, and its syntax at scale.

    python -m benchmarks                    everything; writes docs/benchmarks.md
    python -m benchmarks --quick            small models and few repeats
    python -m benchmarks --only mlp4        one part: syntax, repetition, epoch, the name of a case of `cases`, or
                                            second- and the name of one, for Hessian-vector products

| module | what it holds |
| --- | --- |
| `cases` | the models as plain data, at three sizes, and their inputs |
| `handwritten`, `with_paralens`, `with_equinox`, `with_flax` | the same models in four ways |
| `contestants` | their weights copied, their steps, and the check that they compute the same |
| `timing` | the interleaved clock |
| `programs` | what is measured of programs: tracing, compiling, running, XLA's counts |
| `models` | the forward pass and the training step of all contestants |
| `traces` | Python alone: from nothing to the jaxpr of a gradient |
| `second_order` | Hessian-vector products |
| `repetition` | one block many times, as a scan and unrolled, and what residual policies keep |
| `epochs` | an epoch as one scan and as a loop |
| `syntax` | composing, flattening, hashing, interpreting, saving, differentiating n boxes |
| `budgets`, `tables`, `report` | limits, tables, the page |
"""
