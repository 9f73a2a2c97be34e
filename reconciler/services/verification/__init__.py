"""Fetches artifacts and verifies their signatures and attestations.

| module | what it does |
|---|---|
| `verified_catalog` | the Catalog on registries: finds versions, verifies and reads them, caches the results |
| `artifact_verifier` | verifies an artifact against the trust policies, and returns the evidence |
| `signatures` | fetches the signatures and attestations of a digest, not yet verified |
| `lock_reverifier` | verifies again whether the locked artifacts are trusted |
| `evidence_store` | the evidence that a lock names by digest: from a registry or a folder |
| `cached_blobs` | content by digest, from the cache or the registry |
| `ports` | the calls to registries, blob cache and cosign that verification needs |

Rules kept:
- A registry that does not respond is unavailable, never unsigned.
- cosign alone verifies signatures; a claim of a manifest or a media type proves nothing.
- An unusable candidate does not hide a good signature.

May not: read anything of an artifact before its signature is verified.
"""
