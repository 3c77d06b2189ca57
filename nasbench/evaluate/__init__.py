"""Genotype in, record out."""
