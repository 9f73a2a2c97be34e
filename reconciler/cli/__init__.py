"""What a person types: arguments in, words and exit codes out.

May not: hold a rule of its own.
"""
