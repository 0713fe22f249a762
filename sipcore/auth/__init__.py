"""Digest authentication: nonces, challenges and the check of credentials (RFC 3261 §22, RFC 7616, RFC 8760).

Pure. Whose HA1 it is, and what an authenticated user may do, is the script's business; start reading at `decision.py`.
"""

from .credentials import Credentials, find_credentials, parse_credentials
from .decision import Decision, authenticate
from .digest import OFFERED, challenges, offered_to, uri_matches, verify
from .failures import RecentFailures
from .nonce import NonceCounts, Nonces

__all__ = [
    "OFFERED",
    "Credentials",
    "Decision",
    "NonceCounts",
    "Nonces",
    "RecentFailures",
    "authenticate",
    "challenges",
    "find_credentials",
    "offered_to",
    "parse_credentials",
    "uri_matches",
    "verify",
]
