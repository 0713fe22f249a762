"""Filters: what may be asked for, and that everything else is refused instead of matching too much."""

import pytest

from sipcore.contract.events import (
    E_BRANCH_PROVISIONAL,
    E_CALL_PICKUP,
    E_CALL_RINGING,
    E_PUSH_FAILED,
    E_UL_AOR_INSERT,
    E_UL_CONTACT_INSERT,
    E_UL_CONTACT_UPDATE,
    E_WAIT_ARMED,
    Event,
)
from sipcore.contract.records import from_json, to_json
from sipcore.contract.subscriptions import ConditionRecord, SubscriptionRecord
from sipcore.ebr import (
    Predicate,
    any_of,
    compile_conditions,
    compile_filter,
    escape_glob,
    ge,
    glob,
    gt,
    le,
    lt,
    ne,
    one_of,
    regex,
)
from sipcore.errors import BadFilter, UnknownEvent

CONTACTS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)


def event(attributes, **envelope):
    return Event("id1", E_UL_CONTACT_INSERT, 1.0, "w1", attributes, **envelope)


@pytest.mark.acceptance("H03")
@pytest.mark.parametrize(
    "filter",
    [
        {"aor": ""},
        {"aor": "  "},
        {"aor": None},
        {"aor": glob("")},
        {"aor": ne("")},
        {"aor": one_of()},
        {"aor": one_of("bob@t1", "")},
        "aor=",
        "aor= ",
        ["aor=bob@t1", "transport="],
    ],
)
def test_an_empty_value_is_refused(filter):
    with pytest.raises(BadFilter, match=r"aor|transport"):
        compile_filter(CONTACTS, filter)


@pytest.mark.parametrize("filter", [None, {}, [], ()])
def test_no_condition_at_all_must_be_asked_for(filter):
    with pytest.raises(BadFilter, match="match_all=True"):
        compile_filter(CONTACTS, filter)

    everything = compile_filter(CONTACTS, filter, match_all=True)

    assert everything.conditions == ()
    assert everything.matches(event({"aor": "anybody@t1"}))


@pytest.mark.acceptance("H04")
@pytest.mark.parametrize("filter", [{"aro": "bob@t1"}, "aro=bob@t1", ["aro=*"]])
def test_an_unknown_key_is_named_with_the_valid_ones(filter):
    with pytest.raises(BadFilter) as caught:
        compile_filter(E_UL_AOR_INSERT, filter)

    assert str(caught.value) == (
        "E_UL_AOR_INSERT has no attribute 'aro'; did you mean aor? Valid keys: aor, call_uid, cause_id, domain, node."
    )


def test_a_key_must_be_common_to_all_events():
    with pytest.raises(BadFilter, match="no attribute 'uri'"):
        compile_filter((E_UL_CONTACT_INSERT, E_UL_AOR_INSERT), {"uri": "sip:bob@t1"})


@pytest.mark.acceptance("H12")
def test_an_unknown_event_is_named_with_the_likely_one():
    with pytest.raises(UnknownEvent, match="'E_UL_CONTACT_INSRT' is not a declared event; did you mean E_UL_CONTACT"):
        compile_filter("E_UL_CONTACT_INSRT", {"aor": "bob@t1"})


@pytest.mark.parametrize("name", ["e_ul_contact_insert", "", None])
def test_event_names_are_exact(name):
    with pytest.raises(UnknownEvent):
        compile_filter([name], {"aor": "bob@t1"})
    with pytest.raises(UnknownEvent):
        compile_filter([], {"aor": "bob@t1"})


