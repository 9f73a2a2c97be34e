"""Fetches artifacts and verifies their signatures and attestations.

| module | what it does |
|---|---|
| `artifact_verifier` | whether the trust policies hold for an artifact, and by whose signature |
| `cached_blobs` | content by digest, from the cache or the registry |
| `evidence_store` | where the evidence named by a lock is stored: a registry or a folder |
| `ports` | the calls to registries, blob cache and cosign that verification needs |
| `lock_reverifier` | verifies again whether a lock is trusted |
| `signatures` | signatures and attestations of a digest, not yet verified |
| `verified_catalog` | the Catalog on registries |

May not: read anything of an artifact before its signature is verified.
"""
