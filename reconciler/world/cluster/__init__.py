"""HelmReleases as clusters' APIs show them, by the kubernetes client: list, then watch, for ever.

```
api        calls to one cluster, what errors mean, and how little of a HelmRelease is kept
observer   one thread per cluster that lists, watches and notes when the API was last known to answer
clusters   a directory of kubeconfigs that come, change and go
```
Rules kept here: a watch that closes silently is opened again where it stopped; a 410 (also one that arrives inside the stream)
means list again; nothing that was seen is forgotten because of a failure, but its age is told; an exec plugin in a kubeconfig is
never run unless the configuration allows it. May not: judge what it sees.
"""

from reconciler.world.cluster.clusters import Clusters

__all__ = ["Clusters"]
