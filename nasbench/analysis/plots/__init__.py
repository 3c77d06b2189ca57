"""Pictures: each is data computed by one function and drawn by another, which takes an Axes and returns it."""
