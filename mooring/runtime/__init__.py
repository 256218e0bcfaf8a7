"""The trading runtime, in the order in which data flows through it."""
