"""Subscribers and pickup groups, and the directory of them that workers read."""