@pytest.mark.parametrize(
    ("events", "filter"),
    [
        (CONTACTS, {"expires_in": "60"}),
        (CONTACTS, {"aor": 5}),
        (CONTACTS, {"expires_in": True}),
        (CONTACTS, {"expires_in": float("nan")}),
        (CONTACTS, {"aor": lt("b")}),
        (CONTACTS, {"aor": gt(1)}),
        (CONTACTS, {"expires_in": glob("6*")}),
        (CONTACTS, {"expires_in": gt("60")}),
        (CONTACTS, {"aor": ["bob@t1"]}),
        (CONTACTS, {"binding": {"key": "x"}}),
        (CONTACTS, "binding=x"),
        (CONTACTS, {"aor": "x" * 1025}),
        (CONTACTS, {"aor": one_of(*map(str, range(1025)))}),
        (CONTACTS, {"aor": Predicate("like", ".*")}),
        (CONTACTS, {"aor": regex("(")}),
        (CONTACTS, {"expires_in": regex("6.")}),
        (CONTACTS, any_of()),
        (CONTACTS, any_of({"aor": "bob@t1"}, {})),
        (CONTACTS, any_of({"aor": "bob@t1"}, any_of({"aor": "carol@t1"}))),
        (CONTACTS, any_of({"aro": "bob@t1"})),
        (CONTACTS, "aor"),
        (CONTACTS, ["aor=bob@t1", "no condition"]),
        (CONTACTS, [("aor", "bob@t1")]),
        (CONTACTS, ["aor=bob@t1"] * 17),
        (CONTACTS, "expires_in=soon"),
        (E_PUSH_FAILED, {"final": 1}),
        (E_PUSH_FAILED, "final=maybe"),
        (E_UL_AOR_INSERT, compile_filter(CONTACTS, {"aor": "bob@t1"})),
    ],
)
def test_what_cannot_be_compared_is_refused(events, filter):
    with pytest.raises(BadFilter):
        compile_filter(events, filter)


