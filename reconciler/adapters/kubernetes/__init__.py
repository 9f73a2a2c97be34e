"""HelmReleases as clusters' APIs show them, by the kubernetes client: list, then watch, for ever.

```
kubeconfig what is accepted as a way into a cluster
errors     what the client's exceptions mean
kept       how little of a HelmRelease is kept
stream     answers read piece by piece, within bounds
api        calls to one cluster
sight      what is known of one cluster, and since when; no thread and no clock
follow     the protocol: when to list, to watch, to make sure, and how long to pause when it breaks
observer   one thread per cluster that follows it
clusters   a directory of kubeconfigs that come, change and go
```
Rules kept here: a watch goes on without a new list only when its window ended whole, at its time and in proper form, and the API
has then answered a read that its store must answer; anything else (410, an early or broken end, an answer that makes no sense)
means list again, after a pause. Silence makes what was seen older, a refusal makes it unseen. What is shown was true at a moment
no older than its age. An exec plugin in a kubeconfig is never run unless the configuration
allows it. May not: judge what it sees.
"""

from reconciler.adapters.kubernetes.cluster_pool import ClusterPool

__all__ = ["ClusterPool"]
