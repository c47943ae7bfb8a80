"""A person acts on an account at its exchange: looks at it before arming, cancels, flattens, resolves."""
