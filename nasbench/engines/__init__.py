"""Engines execute: they run a function on an argument in another process, and know nothing of studies."""
