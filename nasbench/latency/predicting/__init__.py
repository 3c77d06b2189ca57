"""Predicting: the profile of a device, and the latency of networks that were never built."""
