"""Weights that the networks of a space share: where the slices of each lie, their training, and the score of a network."""
