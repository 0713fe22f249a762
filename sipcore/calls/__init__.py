"""What a passing call looks like from the middle: rows for the board, records, and E_CALL_* events.

Pure, and downstream of everything: the core's events and a few words of the script come in, nothing goes back. Start
reading at `tracker.py`.
"""

from .ledger import Changes
from .tracker import CallTracker

__all__ = ["CallTracker", "Changes"]
