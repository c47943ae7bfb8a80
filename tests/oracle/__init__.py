"""The oracle reads what a line has left, with nothing of the line's own code, and says what must not be.

It knows Redis, msgpack, SQL and HTTP, and imports neither `services` nor `shared`: an error of theirs is not its own.
"""
