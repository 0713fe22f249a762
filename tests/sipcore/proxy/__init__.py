"""The proxy core, with a fake network and a clock that is an argument."""
