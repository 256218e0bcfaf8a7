"""The live cycle: injected clock, hour boundaries, modes, recovery."""
