"""What the SIP side and the web side have agreed on.

Frozen records, Redis keys, event and job names. Pure: nothing in here does I/O, and it is the only part of
`sipcore` that `pbx` may import.
"""
