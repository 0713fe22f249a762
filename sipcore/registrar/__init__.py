"""What a REGISTER does to the bindings of an address-of-record (RFC 3261 §10.3, RFC 3327, RFC 5626 §6, RFC 8599).

Pure: current bindings in, `BindingChanges` out; a store applies them. Start reading at `registration.py`.
"""

from .answer import ok_headers
from .limits import Limits
from .purr import Purrs
from .push import KNOWN_PROVIDERS, PushReport
from .register import Register
from .registration import apply_register, push_keys_dropped, push_report
from .removal import drop_connection, expire, remove

__all__ = [
    "KNOWN_PROVIDERS",
    "Limits",
    "Purrs",
    "PushReport",
    "Register",
    "apply_register",
    "drop_connection",
    "expire",
    "ok_headers",
    "push_keys_dropped",
    "push_report",
    "remove",
]
