"""Observes what runs of one Environment's lock, and assesses its readiness.

| module | what it does |
|---|---|
| `readiness_observer` | assesses a lock from pass to pass, and remembers which releases were ready |
| `lock_assessment` | assesses every package of a lock on every placement |
| `removals` | observes how far removals are, and which are finished |
| `flux_diagnostics` | explains stuck releases by quoting the conditions of their Flux sources |
| `ports` | the calls to clusters that observation needs, and the limits for assessing |

Rules kept:
- A verdict rests on HelmRelease conditions alone; Flux sources explain a verdict and never change one.
- An entry that was ready has met its deadline: only new entries have one.

May not: grant readiness (`domain.readiness` does), read a repository, or publish.
"""