@pytest.mark.parametrize(
    ("_case", "events", "filter", "attributes", "expected"),
    [
        ("literal", CONTACTS, {"aor": "bob@t1"}, {"aor": "bob@t1"}, True),
        ("case counts", CONTACTS, {"aor": "bob@t1"}, {"aor": "Bob@t1"}, False),
        ("literal star", CONTACTS, {"aor": "*@t1"}, {"aor": "bob@t1"}, False),
        ("literal star itself", CONTACTS, {"aor": "*@t1"}, {"aor": "*@t1"}, True),
        ("text without wildcards", CONTACTS, "aor=bob@t1", {"aor": "bob@t1"}, True),
        ("the manual's example", CONTACTS, "aor=*@opensips.org", {"aor": "bob@opensips.org"}, True),
        ("whole text", CONTACTS, "aor=*@opensips.org", {"aor": "bob@opensips.org.evil"}, False),
        ("a line break is no end", CONTACTS, "aor=bob*", {"aor": "bob\n@t1"}, True),
        ("dot is a dot", CONTACTS, "aor=b.b*", {"aor": "bob@t1"}, False),
        ("range", CONTACTS, "aor=b[a-i]b@t1", {"aor": "bib@t1"}, True),
        ("negated range", CONTACTS, "aor=b[!a-i]b@t1", {"aor": "bib@t1"}, False),
        ("escaped", CONTACTS, r"aor=\*@t1", {"aor": "*@t1"}, True),
        ("escaped is literal", CONTACTS, r"aor=\*@t1", {"aor": "bob@t1"}, False),
        ("escaped backslash", CONTACTS, r"aor=a\\*", {"aor": "a\\b"}, True),
        ("escaped letter", CONTACTS, r"aor=\bob@t1*", {"aor": "bob@t1"}, True),
        ("unclosed range", CONTACTS, "aor=b[o*", {"aor": "b[ob@t1"}, True),
        ("value may contain =", CONTACTS, "uri=sip:bob;x=1", {"uri": "sip:bob;x=1"}, True),
        ("spaces around", CONTACTS, " aor = bob@t1 ", {"aor": "bob@t1"}, True),
        ("all must hold", CONTACTS, ["aor=*@t1", "transport=tls"], {"aor": "bob@t1", "transport": "udp"}, False),
        ("all hold", CONTACTS, ["aor=*@t1", "transport=tls"], {"aor": "bob@t1", "transport": "tls"}, True),
        ("absent", CONTACTS, {"aor": "bob@t1"}, {}, False),
        ("absent is not unequal", CONTACTS, {"transport": ne("udp")}, {"aor": "bob@t1"}, False),
        ("unequal", CONTACTS, {"transport": ne("udp")}, {"transport": "tls"}, True),
        ("equal", CONTACTS, {"transport": ne("udp")}, {"transport": "udp"}, False),
        ("one of", CONTACTS, {"transport": one_of("tls", "wss")}, {"transport": "wss"}, True),
        ("none of", CONTACTS, {"transport": one_of("tls", "wss")}, {"transport": "udp"}, False),
        ("number", CONTACTS, "expires_in=60", {"expires_in": 60}, True),
        ("number, wildcard", CONTACTS, "expires_in=6*", {"expires_in": 60}, True),
        ("negative number", CONTACTS, "qval=-1", {"qval": -1}, True),
        ("less", CONTACTS, {"expires_in": lt(60)}, {"expires_in": 60}, False),
        ("at most", CONTACTS, {"expires_in": le(60)}, {"expires_in": 60}, True),
        ("at least", CONTACTS, {"expires_in": ge(60.5)}, {"expires_in": 60}, False),
        ("float", E_WAIT_ARMED, {"seconds": 20}, {"seconds": 20.0}, True),
        ("float, text", E_WAIT_ARMED, "seconds=2.5", {"seconds": 2.5}, True),
        ("bool", E_PUSH_FAILED, {"final": True}, {"final": True}, True),
        ("bool, text", E_PUSH_FAILED, "final=false", {"final": False}, True),
        ("in a list", E_CALL_RINGING, {"groups": "sales"}, {"groups": ["ops", "sales"]}, True),
        ("not in a list", E_CALL_RINGING, {"groups": "sales"}, {"groups": ["ops"]}, False),
        ("in an empty list", E_CALL_RINGING, {"groups": "sales"}, {"groups": []}, False),
        ("pattern in a list", E_CALL_RINGING, {"groups": glob("s*")}, {"groups": ["ops", "sales"]}, True),
        ("no such item", E_CALL_RINGING, {"groups": ne("sales")}, {"groups": ["ops", "sales"]}, False),
        ("expression", CONTACTS, {"aor": regex(r"b\w+@t1")}, {"aor": "bobby@t1"}, True),
        ("expression, whole", CONTACTS, {"aor": regex("bob")}, {"aor": "bob@t1"}, False),
        ("any, first", CONTACTS, any_of({"aor": "a@t1"}, "aor=*@t2"), {"aor": "a@t1"}, True),
        ("any, second", CONTACTS, any_of({"aor": "a@t1"}, "aor=*@t2"), {"aor": "b@t2"}, True),
        ("any, none", CONTACTS, any_of({"aor": "a@t1"}, "aor=*@t2"), {"aor": "b@t1"}, False),
        ("any, halves", CONTACTS, any_of({"aor": "a@t1", "transport": "tls"}), {"aor": "a@t1"}, False),
        ("another type", CONTACTS, {"aor": "bob@t1"}, {"aor": 5}, False),
    ],
)
def test_what_matches(_case, events, filter, attributes, expected):
    assert compile_filter(events, filter).matches(event(attributes)) is expected


@pytest.mark.acceptance("H05")
def test_a_dialled_star_is_the_user_called_star():
    dialled = "*"

    mapping = compile_filter(CONTACTS, {"aor": f"{dialled}@t1"})
    text = compile_filter(CONTACTS, f"aor={escape_glob(dialled)}@t1")

    for filter in (mapping, text):
        assert not filter.matches(event({"aor": "carol@t1"}))
        assert filter.matches(event({"aor": "*@t1"}))


@pytest.mark.acceptance("H06")
def test_a_pattern_is_for_the_whole_text():
    filter = compile_filter(CONTACTS, {"aor": glob("b?b@t1")})

    assert [aor for aor in ("bob@t1", "bib@t1", "bobby@t1") if filter.matches(event({"aor": aor}))] == [
        "bob@t1",
        "bib@t1",
    ]


