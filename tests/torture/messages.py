"""Hostile, broken and merely odd messages, written for this project after the classes of RFC 4475 and of what the field sends.

Each is a variation of one plain request or response: what is unusual about it stands out. `verdict` is one of those in
`judge`.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DATAGRAMS", "STREAMS", "Hostile"]

BASE = """\
{method} {target} SIP/2.0
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-{branch};rport
Max-Forwards: 70
From: "Caller" <sip:200@pbx.example.org>;tag=from-1
To: <sip:100@pbx.example.org>
Call-ID: a-call@198.51.100.7
CSeq: 7 {method}
Contact: <sip:200@198.51.100.7:5060>
Content-Length: 0

"""

ANSWER = """\
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-w1-never-sent
From: <sip:200@pbx.example.org>;tag=from-1
To: <sip:100@pbx.example.org>;tag=to-1
Call-ID: a-call@198.51.100.7
CSeq: 7 INVITE
Content-Length: 0

"""


class Hostile(NamedTuple):
    """One message, what is wrong with it, and what it gets."""

    name: str
    data: bytes
    verdict: str


def request(
    *edits: tuple[str, str], method: str = "INVITE", target: str = "sip:100@pbx.example.org", tail: bytes = b""
) -> bytes:
    """The plain request with some of its text replaced; each replaced text must be there."""
    return _edited(BASE.format(method=method, target=target, branch="hostile"), edits) + tail


def response(*edits: tuple[str, str]) -> bytes:
    """The plain response, edited."""
    return _edited(ANSWER, edits)


def _edited(text: str, edits: tuple[tuple[str, str], ...]) -> bytes:
    for old, new in edits:
        if old not in text:
            raise AssertionError(f"{old!r} is not in the message")
        text = text.replace(old, new, 1)
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


FROM, TO = 'From: "Caller" <sip:200@pbx.example.org>;tag=from-1', "To: <sip:100@pbx.example.org>"
VIA = "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-hostile;rport"
CONTACT = "Contact: <sip:200@198.51.100.7:5060>"
LENGTH = "Content-Length: 0"

ODD_BUT_LEGAL = [
    Hostile("plain", request(), "routed"),
    Hostile(
        "compact names",
        request(("Via", "v"), ("From", "F"), ("To:", "t:"), ("Call-ID", "i"), ("Content-Length", "l")),
        "routed",
    ),
    Hostile("names in odd case", request(("Via", "vIA"), ("CSeq", "CSEQ"), ("Call-ID", "call-id")), "routed"),
    Hostile("white space before colons", request(("From:", "From \t:"), ("To:", "To   :")), "routed"),
    Hostile("CSeq over two lines", request(("CSeq: 7 ", "CSeq: 0007\n\t")), "routed"),
    Hostile("a value that begins on the next line", request((TO, "To:\n <sip:100@pbx.example.org>")), "routed"),
    Hostile(
        "a Via in pieces",
        request((VIA, "Via:  SIP / 2.0\n /UDP\n   198.51.100.7 :5060\n ; branch = z9hG4bK-h")),
        "routed",
    ),
    Hostile(
        "many Via values on a line", request((VIA, VIA + ", SIP/2.0/TCP a.example, SIP/2.0/SCTP b.example;x")), "routed"
    ),
    Hostile("an IPv6 Via below", request(("Max-F", "Via: SIP/2.0/TLS [2001:db8::9]:5061;branch=x\nMax-F")), "routed"),
    Hostile("an unknown header with an odd name", request((CONTACT, "!x.%*_+`'~-: ;;,,\";\\")), "routed"),
    Hostile("an empty unknown header", request((CONTACT, "X-Empty:\nX-Blank:   ")), "routed"),
    Hostile("an unknown method", request(method="!odd-Method%41'`"), "routed"),
    Hostile("escapes in the user", request(target="sip:%31%30%30%40x@pbx.example.org"), "routed"),
    Hostile("an escaped NUL in the user", request(target="sip:null-%00-null@pbx.example.org"), "routed"),
    Hostile("a user with parameters of its own", request(target="sip:100;ext=1?x@pbx.example.org"), "routed"),
    Hostile("unknown parameters", request(target="sip:100@pbx.example.org:5060;odd;maddr=192.0.2.9;x=%22"), "routed"),
    Hostile("a tel URI", request(target="tel:+82-2-1234;phone-context=example.org"), "routed"),
    Hostile("From of an unknown scheme", request(("<sip:200@pbx.example.org>", "<isbn:2983792873>")), "routed"),
    Hostile("a quoted display name full of separators", request(('"Caller"', '"<;,\\"\\\\ \\\x07:>"')), "routed"),
    Hostile("a display name in Korean, unquoted", request(('"Caller"', "김철수")), "routed"),
    Hostile("a display name that is not UTF-8", request(('"Caller"', '"\udce9\udcff"')), "routed"),
    Hostile("no space before the bracket", request(('"Caller" <', "Caller<")), "routed"),
    Hostile("no brackets", request((TO, "To: sip:100@pbx.example.org;user=phone")), "routed"),
    Hostile("no tag in From", request((";tag=from-1", "")), "routed"),
    Hostile("no branch", request((";branch=z9hG4bK-hostile", "")), "routed"),
    Hostile("a branch that is only the cookie", request(("z9hG4bK-hostile", "z9hG4bK")), "routed"),
    Hostile("no Max-Forwards", request(("Max-Forwards: 70\n", "")), "routed"),
    Hostile("Max-Forwards with zeros in front", request(("70", "000068")), "routed"),
    Hostile("no Content-Length", request((LENGTH + "\n", "")), "routed"),
    Hostile("octets behind the body", request(tail=b"\r\nBYE sip:x SIP/2.0\r\n\r\n"), "routed"),
    Hostile("a binary body", request((LENGTH, "Content-Length: 6"), tail=b"\0\r\n\r\n\xff"), "routed"),
    Hostile("a body of unknown type", request((LENGTH, "Content-Type: x/y;z\nContent-Length: 1"), tail=b"?"), "routed"),
    Hostile("an unreadable Date", request((CONTACT, "Date: the day after tomorrow")), "routed"),
    Hostile("Require is for the ends", request((CONTACT, "Require: nothing-known")), "routed"),
    Hostile("bare line feeds", request().replace(b"\r\n", b"\n"), "routed"),
    Hostile("empty lines in front", b"\r\n\r\n\r\n" + request(), "routed"),
    Hostile("OPTIONS that ends here", request(("70", "0"), method="OPTIONS"), "routed"),
    Hostile("many header lines", request((CONTACT, "\n".join(f"X-{n}: {n}" for n in range(240)))), "routed"),
    Hostile("long values", request((CONTACT, "Subject: " + "s" * 8000)), "routed"),
    Hostile("an answer without a reason", response(("200 OK", "200 ")), "response"),
    Hostile("an answer with a reason in Cyrillic", response(("OK", "= 2**3 * 5**2, хорошо")), "response"),
    Hostile("an answer to nobody's request", response(), "response"),
]

BROKEN = [
    Hostile("two spaces in the request line", request(("INVITE sip", "INVITE  sip")), "answered 400"),
    Hostile("a space at the end of the request line", request(("SIP/2.0\nVia", "SIP/2.0 \nVia")), "answered 400"),
    Hostile("a space in the Request-URI", request(target="sip:100@pbx.example.org; lr"), "answered 400"),
    Hostile("the Request-URI in brackets", request(target="<sip:100@pbx.example.org>"), "answered 400"),
    Hostile(
        "headers in the Request-URI", request(target="sip:100@pbx.example.org?Route=%3Csip:evil%3E"), "answered 400"
    ),
    Hostile("two at signs", request(target="sip:100@x@pbx.example.org"), "answered 400"),
    Hostile("a port out of range", request(target="sip:100@pbx.example.org:65536"), "answered 400"),
    Hostile("an unknown scheme", request(target="soap.beep://192.0.2.103:3002"), "answered 416"),
    Hostile("another version", request(("SIP/2.0\nVia", "SIP/7.0\nVia")), "answered 505"),
    Hostile("no To", request((TO + "\n", "")), "answered 400"),
    Hostile("no From, To and Call-ID", request((TO + "\n", ""), (FROM + "\n", ""), ("Call-ID", "X")), "answered 400"),
    Hostile("two From", request((TO, TO + "\n" + FROM)), "answered 400"),
    Hostile("two Call-IDs", request((TO, TO + "\ni: another")), "answered 400"),
    Hostile("two CSeq", request((TO, TO + "\nCSeq: 8 INVITE")), "answered 400"),
    Hostile("two Max-Forwards", request((TO, TO + "\nMax-Forwards: 1")), "answered 400"),
    Hostile("CSeq of another method", request(("7 INVITE", "7 BYE")), "answered 400"),
    Hostile("CSeq beyond 2**31", request(("7 INVITE", "36893488147419103232 INVITE")), "answered 400"),
    Hostile("CSeq in other digits", request(("7 INVITE", "٧ INVITE")), "answered 400"),
    Hostile("Max-Forwards beyond 255", request(("70", "1024")), "answered 400"),
    Hostile("Max-Forwards used up", request(("70", "0")), "answered 483"),
    Hostile("a quote that does not end", request(('"Caller"', '"Caller')), "answered 400"),
    Hostile("a display name that needs quotes", request(('"Caller"', "Caller, The")), "answered 400"),
    Hostile("spaces within brackets", request((TO, "To: < sip:100@pbx.example.org >")), "answered 400"),
    Hostile("empty parameters in Via", request((VIA, "Via: SIP/2.0/UDP 198.51.100.7;;,;,,")), "answered 400"),
    Hostile("a Via of another protocol", request((VIA, VIA.replace("SIP/2.0", "HTTP/1.1"))), "answered 400"),
    Hostile("Content-Length longer than the datagram", request((LENGTH, "Content-Length: 9999")), "answered 400"),
    Hostile("a negative Content-Length", request((LENGTH, "Content-Length: -999")), "answered 400"),
    Hostile("two Content-Lengths", request((LENGTH, LENGTH + "\nl: 0")), "answered 400"),
    Hostile("a line without a colon", request((CONTACT, "this is no header")), "answered 400"),
    Hostile("a header name with a space", request((CONTACT, "Bad Name: x")), "answered 400"),
    Hostile("a carriage return alone", request((CONTACT, "X: a\rY: b")), "answered 400"),
    Hostile("headers that do not end", request()[:-2], "answered 400"),
    Hostile("too many header lines", request((CONTACT, "X: 1\n" * 300 + CONTACT)), "answered 400"),
    Hostile("too long a header block", request((CONTACT, "X: " + "1" * 40_000)), "answered 400"),
    Hostile("Proxy-Require", request((CONTACT, "Proxy-Require: no-proxy-has-this")), "answered 420"),
]

REGISTERS = [
    Hostile("a plain REGISTER", request(method="REGISTER", target="sip:pbx.example.org"), "registered"),
    Hostile(
        "an unknown parameter behind the contact",
        request((">\nContent", ">;odd=1\nContent"), method="REGISTER"),
        "registered",
    ),
    Hostile(
        "escaped headers in a bracketed contact",
        request((CONTACT, "Contact: <sip:200@h.example?Route=%3Csip:x%3E>"), method="REGISTER"),
        "registered",
    ),
    Hostile(
        "headers in a bare contact",
        request((CONTACT, "Contact: sip:200@h.example?Route=%3Csip:x%3E"), method="REGISTER"),
        "answered 400",
    ),
    Hostile("a star beside an address", request((CONTACT, CONTACT + ", *"), method="REGISTER"), "answered 400"),
    Hostile("a star that does not expire", request((CONTACT, "Contact: *"), method="REGISTER"), "answered 400"),
    Hostile(
        "credentials of an unknown scheme",
        request((CONTACT, CONTACT + "\nAuthorization: NoOne opaque-data=1"), method="REGISTER"),
        "registered",
    ),
]

UNANSWERABLE = [
    Hostile("nothing", b"", "dropped"),
    Hostile("line ends only", b"\r\n\r\n\r\n", "dropped"),
    Hostile("noise", bytes(range(256)) * 4, "dropped"),
    Hostile("HTTP", b"GET / HTTP/1.1\r\nHost: pbx.example.org\r\n\r\n", "dropped"),
    Hostile("TLS to the wrong port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), "dropped"),
    Hostile("a request without Via", request((VIA + "\n", "")), "dropped"),
    Hostile("a broken ACK", request(("SIP/2.0\nVia", "SIP/2.0 \nVia"), method="ACK"), "dropped"),
    Hostile("an ACK to nothing", request(method="ACK"), "dropped"),
    Hostile("a status beyond 699", response(("200", "4294967301")), "dropped"),
    Hostile("a status below 100", response(("200", "099")), "dropped"),
    Hostile("an answer without CSeq", response(("CSeq", "X")), "dropped"),
    Hostile("an answer whose CSeq is too large", response(("CSeq: 7", "CSeq: 9292394834772304023312")), "dropped"),
    Hostile("an answer of another version", response(("SIP/2.0 200", "SIP/3.0 200")), "dropped"),
    Hostile("a CANCEL for nothing", request(method="CANCEL"), "answered 481"),
]

DATAGRAMS = ODD_BUT_LEGAL + BROKEN + REGISTERS + UNANSWERABLE

STREAMS = [
    ("two in a row", request() + request(), ["routed", "routed"]),
    ("a broken one in a sound frame", request((TO, "To: <")) + request(), ["answered 400", "routed"]),
    ("no Content-Length means no body", request((LENGTH + "\n", "")) + request(), ["routed", "routed"]),
    ("a sound one before noise", request() + b"x: y\n\r\n\r\n", ["routed", "closed"]),
    ("Content-Length is a word", request((LENGTH, "Content-Length: many")), ["closed"]),
    ("two Content-Lengths", request((LENGTH, LENGTH + "\nl: 500")), ["closed"]),
    ("bare line feeds", request().replace(b"\r\n", b"\n") + request(), ["closed"]),
    ("a header block without end", b"INVITE sip:100@pbx.example.org SIP/2.0\r\nX: " + b"1" * 40_000, ["closed"]),
    ("a body larger than is taken", request((LENGTH, "Content-Length: 70000")), ["closed"]),
    ("the first half of a message", request()[:100], ["waited for"]),
]
