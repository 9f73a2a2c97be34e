"""The outside systems, each wrapped once: bytes checked, waits and sizes bounded, foreign exceptions mapped to `model.errors`.

| module | what it does |
|---|---|
| `blob_cache` | stores content by digest in a directory of bounded size |
| `chart_packager` | packs a chart's directory as Helm does, with the same bytes every time |
| `commit_keys` | signs commits as SSH does, and verifies them |
| `cosign/` | runs cosign: verifies signatures and attestations, signs |
| `git/` | reads and writes repositories through libgit2 |
| `gitea/` | calls Gitea's API: commit statuses, pull requests, reviews, branch protection, webhooks |
| `http_server` | serves the webhook, the probes and the metrics |
| `kubernetes/` | lists and watches the HelmReleases of clusters |
| `metrics` | counts and measures for Prometheus |
| `registry/` | reads and writes OCI registries, every byte checked against its digest |

Rules kept:
- one library per adapter, imported nowhere else (import-linter names each pair);
- a foreign exception is mapped here, once; its text is cut, made printable and cleared of credentials;
- whatever a server, a disk or a program sends is bounded in time and size before its shape is checked;
- only `bootstrap` constructs clients; the other layers receive them through Protocols that they define themselves.

May not: decide anything, import `domain` or another adapter (each must be replaceable alone), or let a foreign exception or an
unchecked byte through.
"""
