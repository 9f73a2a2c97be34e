"""Renders a lock into the files of the `resolved` branch.

| module | what it does |
|---|---|
| `budget` | bounds what a lock would be rendered to |
| `flux_objects` | renders each package's Namespace, OCIRepository, HelmRelease and trust Secret, and finds duplicate objects |

Rules kept:
- The same lock, Environment and context give the same files, byte by byte once written.
- A source is pinned by digest, never by tag; where a package was signed with a key, Flux verifies the signature again by itself.
- Every object has the reconciler's label, and each object of a package the lock's entry: readiness recognizes them by both.

May not: fetch anything, or import other packages of `domain`: all that it needs is in the lock and the `RenderContext`.
"""
