"""The documents of people and machines, and the values that all layers share.

| module | what it does |
|---|---|
| `application` | `applications/<name>.yaml` |
| `artifact` | media types and references of a Blueprint's OCI artifact |
| `base` | the envelope, names and strictness of all documents |
| `blueprint` | Blueprint: what can be installed |
| `canonical` | digests over data |
| `commit_status` | commit statuses and their contexts |
| `environment` | `environment.yaml` |
| `errors` | the tree of errors |
| `flux` | API groups and versions of Flux's objects |
| `forge` | pull requests, reviews, comments, repositories and webhooks of a forge |
| `git` | commits and snapshots of a repository |
| `labels` | labels and annotations of Kubernetes objects |
| `layout` | branches, refs, files and folders of an Environment's repository |
| `lock` | `environment.lock.yaml` |
| `observation` | an observed HelmRelease, or why it was not observed |
| `plain_data` | mappings, lists and strings as YAML and JSON have them: lookups and walks |
| `policy` | EnvironmentPolicy |
| `policy_removal` | whether a policy that is not there was removed, or is missing |
| `problem` | a problem in a document, with its location |
| `public_key` | of which kind a public key is, and whether cosign verifies by it |
| `release` | how Helm installs an Application |
| `source` | a parsed file with the locations of its parts |
| `status` | `status.yaml` |
| `trailers` | git trailers of the reconciler's commits |
| `trust` | TrustPolicy |

May not: do input or output, read a clock, or import any other package of the reconciler.
"""
