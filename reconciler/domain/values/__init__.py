"""Computes an Application's values for its chart, and validates them against JSON Schemas.

| module | what it does |
|---|---|
| `application_values` | merges an Application's values, and validates them against the Blueprint's configSchema |
| `cel_tokens` | mends or refuses what the CEL library evaluates otherwise than the specification says |
| `expressions` | compiles and evaluates CEL expressions of Blueprints, within limits |
| `helm_formats` | the formats of JSON Schema as Helm asserts them |
| `interpolation` | replaces `{{ }}` expressions in values |
| `json_schema` | validates values against a JSON Schema, with messages that never quote a value |
| `schema_cost` | counts the work of a validation before it is done |
| `schema_defaults` | collects the defaults of a JSON Schema, and merges values as Helm does |
| `schema_validator` | builds and runs validators, and contains their panics |

Rules kept:
- The same inputs give the same values: expressions have no clock and no randomness, and cannot iterate over mappings.
- No message quotes a value, which may be a secret; text of a schema or a Blueprint is public.
- Work is bounded, since authors of Blueprints are strangers: by steps for a schema, by length and weight for an expression.
- No reference of a schema is fetched.

May not: fetch anything, or know of clusters and locks: values depend on the documents alone. Only `json_schema` and
`schema_validator` import jsonschema_rs, only `expressions` imports cel.
"""
