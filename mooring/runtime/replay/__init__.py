"""Recompute what was recorded, and compare."""
