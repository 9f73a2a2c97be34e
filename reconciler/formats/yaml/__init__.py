"""YAML 1.2 in and out: plain data with locations, within hard limits.

| module | what it does |
|---|---|
| `documents` | loads and dumps documents; the entry point for callers |
| `helm_values` | reads the values.yaml of a chart as Helm does, which is YAML 1.1 |
| `limits` | the limits of a document, and the exception that carries a problem out of a reader |
| `reader` | reads documents by libyaml's events, with locations |
| `scalars` | resolves plain scalars by YAML 1.2's core schema |
| `syntax_problems` | puts what libyaml cannot read into words |
| `writer` | writes plain data so that YAML 1.1 and 1.2 parsers read it alike |

Rules kept:
- no text is read that go-yaml (Flux, Helm) refuses or splits otherwise;
- a text becomes plain data only: no tags of its own, no merge keys, no timestamps, no duplicate keys;
- a message quotes keys, and no value that may be a secret.

May not: know what a document means, or let PyYAML's exceptions and types out.
"""
