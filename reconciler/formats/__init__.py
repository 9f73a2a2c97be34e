"""Codecs: bytes of documents, archives, git objects, manifests and signatures to checked values, and back.

| module | what it does |
|---|---|
| `git_names` | checks which file names are safe and which collide, and makes any of them printable |
| `git_objects` | builds and parses git's own formats: ids and trees |
| `git_snapshot` | reads the files of a tree, checked before they are loaded |
| `helm_archive` | reads Helm chart archives in memory |
| `in_toto` | reads the predicate of a verified attestation |
| `legacy_signatures` | converts cosign's old signatures and attestations to Sigstore bundles |
| `lru_cache` | caches values by key within a bound on their weight |
| `oci_manifest` | parses OCI manifests and descriptors |
| `ssh_signature` | reads and writes SSH signatures, and puts them into commits |
| `trusted_root` | reads from a trusted root which witnesses a signature requires |
| `yaml/` | reads and writes YAML 1.2 within hard limits |

Rules kept:
- the bytes are a stranger's: reading is bounded, and what two readers could read differently (duplicate keys, doubled files, a
  second member) is rejected, so that Helm, Flux and cosign read what was checked;
- nothing is unpacked to disk, fetched or run.

May not: do input or output, know a clock, or import `domain` or `adapters`, which both use these codecs.
"""
