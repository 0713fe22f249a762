"""The header block as nearly every phone, proxy and gateway writes it, read in one go.

One pattern says yes or no to a whole header block, and its groups are the values that a proxy asks for. It costs half an
index of the lines and saves most of the reading behind it. What it does not recognise (folds, compact names, white space
before a colon, a second From, an odd parameter) is not thereby wrong: `parse` and `message` read it with care.

Two rules keep this honest. The pattern may only accept what the careful reading accepts, with the same values; a property
test holds both to each other. And whoever reads a group must be ready for there being no match.

Where the pattern matches, the block is known to hold no fold, no name of one letter and no space before a colon. So a
header is there exactly if `\\n`, its name and a colon are, in any case; `Message.header` rests on that.
"""

from __future__ import annotations

import re

__all__ = ["ABSENCE", "UsualHead", "note_source_early", "read_usual_head"]

UsualHead = re.Match[bytes]
"""A header block that was recognised. It ends where the match ends, without the empty line. Groups, None where absent:

status, reason or method, target; via (the topmost value), via_transport, sent_by, branch, more_vias; from, from_uri,
from_tag; to, to_uri, to_tag; call_id; cseq_number, cseq_method; content_length; max_forwards; route (the first line),
more_routes; and, empty but not None where there is such a line: content_type, expires, proxy (any `Proxy-…`).
"""

ABSENCE = {
    "content-type": "content_type",
    "expires": "expires",
    "proxy-authenticate": "proxy",
    "proxy-authorization": "proxy",
    "proxy-require": "proxy",
    "route": "route",
}
"Headers that are often asked for and seldom there, and the group that is None when they are not."


# §25.1 in character classes. Two rules keep a hostile peer from making this slow. A repeated character class is possessive
# (++), so that no octet is given back. And of all else that is repeated, optional or alternative, what may come next tells
# one way from the other: when the match fails, however late, nothing is found behind it to try again. (A possessive *group*
# would say the same shorter, but before CPython 3.11.5 such groups fail to match what they should, python/cpython#106052.)
_WORD = r"[A-Za-z0-9\-.!%*_+`'~]"
_TEXT = (
    r"[\x20-\xff]"  # one range: for `re` that is twice as fast as [^\r\n], and a tab or NUL may be looked at closely
)
_PORT = r"(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})(?![0-9])"
_SENT_BY = rf"[a-z0-9.\-]++(?::{_PORT})?"
_PARAMETERS = rf"(?:;(?!branch|tag)[a-z0-9\-]++(?:={_WORD}++)?){{0,16}}"
_TRANSPORT = r"SIP/2\.0/(?:UDP|TCP|TLS|WSS?)"


def _address(name: str) -> str:
    display_name = r"""(?:"[^"\\\r\n]*+"\ *+|[^"<>,;:@\\\r\n]*+)"""
    uri = rf"<(?P<{name}_uri>[\x21\x23-\x3b\x3d\x3f-\x7e]++)>"
    return rf"(?P<{name}>{display_name}{uri}(?:;tag=(?P<{name}_tag>{_WORD}++))?{_PARAMETERS})"


# What may stand once is guarded by (?(group)(?!)|…): then a second one does not match. Alternatives begin with a letter,
# for those that begin with another one are passed over at once; the last one takes every name that none before it takes.
_HEAD = rf"""
(?: SIP/2\.0\ (?P<status>[1-6][0-9][0-9])\ (?P<reason>{_TEXT}*+)
  | (?P<method>[A-Z]++)\ (?P<target>[\x21-\x7e]++)\ SIP/2\.0 )
(?: \r\n (?:
    V (?(via) ia:{_TEXT}*+(?P<more_vias>)
            | ia:\ (?P<via>{_TRANSPORT}\ (?P<sent_by>{_SENT_BY}){_PARAMETERS}
                       (?:;branch=(?P<branch>{_WORD}++){_PARAMETERS})?) )
  | From:\ (?(from)(?!)|{_address("from")})
  | To:\ (?(to)(?!)|{_address("to")})
  | C (?: all-ID:\ (?(call_id)(?!)|(?P<call_id>[\x21-\x7e]++))
        | Seq:\ (?(cseq_number)(?!)|(?P<cseq_number>[0-9]{{1,9}}+)\ (?P<cseq_method>[A-Z]++))
        | ontent-Length:\ (?(content_length)(?!)|(?P<content_length>[0-9]{{1,5}}+))
        | ontent-Type: (?(content_type)(?!)|{_TEXT}*+(?P<content_type>))
        | ontact:{_TEXT}*+ )
  | Max-Forwards:\ (?(max_forwards)(?!)|(?P<max_forwards>[0-9]{{1,2}}+))
  | Route: (?(route){_TEXT}*+(?P<more_routes>)|\ (?P<route>{_TEXT}*+))
  | Expires: (?(expires)(?!)|{_TEXT}*+(?P<expires>))
  | Record-Route:{_TEXT}*+
  | Proxy-{_WORD}++:{_TEXT}*+(?P<proxy>)
  | [ABDG-LNOQSUW-Z]{_WORD}++:{_TEXT}*+
  | (?! (?: [Vv](?i:ia) | [Ff](?i:rom) | [Tt](?i:o|imestamp) | [Cc](?i:all-id|seq|ontent-length|ontent-type)
          | [Mm](?i:ax-forwards) | [Rr](?i:oute) | [Ee](?i:xpires) | Contact | Record-Route ) : | [Pp](?i:roxy-) )
    [CEFMPRTVa-z]{_WORD}++:{_TEXT}*+
) ){{1,256}}
"""


def _numbered(pattern: str) -> str:
    """`re` lets a condition refer to a group that comes later by its number only."""
    names = re.findall(r"\(\?P<(\w+)>", pattern)
    return re.sub(r"\(\?\((\w+)\)", lambda condition: f"(?({names.index(condition[1]) + 1})", pattern)


_match_head = re.compile(_numbered(_HEAD).encode(), re.VERBOSE).fullmatch

# A request whose first header line is a usual Via: sent-by host, and the parameters around a bare rport.
_OTHERS = rf"(?:;(?!rport|received)[a-z0-9\-]++(?:={_WORD}++)?){{0,16}}"
_match_top_via = re.compile(
    rf"""[A-Z]++\ [\x21-\x7e]++\ SIP/2\.0\r\nVia:\ {_TRANSPORT}\ (?P<host>[a-z0-9.\-]++)(?::{_PORT})?
    {_OTHERS} (?:(?P<rport>;rport)(?=[;\r]){_OTHERS})? (?=\r\n[^ \t])""".encode(),
    re.VERBOSE,
).match


def read_usual_head(data: bytes, end: int) -> UsualHead | None:
    """Recognise the header block `data[:end]`, which an empty line follows; None: look closely."""
    return _match_head(data, 0, end)


def note_source_early(data: bytes, host: str, port: int) -> bytes | None:
    """Write `received` and `rport` into a usual top Via before anything is parsed (§18.2.1, RFC 3581 §4).

    None where the octets do not look usual: then the parsed message has to be edited (`with_via_received`).
    """
    via = _match_top_via(data)
    if via is None:
        return None
    start, end = via.span("rport")
    if start >= 0:
        stop = via.end()
        return b"%b;rport=%d%b;received=%b%b" % (data[:start], port, data[end:stop], host.encode(), data[stop:])
    if via["host"] == host.encode():
        return data
    stop = via.end()
    return b"%b;received=%b%b" % (data[:stop], host.encode(), data[stop:])
