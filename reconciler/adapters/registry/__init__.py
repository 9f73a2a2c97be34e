"""OCI registries and their mirrors: tags, manifests, blobs and referrers, every byte checked against its digest.

| module | what it does |
|---|---|
| `auth` | reads docker credentials, and checks where a token may be fetched |
| `bounded_http` | bounds the time and the bytes of every response where they are received |
| `circuit_breaker` | skips hosts that recently did not respond, where a mirror can answer instead |
| `client` | the registry client: tags, manifests, blobs, referrers, pushes |
| `header_fields` | parses `WWW-Authenticate` and `Link` |
| `hosts` | the configuration of single hosts: plain HTTP, certificate authority, token hosts, other names |
| `mirrors` | asks the mirrors of a registry and the registry itself in order |
| `responses` | maps a response to success or a ReconcilerError, and decides whether a retry may help |
| `transport` | sends requests: credentials, redirects, retries, deadlines |
| `urls` | parses and joins the addresses that registries send |

Rules kept:
- content is accepted by its digest alone, wherever it comes from; a mirror is trusted with nothing;
- credentials and tokens go to the registry's own host and the token hosts that the configuration lists for it;
- every response is bounded in time and size, every attempt and every piece of work by a deadline;
- of `oras` (oras-py, checked at 0.2.43) `oras.container.Container` is used: it parses a reference and builds the addresses of the
  tags, manifest, blob and upload endpoints. It does no input or output, and imports only its own defaults. Because it fills in
  `docker.io` and `latest`, `client` checks the repository before, and passes each tag and digest itself;
- the rest of `oras` was checked and is ours, because neither a registry nor those who push to it are trusted:
  `oras.provider.Registry` sends requests without a time-out or a size limit, and reads whole bodies into memory; it retries every
  exception but those of TLS five times, sleeping 2 + 3^n s (131 s in all), writes included, and ignores `Retry-After`; its
  `requests` session reads `.netrc` and proxy variables, and follows redirects from https to http; `get_manifest`, `download_blob`
  and `pull` compare no digest, and a manifest is returned as parsed JSON, so that its bytes, which the digest is over, are lost;
  the next page (`Link`) and the address of an upload (`Location`) may be on another host, which then receives the token; it has
  no referrers API;
- `oras.auth` fetches a token from any realm that a registry names, with the user's password, uses one token for every repository
  and host, always reads `~/.docker/config.json` too, and runs the credential helpers that a file names; its `parse_auth_header`
  misses unquoted and capitalised parameters (RFC 9110 allows both);
- `oras.schemas` accepts any string as a digest and any number as a size, and a layer without either: `formats.oci_manifest` is
  the stricter parser; `oras.oci` builds manifests from files on disk, and ours are built from bytes in memory;
- `oras.utils.append_url_params` drops empty and repeated parameters of an upload's `Location`, which the registry chooses freely;
  `oras.utils.extract_targz` unpacks to disk.

May not: interpret content beyond manifests (which `formats.oci_manifest` parses), verify signatures, or import `oras` outside
`client`.
"""
