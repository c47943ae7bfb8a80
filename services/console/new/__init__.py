"""`tickline new` writes a file to begin with, and its test; the templates lie beside it."""
