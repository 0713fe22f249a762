from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax.parameters import MAX_PARAMETERS, parse_parameters, split_parameters


@pytest.mark.parametrize(
    ("_case", "text", "parameters"),
    [
        ("none", "", {}),
        ("only white space", " \t ", {}),
        ("a value", ";tag=a1", {"tag": "a1"}),
        ("a flag", ";lr", {"lr": None}),
        ("an empty value is not a flag", ";branch=", {"branch": ""}),
        ("white space everywhere", " ; tag  =  a1 ; lr ", {"tag": "a1", "lr": None}),
        ("names in any case", ";TAG=Ab", {"tag": "Ab"}),
        ("the first of two counts", ";tag=1;tag=2", {"tag": "1"}),
        ("a quoted value", ';+sip.instance="<urn:uuid:a;b>";q=0.5', {"+sip.instance": "<urn:uuid:a;b>", "q": "0.5"}),
        ("escapes in a quoted value", r';x="a\"b\\c"', {"x": 'a"b\\c'}),
        ("an equals sign in a value", ";pn-prid=ab==", {"pn-prid": "ab=="}),
    ],
)
def test_parameters_are_read_by_lower_case_name(_case, text, parameters):
    assert dict(parse_parameters(text)) == parameters


@pytest.mark.parametrize(
    "text", ["tag=1", ";", ";a;;b", ";=x", ";a b", ';x="open', ";a" + ";b" * MAX_PARAMETERS, ";é=1"]
)
def test_what_is_no_list_of_parameters_is_refused(text):
    with pytest.raises(MalformedMessage):
        parse_parameters(text)


def test_splitting_keeps_every_character():
    text = 'SIP/2.0/UDP a ; x="1;2" ;y = 3'

    assert split_parameters(text) == ["SIP/2.0/UDP a ", ' x="1;2" ', "y = 3"]
