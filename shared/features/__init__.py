"""A feature is what a model sees of the market. Of this room `registry` and `spec` need no numpy, and nothing torch."""
