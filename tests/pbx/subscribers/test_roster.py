"""Subscribers from a CSV file, by the command that administrators type."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from pbx.subscribers import actions
from pbx.subscribers.models import PickupGroup, Subscriber
from sipcore.contract import keys
from sipcore.contract.credentials import ha1

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "username,password,display_name,email,pickup_groups\r\n"


@pytest.fixture
def run(tmp_path, store):
    """Import a text or bytes; return the lines that were printed, and whether the exit status was 0."""

    def run(content: str | bytes, *options: str) -> tuple[list[str], bool]:
        sheet = tmp_path / "people.csv"
        sheet.write_bytes(content if isinstance(content, bytes) else content.encode())
        output = io.StringIO()
        try:
            call_command("import_subscribers", str(sheet), *options, stdout=output)
        except CommandError as refusal:
            assert refusal.returncode == 1
            return [*output.getvalue().splitlines(), str(refusal)], False
        return output.getvalue().splitlines(), True

    return run


def names(relation) -> set[str]:
    return set(relation.values_list("name", flat=True))


def test_people_and_their_groups_are_made_and_published(run, store):
    lines, good = run(
        HEADER + "101,right-battery-7,Kim Minji,kim@pbx.test,sales; support\r\n102,blue-window-8,,,sales\r\n"
    )

    assert good
    assert lines == [
        "line 2: 101: created",
        "line 3: 102: created",
        "2 created, 0 updated, 0 unchanged, 0 refused",
    ]
    kim = Subscriber.objects.get(username="101")
    assert (kim.display_name, kim.email, kim.aor) == ("Kim Minji", "kim@pbx.test", "101@pbx.test")
    assert kim.ha1_md5 == ha1("MD5", "101", "pbx.test", "right-battery-7")
    assert names(kim.pickup_groups) == names(kim.may_pick) == {"sales", "support"}
    assert PickupGroup.objects.get(name="sales").members.count() == 2
    assert store.get(keys.directory_subscriber("102@pbx.test")) is not None


def test_the_same_file_again_changes_nothing(run):
    content = HEADER + "101,right-battery-7,Kim,kim@pbx.test,sales\r\n"
    run(content)
    before = Subscriber.objects.get().revision

    lines, good = run(content)

    assert good
    assert lines[0] == "line 2: 101: unchanged"
    assert Subscriber.objects.get().revision == before


@pytest.mark.parametrize(
    ("_case", "row", "field", "value"),
    [
        ("another name", "101,right-battery-7,Lee,kim@pbx.test,sales", "display_name", "Lee"),
        ("no address any more", "101,right-battery-7,Kim,,sales", "email", ""),
        ("another password", "101,blue-window-8,Kim,kim@pbx.test,sales", "ha1_md5", None),
    ],
)
def test_what_differs_is_updated(_case, row, field, value, run):
    run(HEADER + "101,right-battery-7,Kim,kim@pbx.test,sales\r\n")

    lines, good = run(HEADER + row)

    assert good
    assert lines[0] == "line 2: 101: updated"
    expected = ha1("MD5", "101", "pbx.test", "blue-window-8") if value is None else value
    assert getattr(Subscriber.objects.get(), field) == expected


def test_columns_that_the_file_does_not_have_are_left_alone(run):
    run(HEADER + "101,right-battery-7,Kim,kim@pbx.test,sales\r\n")

    lines, good = run("Password,Username\nblue-window-8,101\n")

    assert good
    assert lines[0] == "line 2: 101: updated"
    kim = Subscriber.objects.get()
    assert (kim.display_name, names(kim.pickup_groups)) == ("Kim", {"sales"})


def test_who_changes_groups_may_pick_in_the_new_ones_and_where_an_administrator_said_so(run):
    run(HEADER + "101,right-battery-7,,,sales\r\n")
    kim, guards = Subscriber.objects.get(), actions.create_group(name="guards")
    actions.set_pickup_groups(kim, kim.pickup_groups.all(), may_pick=[*kim.may_pick.all(), guards])

    run(HEADER + "101,right-battery-7,,,support\r\n")

    assert names(kim.pickup_groups) == {"support"}
    assert names(kim.may_pick) == {"support", "guards"}


@pytest.mark.parametrize(
    ("_case", "row", "verdict"),
    [
        ("no password", "102,,Lee,,", "line 3: 102: refused: A password is needed."),
        ("no user name", ",blue-window-8,Lee,,", "line 3: -: refused: username: This field cannot be blank."),
        ("no cell but one", "102", "line 3: 102: refused: A password is needed."),
        (
            "no e-mail address",
            "102,blue-window-8,,nowhere,",
            "line 3: 102: refused: email: Enter a valid email address.",
        ),
        ("a pickup code", "33,blue-window-8,,,", "line 3: 33: refused: username: “33” is a pickup code."),
        ("the same again", "101,blue-window-8,,,", "line 3: 101: refused: Already in line 2."),
        ("a null character", "102,blue-window-8,L\0e,,", "line 3: -: refused: Control characters, or not UTF-8."),
        ("a bare comma", "102,blue-window-8,Lee, Ann,,", None),
        ("a group's name too long", f"102,blue-window-8,,,{'x' * 65}", None),
    ],
)
def test_a_refused_row_stops_no_other(_case, row, verdict, run):
    lines, good = run(HEADER + f"101,right-battery-7,Kim,,\r\n{row}\r\n103,green-door-9,,,\r\n")

    assert not good
    assert lines[0] == "line 2: 101: created"
    assert lines[1] == verdict if verdict else ": refused: " in lines[1]
    assert lines[2:] == [
        "line 4: 103: created",
        "2 created, 0 updated, 0 unchanged, 1 refused",
        "1 of 3 rows refused",
    ]
    assert set(Subscriber.objects.values_list("username", flat=True)) == {"101", "103"}
    assert "blue-window-8" not in "".join(lines)


def test_a_refused_row_leaves_no_group_behind(run):
    run(HEADER + f"101,right-battery-7,,,sales;{'x' * 65}\r\n")

    assert not PickupGroup.objects.exists()


def test_bytes_that_are_not_utf_8_are_refused_in_their_row_alone(run):
    lines, good = run(
        HEADER.encode() + b"101,right-battery-7,J\xf6rg,,\r\n102,blue-window-8,\xeb\xaf\xbc\xec\xa7\x80,,\r\n"
    )

    assert not good
    assert lines[0] == "line 2: -: refused: Control characters, or not UTF-8."
    assert Subscriber.objects.get().display_name == "민지"


def test_a_byte_order_mark_blank_lines_and_empty_rows_do_not_matter(run):
    lines, good = run(b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n101,right-battery-7,,,\r\n,,,,\r\n\r\n")

    assert good
    assert lines[-1] == "1 created, 0 updated, 0 unchanged, 0 refused"


def test_a_dry_run_gives_the_same_verdicts_and_changes_nothing(run, store):
    run(HEADER + "101,right-battery-7,Kim,,\r\n")
    before = store.get(keys.directory_subscriber("101@pbx.test"))
    content = HEADER + "101,right-battery-7,Lee,,sales\r\n102,blue-window-8,,,sales\r\n102,other,,,\r\n"

    dry, _ = run(content, "--dry-run")

    assert dry[-2].endswith("(dry run: nothing was changed)")
    assert store.get(keys.directory_subscriber("101@pbx.test")) == before
    assert Subscriber.objects.get().display_name == "Kim"
    assert not PickupGroup.objects.exists()
    real, _ = run(content)
    assert (
        real[:3]
        == dry[:3]
        == [
            "line 2: 101: updated",
            "line 3: 102: created",
            "line 4: 102: refused: Already in line 3.",
        ]
    )


@pytest.mark.parametrize(
    ("_case", "content", "sentence"),
    [
        ("nothing", "", "Column username, password is missing"),
        ("no header", "101,right-battery-7\r\n", "Column username, password is missing"),
        ("semicolons", "username;password\r\n101;x\r\n", "Column username, password is missing"),
        ("an unknown column", "username,password,phone\r\n", "Column “phone” is not known"),
        ("a column twice", "username,password,password\r\n", "A column is there twice"),
    ],
)
def test_a_file_with_other_columns_is_refused_as_a_whole(_case, content, sentence, run):
    lines, good = run(content)

    assert not good
    assert len(lines) == 1
    assert sentence in lines[0]


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_subscribers", str(tmp_path / "nobody.csv"))
