"""YAML 1.2 in and out: plain data with locations, within hard limits.

| module | what it does |
|---|---|
| `documents` | loads and dumps documents; the entry point for callers |
| `fast_reader` | reads plain documents by libyaml's events, in a fifteenth of the time |
| `helm_values` | reads the values.yaml of a chart as Helm does, which is YAML 1.1 |
| `limits` | the limits of a document, and the exception that carries a problem out of a reader |
| `scalars` | resolves plain scalars by YAML 1.2's core schema |
| `strict_reader` | reads all of YAML 1.2 by ruamel.yaml, and reports every problem with its location |
| `writer` | writes plain data so that YAML 1.1 and 1.2 parsers read it alike |

Rules kept:
- `strict_reader` has the last word: `fast_reader` leaves it every text that it is not certain of;
- a text becomes plain data only: no tags of its own, no merge keys, no timestamps, no duplicate keys;
- a message quotes keys, and no value that may be a secret.

May not: know what a document means, or let ruamel.yaml's or PyYAML's exceptions and types out.
"""
