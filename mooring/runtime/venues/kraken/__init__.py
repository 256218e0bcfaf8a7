"""Kraken spot: REST and WebSocket v2, spoken so that money is exact and an order happens at most once.

`rest.py` and `ws.py` are the doors; docs/kraken.md says what is spoken and what was never seen live.
Nothing here decides: it carries requests out, reads answers, and names failures by what the caller must do.
"""
