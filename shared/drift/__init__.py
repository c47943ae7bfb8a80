"""Is there an edge, and is it still there? Pure stages over what signal and strategy wrote; see docs/drift.md."""
