"""In and out of JAX: `jaxpr` reads what JAX traced, `emit` binds it again, `primitives` knows names.

Import from the modules; this package has no names of its own, so that the parts of the syntax that
need only the names of primitives do not load the reader.
"""
