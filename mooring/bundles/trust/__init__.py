"""Which bundles are authentic and fresh: TUF metadata, verified against a pinned root and floors that never go down.

`http_fetcher` is asked for by its own name: what is stored is proved without anything of a network.
"""

from mooring.bundles.trust.packed import ZipFetcher, pack
from mooring.bundles.trust.policy import CANARY, MODELS, REVOCATIONS, STABLE, Policy
from mooring.bundles.trust.repository import Repository
from mooring.bundles.trust.roots import BUILT_AT, SHIPPED, Pinned, TrustRoot, checked_root, shipped_root
from mooring.bundles.trust.shapes import Fetcher, Fresh, Limits, Offer

__all__ = [
    "BUILT_AT",
    "CANARY",
    "MODELS",
    "REVOCATIONS",
    "SHIPPED",
    "STABLE",
    "Fetcher",
    "Fresh",
    "Limits",
    "Offer",
    "Pinned",
    "Policy",
    "Repository",
    "TrustRoot",
    "ZipFetcher",
    "checked_root",
    "pack",
    "shipped_root",
]
