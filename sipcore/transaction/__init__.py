"""Client and server transactions and the layer that holds them (RFC 3261 §17, RFC 6026).

`layer` is where to start. Each of the four machines is one file with its drawing and its table.
"""

from __future__ import annotations

from .client import ClientTransaction
from .layer import MAX_CLIENT_TRANSACTIONS, MAX_SERVER_TRANSACTIONS, TransactionLayer
from .machine import State
from .server import ServerTransaction
from .timers import NEVER, Timed, TimerQueue, Timers
from .user import ClientUser, TransactionUser

__all__ = [
    "MAX_CLIENT_TRANSACTIONS",
    "MAX_SERVER_TRANSACTIONS",
    "NEVER",
    "ClientTransaction",
    "ClientUser",
    "ServerTransaction",
    "State",
    "Timed",
    "TimerQueue",
    "Timers",
    "TransactionLayer",
    "TransactionUser",
]
