"""Live bars: trades of a venue as they happen, made into hours that nothing is missing from."""
