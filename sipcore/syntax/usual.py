"""Messages as nearly every phone, proxy and gateway writes them, read in one go.

One pattern says yes or no to a whole header block, and its groups are the values that a proxy asks for. It costs half an
index of the lines and saves most of the reading behind it. What it does not recognise (folds, compact names, white space
before a colon, a second From, an odd parameter, no Max-Forwards) is not thereby wrong: `parse` and `careful` read that.

The pattern may only accept what the careful reading accepts, with the same values; a property test holds both to each
other. Of a message that is accepted is known, and others rest on it:

- Via, From, To, Call-ID, CSeq and Content-Length are there, and Max-Forwards in a request; From and To hold sip or sips
  URIs; CSeq names the method of the request; the body is as long as it says.
- There is no fold, no name of one letter and no space before a colon. So a header is there exactly if `\n`, its name and a
  colon are, in any case.
- The headers in `SPELLED` are spelled so.

Octets are looked at as Latin-1: one character for each, so positions and pieces are those of the octets. What is not ASCII
is decoded from UTF-8 where somebody is to read it.
"""

from __future__ import annotations

import re

from msgspec import Struct

from .grammar import LWS, MAX_BODY_BYTES, MAX_HEADER_BYTES
from .message import KNOWN_METHODS, Request, Response

__all__ = ["UsualRequest", "UsualResponse", "read_usual_message"]


class UsualRequest(Request, Struct, eq=False, dict=True):
    """A request of which all that a proxy looks at has been read. A Struct: made in one step, with all that it has."""

    raw: bytes
    usual_end: int
    branch: str
    call_id: str
    cseq_digits: str
    cseq_method: str
    from_tag: str
    to_tag: str
    method: str
    target: str
    version: str
    sent_by: str
    has_one_via: bool
    max_forwards: int | None
    route_lines: tuple[str, ...]
    has_proxy_fields: bool
    via_text: str
    from_text: str
    to_text: str


class UsualResponse(Response, Struct, eq=False, dict=True):
    """A response, likewise."""

    raw: bytes
    usual_end: int
    branch: str
    call_id: str
    cseq_digits: str
    cseq_method: str
    from_tag: str
    to_tag: str
    status: int
    reason: str


# §25.1 in character classes. Two rules keep a hostile peer from making this slow. A repeated character class is possessive
# (++), so that no octet is given back. And of all else that is repeated, optional or alternative, what may come next tells
# one way from the other: when the match fails, however late, nothing is found behind it to try again. (A possessive *group*
# would say the same shorter, but before CPython 3.11.5 such groups fail to match what they should, python/cpython#106052.)
_WORD = r"[A-Za-z0-9\-.!%*_+`'~]"
_TEXT = (
    r"[\x20-\xff]"  # one range: for `re` that is twice as fast as [^\r\n], and a tab or NUL may be looked at closely
)
_PORT = r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3})(?![0-9])|)"  # up to 64999; the rest is looked at closely
_PARAMETERS = r"(?:;[ac-su-z0-9\-][A-Za-z0-9\-.!%*_+`'~=]*+){0,16}"  # what begins with b or t may be a branch or a tag
_TRANSPORT = r"SIP/2\.0/(?:UDP|TCP|TLS|WSS?)"
_LISTED = (
    r"[!#-+\-.-;=?-~\x80-\xff]++"  # of a value in a list, what is no space and may stand outside of quotes and brackets
)
_USER = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%]{1,256}+@"
_URI = rf"sips?:(?:{_USER}|)[A-Za-z0-9_.\-]++{_PORT}(?:;[A-Za-z0-9\-.!%*_+`'~=;]{{0,100}}+|)"


def _address(name: str) -> str:
    display_name = r"""(?:"[^"\\\r\n]*+"\ *+|[^"<>,;:@\\\r\n]*+)"""
    tag = rf";tag=(?P<{name}_tag>{_WORD}++)"
    if name == "to":
        tag = rf"(?:{tag}|)"  # a From without one is RFC 2543's
    return rf"(?P<{name}>{display_name}<{_URI}>{tag}{_PARAMETERS})"


