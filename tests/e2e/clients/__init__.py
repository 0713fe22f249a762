"""Phones that nobody here wrote, each started as a process of its own and asked what it saw."""
