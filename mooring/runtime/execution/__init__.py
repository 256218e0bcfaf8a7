"""The order life cycle at a venue: at most once, looked up where unknown, reconciled with the venue's own books."""
