"""The library: what every service of the line is made of. Imports no service."""
