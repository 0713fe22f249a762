from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax.grammar import (
    MAX_VALUES,
    find_outside_quotes,
    is_token,
    parse_number,
    quote,
    split_values,
    unfold,
    unquote,
)


@pytest.mark.parametrize(
    ("_case", "text", "values"),
    [
        ("one", "a", ["a"]),
        ("nothing", "  ", []),
        ("several", "a , b,c", ["a", "b", "c"]),
        ("empty values mean nothing", ",a,,b,", ["a", "b"]),
        ("a comma in a quoted string", '"x, y" <sip:a@b>, <sip:c@d>', ['"x, y" <sip:a@b>', "<sip:c@d>"]),
        ("an escaped quote", r'"x\", y" <sip:a@b>, c', [r'"x\", y" <sip:a@b>', "c"]),
        ("a comma in brackets", "<sip:a,b@c>,<sip:d>", ["<sip:a,b@c>", "<sip:d>"]),
        ("a quote in brackets is none", '<sip:a"b>,c', ['<sip:a"b>', "c"]),
    ],
)
def test_values_are_split_at_commas_that_separate(_case, text, values):
    assert split_values(text) == values


@pytest.mark.parametrize("text", ['"open, <sip:a@b>', "<sip:a@b, c", "a," * (MAX_VALUES + 2)])
def test_values_that_cannot_be_told_apart_are_refused(text):
    with pytest.raises(MalformedMessage):
        split_values(text)


@pytest.mark.parametrize("text", ["plain", 'with "quotes"', "back\\slash", "", "김철수"])
def test_quoting_is_undone_by_unquoting(text):
    assert unquote(quote(text)) == text


def test_unquoting_leaves_what_is_not_quoted():
    assert [unquote(text) for text in ("token", '"', '"open')] == ["token", '"', '"open']


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("0068", 68), ("255", 255)])
def test_numbers_may_have_leading_zeros(text, number):
    assert parse_number(text, 255, "it") == number


@pytest.mark.parametrize("text", ["", "256", "-1", "+1", " 1", "1 ", "1_0", "٣", "9" * 5000])
def test_anything_but_ascii_digits_within_bounds_is_no_number(text):
    with pytest.raises(MalformedMessage, match="it is not a number from 0 to 255"):
        parse_number(text, 255, "it")


@pytest.mark.parametrize("text", ["INVITE", "!interesting-Method0123456789_*+`.%indeed'~"])
def test_tokens_may_look_odd(text):
    assert is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a:b", "a@b", "é", "a\n", '"a"'])
def test_separators_and_other_scripts_are_in_no_token(text):
    assert not is_token(text)


def test_each_fold_becomes_one_space():
    assert unfold("1\r\n  INVITE\r\n\tnow") == "1 INVITE now"


def test_search_passes_over_quoted_strings():
    assert find_outside_quotes(r'a="x;\";";b', ";") == 9
    assert find_outside_quotes('"a;b"', ";") == -1
    with pytest.raises(MalformedMessage):
        find_outside_quotes('"a;b', ";")
