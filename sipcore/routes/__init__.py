"""The routing script that is shipped: `pbx.py`."""
