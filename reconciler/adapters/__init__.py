"""Clients of outside systems, each around one library, whose exceptions become `ReconcilerError`s here.

| module | what it does |
|---|---|
| `blob_cache` | content by digest in a directory of bounded size |
| `chart_packager` | packs a chart's folder reproducibly |
| `cosign/` | verifies and makes signatures by running cosign |
| `git/` | repositories through libgit2 |
| `gitea/` | the Gitea API |
| `http_server` | serves webhooks, probes and metrics |
| `kubernetes/` | observes HelmReleases through clusters' APIs |
| `metrics` | measurements for Prometheus |
| `registry/` | OCI registries |

May not: decide anything, import `domain` or another adapter, or let a foreign exception or an unchecked byte through.
"""
