"""Decides whether a Blueprint and its chart can be used.

| module | what it does |
|---|---|
| `blueprint_rules` | compares a Blueprint with its reference and its chart, and validates it |
| `chart_reader` | parses a chart's files |
| `helm_chart` | reports charts that install nothing, and values that a chart's schema rejects |

May not: render a chart or unpack one to a disk: templates are code of strangers.
"""
