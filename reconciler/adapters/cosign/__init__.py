"""cosign, run as a program: verifies one signature or attestation offline, and signs.

| module | what it does |
|---|---|
| `arguments` | turns an authority into cosign's options, and writes its key and trusted root for one run |
| `runner` | runs cosign with bounded time, memory and output, and reads its exit code |

Rules kept:
- cosign verifies a file that the caller has fetched and checked byte by byte; it gets no credentials and contacts no registry
  except to push a signature;
- an authority that no cosign could work with is a ConfigurationError with the authority's name, not a bad signature;
- the exit code is zero or it is not: no number and no text of cosign is interpreted.

May not: fetch signatures (that is `adapters.registry`), decide which signatures are required (that is `services.verification`),
or import `sh` outside `runner`.
"""
