"""Decides whether a HelmRelease, an Application and an Environment are ready.

| module | what it does |
|---|---|
| `assessment` | the numbered rules of readiness; the only place that grants it |
| `flux_sources` | explains a HelmRelease by the conditions of its Flux sources |
| `helm_release` | reads a HelmRelease of any shape into facts, without raising |

May not: observe a cluster or read a clock: observations and `now` are arguments.
"""
