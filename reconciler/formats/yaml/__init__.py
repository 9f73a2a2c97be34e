"""YAML 1.2 to plain data with locations, within hard limits, and back.

| module | what it does |
|---|---|
| `documents` | reads and writes documents |
| `fast_reader` | reads plain YAML fast, and refers the rest to the strict reader |
| `limits` | the limits, and the error of a rejected document |
| `scalars` | the core schema's plain scalars |
| `strict_reader` | reads all of YAML through ruamel.yaml |
| `writer` | writes plain data |

May not: know any document of the reconciler, or read YAML without limits.
"""
