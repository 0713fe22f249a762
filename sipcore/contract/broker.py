"""Where Celery's broker is when nobody says: both sides must come to the same answer, or jobs are never taken."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

__all__ = ["broker_beside"]


def broker_beside(redis_url: str) -> str:
    """Celery's broker: the same server, the next database, so that its keys and ours never meet.

    kombu spells a unix socket `redis+socket:///path?virtual_host=1` where redis-py has `unix:///path?db=1`. Other options
    are kept: those of rediss say which certificates are believed.
    """
    parts = urlsplit(redis_url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme == "unix":
        login = f":{parts.password}@" if parts.password else ""
        return f"redis+socket://{login}{parts.path}?virtual_host={_next(query.get('db', '0'))}"
    in_query = query.pop("db", "0")
    database = parts.path.lstrip("/") or in_query
    return urlunsplit(parts._replace(path=f"/{_next(database)}", query=urlencode(query)))


def _next(database: str) -> int:
    return int(database) + 1 if database.isascii() and database.isdigit() else 1
