"""HelmReleases as clusters' APIs show them, through the kubernetes client: list, then watch, for ever.

| module | what it does |
|---|---|
| `api` | calls to one cluster |
| `cluster_pool` | a directory of kubeconfigs that come, change and go |
| `errors` | maps the client's exceptions |
| `informer` | one thread per cluster that reflects it |
| `kubeconfig` | validates kubeconfigs |
| `reflector` | the protocol: when to list, to watch, to verify the watch, and how long to pause after a failure |
| `release_projection` | reduces a HelmRelease to the fields that are used |
| `release_store` | the HelmReleases of one cluster and their age; no thread and no clock |
| `stream` | reads responses piece by piece, within bounds |

Rules kept:
- A watch goes on without a new list only when its window ended whole, at its time and in proper form, and the API has then
  answered a read that its store must answer; anything else (410, an early or broken end, a malformed response) means list
  again, after a pause.
- Silence makes the observed HelmReleases older, a refusal makes them unobserved.
- What is shown was true at a moment no older than its age.

May not: judge what it observes, or run an exec plugin of a kubeconfig unless the configuration allows it.
"""

from reconciler.adapters.kubernetes.cluster_pool import ClusterPool

__all__ = ["ClusterPool"]