# What may stand once is guarded by (?(group)(?!)|…): then a second one does not match. Alternatives begin with a letter,
# for those that begin with another one are passed over at once; the last one takes every name that none before it takes.
_HEAD = rf"""
(?: SIP/2\.0\ (?P<status>[1-6][0-9][0-9])\ (?P<reason>{_TEXT}*+)
  | (?P<method>[A-Z]++)\ (?P<target>[\x21-\x7e]++)\ SIP/2\.0 )
(?: \r\n (?:
    V (?(via) ia:{_TEXT}*+(?P<more_vias>)
            | ia:\ (?P<via>{_TRANSPORT}\ (?P<sent_by>[a-z0-9.\-]++{_PORT}){_PARAMETERS}
                       ;branch=(?P<branch>z9hG4bK{_WORD}++){_PARAMETERS})
              (?P<listed_vias>(?:,\ {_LISTED}(?:\ {_LISTED}){{0,8}}){{1,32}}|) )
  | From:\ (?(from)(?!)|{_address("from")})
  | To:\ (?(to)(?!)|{_address("to")})
  | C (?: all-ID:\ (?(call_id)(?!)|(?P<call_id>[\x21-\x7e]++))
        | Seq:\ (?(cseq_number)(?!)|(?P<cseq_number>[0-9]{{1,9}}+)\ (?P<cseq_method>[A-Z]++))
        | ontent-Length:\ *+(?(content_length)(?!)|(?P<content_length>[0-9]{{1,5}}+))
        | ontent-Type: (?(content_type)(?!)|{_TEXT}*+(?P<content_type>))
        | ontact:{_TEXT}*+ )
  | Max-Forwards:\ (?(max_forwards)(?!)|(?P<max_forwards>0|[1-9][0-9]?+))
  | Route: (?(route){_TEXT}*+(?P<more_routes>)|\ (?P<route>{_TEXT}*+))
  | Expires: (?(expires)(?!)|{_TEXT}*+(?P<expires>))
  | Record-Route:{_TEXT}*+
  | Proxy-{_WORD}++:{_TEXT}*+(?P<proxy>)
  | [ABDG-LNOQSUW-Z]{_WORD}++:{_TEXT}*+
  | (?! (?i: via | from | to | timestamp | call-id | cseq | content-length | content-type | contact
          | max-forwards | route | expires | record-route ) : | (?i:proxy-) )
    [CEFMPRTVa-z]{_WORD}++:{_TEXT}*+
) ){{1,256}}
(?(via)|(?!)) (?(from)|(?!)) (?(to)|(?!)) (?(call_id)|(?!)) (?(cseq_method)|(?!)) (?(content_length)|(?!))
(?(method)(?(max_forwards)|(?!)))
"""


def _numbered(pattern: str) -> str:
    """`re` lets a condition refer to a group that comes later by its number only."""
    names = re.findall(r"\(\?P<(\w+)>", pattern)
    return re.sub(r"\(\?\((\w+)\)", lambda condition: f"(?({names.index(condition[1]) + 1})", pattern)


_match_head = re.compile(_numbered(_HEAD), re.VERBOSE | re.ASCII).fullmatch

_METHODS = {method: method for method in KNOWN_METHODS}
"So that one string serves all messages."


def read_usual_message(data: bytes, host: str = "", port: int = 0) -> UsualRequest | UsualResponse | None:
    """Read a message that is written as usual; None: look closely.

    With `host` and `port`, where a request came from is noted in its top Via (§18.2.1, RFC 3581 §4); None also where that
    takes a closer look.
    """
    end = data.find(b"\r\n\r\n")
    head = _match_head(data.decode("latin-1"), 0, end)
    if head is None:
        return None
    (
        status, reason, method, target,
        more_vias, via, sent_by, branch, listed_vias,
        from_, from_tag, to, to_tag,
        call_id, cseq_digits, cseq_method, content_length, _, max_forwards, more_routes, route, _, proxy,
    ) = head.groups()  # fmt: skip
    length = len(data) - end - 4
    if length != int(content_length) or length > MAX_BODY_BYTES or end > MAX_HEADER_BYTES:
        return None
    if method is None:
        if not reason.isascii():
            reason = _decode(reason)
        return UsualResponse(
            data, end, branch, call_id, cseq_digits, _METHODS.get(cseq_method, cseq_method), from_tag, to_tag or "",
            int(status), reason,
        )  # fmt: skip
    if method != cseq_method:
        return None
    if host:
        noted = _note_source(via, sent_by, host, port)
        if noted is None:
            return None
        if noted is not via:
            data = data.replace(f"\r\nVia: {via}".encode(), f"\r\nVia: {noted}".encode(), 1)
            end += len(noted) - len(via)
            via = noted
    method = _METHODS.get(method, method)
    request = UsualRequest(
        data, end, branch, call_id, cseq_digits, method, from_tag, to_tag or "",
        method, target, "SIP/2.0", sent_by, more_vias is None and not listed_vias, int(max_forwards), (), proxy is not None,
        via, from_, to,
    )  # fmt: skip
    if route is not None:
        one = more_routes is None
        request.route_lines = (_decode(route).strip(LWS),) if one else tuple(request.headers("route"))
    return request


def _note_source(via: str, sent_by: str, host: str, port: int) -> str | None:
    """The Via value with `received`, and with `rport` where that was asked for; None where the peer has filled one in."""
    asked = via.count(";rport")
    if ";received" in via or asked > 1:
        return None
    if asked:
        start = via.index(";rport")
        stop = start + len(";rport")
        if via[stop : stop + 1] not in ("", ";"):
            return None
        return f"{via[:start]};rport={port}{via[stop:]};received={host}"
    if sent_by.partition(":")[0] == host:
        return via
    return f"{via};received={host}"


def _decode(octets: str) -> str:
    return octets if octets.isascii() else octets.encode("latin-1").decode("utf-8", "surrogateescape")
