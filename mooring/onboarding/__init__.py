"""Connecting an API key of Kraken: what may be pasted, what the key must and must not be able to do, what is tried.

Knows neither the keychain nor Kraken: what asks is a `KeyProbe` that is handed in.
"""
