"""A line's status at one moment: what it holds, made and decided last, and who is at work; read, never written."""
