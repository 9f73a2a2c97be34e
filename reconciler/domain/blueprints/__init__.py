"""Decides whether a Blueprint and its chart can be used.

| module | what it does |
|---|---|
| `blueprint_rules` | compares a Blueprint with its reference and its chart, and validates it |
| `chart_metadata` | reads Chart.yaml and requirements.yaml as Helm does |
| `chart_reader` | parses a chart's files as Helm loads them |
| `chart_values` | reports values that Helm refuses |
| `helm_chart` | describes a chart, and reports those that Helm cannot use or that install nothing |
| `helm_coalescing` | puts the values of a chart and its subcharts together as Helm does |
| `helm_versions` | decides whether a chart's version is in a dependency's range, as Helm does |

May not: render a chart or unpack one to a disk: templates are code of strangers.
"""
