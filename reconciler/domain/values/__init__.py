"""Computes and checks an Application's values.

| module | what it does |
|---|---|
| `application_values` | checks values against a Blueprint's configSchema |
| `expressions` | evaluates expressions (CEL) |
| `interpolation` | evaluates the expressions inside values |
| `json_schema` | checks values against a JSON Schema, and describes violations |
| `schema_cost` | estimates the cost of checking against a JSON Schema |
| `schema_defaults` | applies the defaults of a JSON Schema |

May not: check against a schema or evaluate an expression whose cost is unbounded: authors of Blueprints are strangers.
"""
