"""Measuring: networks are timed in processes of their own, in turns with a reference network."""
