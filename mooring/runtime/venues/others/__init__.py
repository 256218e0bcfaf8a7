"""Other venues than Kraken, through ccxt: its signatures, endpoints and errors, but none of its numbers.

ccxt is heavy and optional (`mooring[venues]`); it is imported when a venue of these is opened, not before. What each of
them can do, and why some get no real orders, is in `venues.capabilities`.
"""
