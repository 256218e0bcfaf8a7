"""Instruments, integer money, bars, signals, orders, fills: frozen types, no I/O."""
