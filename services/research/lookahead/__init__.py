"""The lookahead check shows that no decision depended on what came after it.

Nothing is imported here: a guard starts before what it guards.
"""
