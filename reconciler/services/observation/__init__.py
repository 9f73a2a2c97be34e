"""Observes and assesses the HelmReleases of a lock.

| module | what it does |
|---|---|
| `flux_diagnostics` | explains stuck releases by the conditions of their Flux sources |
| `lock_assessment` | assesses every package on every placement |
| `ports` | the calls to clusters that observing needs |
| `readiness_observer` | the readiness of one Environment's lock |

May not: grant readiness: `domain.readiness` does.
"""
