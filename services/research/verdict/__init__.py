"""The verdict says whether an edge is shown, after costs, by what a model has not seen."""
