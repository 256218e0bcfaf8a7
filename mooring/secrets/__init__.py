"""Secrets: the vault over the operating system's keychain, and redaction wherever text leaves the process.

Nothing here knows of the rest of Mooring but its errors; only this package imports keyring.
"""
