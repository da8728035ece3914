"""Benchmarks: Paralens beside hand-written JAX, Equinox and Flax NNX, and its syntax at scale.

    python -m benchmarks                    everything; writes docs/benchmarks.md
    python -m benchmarks --quick            small models and few repeats
    python -m benchmarks --only mlp4        one part: syntax, or the name of a case of `cases.py`

| module | what it holds |
| --- | --- |
| `cases` | the models as plain data, at three sizes, and their inputs |
| `handwritten`, `with_paralens`, `with_equinox`, `with_flax` | the same models in four ways |
| `contestants` | their weights copied, and the check that they compute the same |
| `timing` | the interleaved clock |
| `programs` | what is measured of a model: tracing, compiling, running, XLA's counts |
| `syntax` | composing, flattening, hashing, interpreting, saving n boxes |
| `report` | the tables |
"""