@pytest.mark.acceptance("H09")
@pytest.mark.parametrize(("value", "expected"), [(-1, False), (0, False), (1, True), (10, True)])
def test_numbers_compare_as_numbers(value, expected):
    assert compile_filter(CONTACTS, {"expires_in": gt(0)}).matches(event({"expires_in": value})) is expected


@pytest.mark.acceptance("H19")
def test_a_filter_keeps_the_values_of_the_moment_it_was_made():
    wanted = ["tls"]
    filters = {"aor": "bob@t1"}
    texts = ["aor=bob@t1"]
    literal = compile_filter(CONTACTS, filters)
    pattern = compile_filter(CONTACTS, texts)
    choice = compile_filter(CONTACTS, {"transport": one_of(*wanted)})

    filters["aor"] = "carol@t1"
    texts[0] = "aor=*"
    wanted.append("udp")

    for filter in (literal, pattern):
        assert filter.matches(event({"aor": "bob@t1"}))
        assert not filter.matches(event({"aor": "carol@t1"}))
    assert not choice.matches(event({"transport": "udp"}))
    with pytest.raises(AttributeError):
        literal.conditions = ()


@pytest.mark.parametrize(
    ("events", "filter", "expected"),
    [
        (E_UL_CONTACT_INSERT, {"aor": "bob@t1"}, ("aor", "bob@t1")),
        (E_UL_CONTACT_INSERT, "aor=bob@t1", ("aor", "bob@t1")),
        (E_UL_CONTACT_INSERT, "aor=*@t1", None),
        (E_UL_CONTACT_INSERT, {"aor": one_of("bob@t1")}, None),
        (E_UL_CONTACT_INSERT, {"transport": "tls"}, None),
        (E_CALL_PICKUP, {"group": "1", "call": "c1"}, ("call", "c1")),
        (E_CALL_PICKUP, "group=1", ("group", "1")),
        (E_BRANCH_PROVISIONAL, {"code": 180}, None),
    ],
)
def test_the_most_selective_literal_is_indexed(events, filter, expected):
    assert compile_filter(events, filter).index_keys == ((events, *(expected or ())),)


def test_records_evaluate_as_the_filter_they_came_from():
    filter = compile_filter(CONTACTS, {"aor": glob("b*"), "transport": one_of("tls", "wss"), "expires_in": gt(5)})
    attributes = {"aor": "bob@t1", "transport": "tls", "expires_in": 6}

    as_read_back = [
        ConditionRecord(c.key, c.operator, list(c.value) if c.operator == "in" else c.value) for c in filter.conditions
    ]

    assert compile_conditions(as_read_back)(event(attributes)) is True
    assert compile_conditions(as_read_back)(event({**attributes, "expires_in": 5})) is False


def test_a_hostile_pattern_does_not_backtrack_for_ever():
    filter = compile_filter(CONTACTS, "aor=" + "*a" * 200 + "b")

    assert filter.matches(event({"aor": "a" * 1000})) is False


def test_the_envelope_can_be_asked_for_like_an_attribute():
    of_a_call = compile_filter(CONTACTS, {"aor": "bob@t1", "call_uid": "c1"})

    assert of_a_call.matches(event({"aor": "bob@t1"}, call_uid="c1"))
    assert not of_a_call.matches(event({"aor": "bob@t1"}, call_uid="c2"))
    assert compile_filter(CONTACTS, "node=w*").matches(event({"aor": "bob@t1"}))


def test_a_choice_survives_being_written_down():
    filter = compile_filter(CONTACTS, any_of({"aor": "a@t1"}, {"expires_in": gt(5), "transport": one_of("tls", "wss")}))
    record = SubscriptionRecord("s1", filter.events, filter.conditions, "w1", 2.0, 1.0)

    read_back = from_json(SubscriptionRecord, to_json(record))
    matches = compile_conditions(read_back.conditions)

    assert record.filter == read_back.filter == "aor=a@t1 or expires_in>5 and transport in tls|wss"
    assert [
        matches(event({"aor": aor, "expires_in": 6, "transport": transport}))
        for aor, transport in (("a@t1", "udp"), ("b@t1", "wss"), ("b@t1", "udp"))
    ] == [True, True, False]
