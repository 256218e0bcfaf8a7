"""Signed model bundles: what is authentic and fresh, what is in one, what is installed, and how one is published."""
