"""The page shows a person on call how the line stands, and lets that person stop it. The monitor serves it."""
