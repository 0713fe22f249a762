"""The ports of `sipcore.ports` on Redis, and in memory for tests; one test suite holds both to the same behaviour.

`link` is one connection that comes back by itself; `pipe` sends commands over it, many in one write; `inbox` listens.
`location`, `directory`, `event_bus` and `call_board` are the ports; `heartbeat` tells who else is alive and clears up
after those who are not. Commands of Redis 7.0 only, one server, no cluster.
"""
