"""One pass over an Environment, and the service that runs passes for ever.

May not: talk to an outside system but through `world`, or judge but through `decide`.
"""
