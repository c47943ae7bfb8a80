"""A line's status: what it holds, made and decided last, and how old each word of it is. For the verb and for `run`."""
