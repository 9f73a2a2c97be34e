"""HelmReleases as the APIs of clusters show them, by the kubernetes client: list, then watch, without end.

| module | what it does |
|---|---|
| `api` | calls one cluster's API, bounded in time and size |
| `cluster_pool` | observes every cluster that has a kubeconfig in a directory; files come, change and go |
| `errors` | maps the client's exceptions to ReconcilerErrors |
| `informer` | runs one reflector per cluster in a thread of its own |
| `kubeconfig` | checks a kubeconfig and connects with it |
| `nested_json` | finds the parts of a JSON text that is nested too deeply for the parser |
| `reflector` | the list-and-watch protocol: when to list, watch and confirm, and how long to back off |
| `release_projection` | reduces a HelmRelease to the parts that readiness needs |
| `release_store` | stores one cluster's HelmReleases and since when they are current; no thread, no clock |
| `stream` | reads responses and watch events piece by piece, within bounds |

Rules kept:
- a watch continues without a new list only when its window ended whole, at its time and in proper form, and the API has then
  answered a read that its store must serve; anything else (410, an early or broken end, a malformed response) means a new list,
  after a pause;
- an unreachable API makes the observed state older; a denial clears it;
- an observation was true at a moment no older than its age;
- an exec plugin in a kubeconfig runs only when the configuration allows it.

May not: assess what it observes (that is `domain.readiness`).
"""

from reconciler.adapters.kubernetes.cluster_pool import ClusterPool

__all__ = ["ClusterPool"]
