"""Codecs: bytes to values and back.

| module | what it does |
|---|---|
| `git_names` | names that are safe, names that collide, and how to show any of them |
| `git_objects` | git's own formats: ids and trees |
| `helm_archive` | Helm chart archives, in memory |
| `in_toto` | the statement in an attestation's envelope |
| `legacy_signatures` | cosign's `.sig` and `.att` formats as Sigstore bundles |
| `lru_cache` | a least-recently-used cache of bounded weight |
| `oci_manifest` | OCI manifests and descriptors |
| `trusted_root` | the requirements of a Sigstore trusted root |
| `yaml/` | YAML 1.2 with locations, within limits |

May not: reach an outside system, a disk or a clock, or decide anything: `domain` and `adapters` both import it.
"""
