"""The venues: where orders go."""
