"""`tickline run`: the line, its processes, what a person sees of it while it runs and at its end."""
