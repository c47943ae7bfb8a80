"""How soon drift is seen, and how often in vain: the monitor's operating curve, by a compiled twin of its stage."""
