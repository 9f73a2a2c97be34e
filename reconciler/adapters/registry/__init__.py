"""OCI registries: tags, manifests, blobs and referrers, every byte checked against its digest.

| module | what it does |
|---|---|
| `auth` | credentials from docker's `config.json`, and tokens |
| `bounded_http` | reads responses within bounds of time and size |
| `circuit_breaker` | skips hosts that do not respond while a mirror can serve |
| `client` | tags, manifests, blobs and referrers |
| `hosts` | settings of single hosts: plain HTTP, certificate authorities, token servers |
| `mirrors` | registries that hold copies of a registry's repositories |
| `responses` | maps a response to success or an error, retryable or not |
| `transport` | hardened HTTP: bounds, redirects, and credentials that stay with their host |
| `urls` | addresses sent by registries, reduced to what is safe to show |

May not: decide whom to trust, or return content whose digest was not checked.
"""
