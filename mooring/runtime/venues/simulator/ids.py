"""Ids and small random numbers from a seed: the same seed and the same questions give the same answers."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_OWN_LETTERS: Final = 5
_MASK: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


class Ids:
    """A numbered stream of ids. Kraken's shape: `O` + 5, 5 and 6 capital letters or digits."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def mint(self, prefix: str) -> str:
        """A new id such as `OQCLML-BW3P3-BUCMWZ`; never the same twice in a stream."""
        self._count += 1
        # The count itself stands in the first letters, so that ids differ for sure and not only in all likelihood.
        own, number = "", self._count
        for _ in range(_OWN_LETTERS):
            number, digit = divmod(number, len(_ALPHABET))
            own = _ALPHABET[digit] + own
        mixed = "".join(_ALPHABET[byte % 32] for byte in self._digest(f"id/{prefix}/{self._count}"))
        own = "".join(_ALPHABET[(_ALPHABET.index(a) + 17 + self._seed) % 32] for a in own)
        return f"{prefix}{own}-{mixed[:5]}-{mixed[5:11]}"

    def token(self, purpose: str) -> bytes:
        """64 bytes for a purpose; the same each time it is asked for that purpose."""
        return hashlib.sha512(f"mooring-simulator/{self._seed}/{purpose}".encode()).digest()

    def _digest(self, purpose: str) -> bytes:
        return hashlib.sha256(f"mooring-simulator/{self._seed}/{purpose}".encode()).digest()


def mix(seed: int, *places: int) -> int:
    """A 64-bit word that depends on the seed and each place.

    Source: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators (2014), splitmix64.
    """
    x = seed & _MASK
    for place in places:
        x = (x + _GOLDEN * ((place & _MASK) + 1)) & _MASK
        x = ((x ^ (x >> 30)) * _FIRST) & _MASK
        x = ((x ^ (x >> 27)) * _SECOND) & _MASK
        x ^= x >> 31
    return x


def mix_array(key: int, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A 64-bit word for each place, of the same shape. Source: splitmix64, as in `mix`."""
    x: npt.NDArray[np.uint64] = (places.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN) + np.uint64(key)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_FIRST)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_SECOND)
    return x ^ (x >> np.uint64(31))
