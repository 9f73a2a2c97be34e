"""Renders a lock to the tree of `resolved`.

| module | what it does |
|---|---|
| `flux_objects` | the Flux objects of every package, as plain documents by path |

May not: decide what runs: the lock has decided it.
"""
