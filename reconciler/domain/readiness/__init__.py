"""Assesses whether each package of the lock is ready on each of its clusters, from observed HelmReleases.

| module | what it does |
|---|---|
| `assessment` | assesses one package on one cluster: the table of rules, of which only the last gives True |
| `flux_sources` | formats the conditions of the Flux objects behind a HelmRelease, to explain a verdict |
| `helm_release` | reads a HelmRelease into the facts that the assessment uses |
| `removal` | assesses how far a removal is on one cluster |

Rules kept:
- Ready is concluded from an observed HelmRelease; never from a default, a time-out, a count, an empty list or an old observation.
- The first row of the table that applies decides; `tests/unit/domain/readiness/oracle.py` implements the table a second time.
- A malformed object raises nothing: it gets a row of the table.
- Text from a cluster is made one printable line of bounded length before it enters a verdict.

May not: query a cluster or read a clock (observations and `now` are arguments), because the same facts must give the same
verdict; import other packages of `domain`, which all may use this one.
"""
