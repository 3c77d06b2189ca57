"""Pictures. For each, one function computes the data and another one draws them; it takes an Axes and returns it."""
