"""One module per outside system, each wrapping one library; foreign exceptions are mapped here, once.

May not: decide anything, import `decide`, or let a foreign exception or an unchecked byte through.
"""
