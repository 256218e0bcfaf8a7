"""Migration scripts of the evidence store, oldest first."""
