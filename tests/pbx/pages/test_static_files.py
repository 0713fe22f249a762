"""What is vendored is what was published, and the pages ask for nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from pbx.event_log import KINDS
from sipcore.contract.calls import BRANCH_STATES, CALL_STATES
from sipcore.contract.events import CATALOGUE, OURS

ROOT = Path(__file__).resolve().parents[3]
STATIC = ROOT / "static"
VENDORED = sorted((STATIC / "vendor").iterdir())
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in (STATIC / "js").glob("*.js")}
TEMPLATES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")}


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_files_are_the_ones_named_with_their_licence(folder):
    told = json.loads((folder / "VENDOR.json").read_text())
    there = {path.name for path in folder.iterdir()} - {"VENDOR.json", "LICENSE"}

    assert folder.name.endswith(told["version"])
    assert (folder / "LICENSE").stat().st_size > 500
    assert told["integrity"].startswith("sha512-")
    assert {name: hashlib.sha512((folder / name).read_bytes()).hexdigest() for name in there} == told["files"]


def test_the_sprite_has_every_icon_that_is_used_and_no_other():
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "vendor/tabler-icons-3.51.0/sprite.svg").read_text()))
    used = {name for text in TEMPLATES.values() for name in re.findall(r'{% icon "([\w-]+)"|symbol="([\w-]+)"', text)}
    names = {first or second for first, second in used}
    for text in SCRIPTS.values():
        names |= set(re.findall(r'\bicon\("([\w-]+)"', text))
    names |= set(re.findall(r'(?:E_\w+: |\|\| )\["([\w-]+)"', SCRIPTS["words.js"]))

    assert names == sprite


def test_nothing_comes_from_another_host():
    for path, text in TEMPLATES.items():
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text), path
    for name, text in SCRIPTS.items():
        assert not re.search(r'"https?://(?!www\.w3\.org/2000/svg)', text), name


def test_scripts_build_no_markup_from_strings():
    for name, text in SCRIPTS.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function", text), name


def test_templates_trust_nothing_they_are_given():
    for path, text in TEMPLATES.items():
        assert not re.search(r"\|safe\b|autoescape off", text), path


def test_every_event_that_is_shown_has_a_sentence_with_attributes_that_it_has():
    sentences = dict(re.findall(r'(E_\w+): \["[\w-]+", "\w+", \(\) => gettext\("([^"]+)"\)\]', SCRIPTS["words.js"]))

    assert {name for name in OURS if CATALOGUE[name].shown} <= set(sentences) <= OURS
    for name, sentence in sentences.items():
        assert set(re.findall(r"%\((\w+)\)s", sentence)) <= set(CATALOGUE[name].attributes), name


def test_the_scripts_know_every_state_of_the_contract():
    board = SCRIPTS["board.js"]
    states = re.search(r"const STATES = {(.*?)};", board, re.S)[1]
    branches = re.search(r"const BRANCHES = {(.*?)};", board, re.S)[1]

    assert tuple(re.findall(r"^  (\w+):", states, re.M)) == CALL_STATES
    assert tuple(re.findall(r"^  (\w+):", branches, re.M)) == BRANCH_STATES


def test_page_and_log_narrow_events_by_the_same_table():
    table = re.search(r"const KINDS = ({.*?});", SCRIPTS["feed.js"], re.S)[1]
    kinds = {
        name: tuple(re.findall(r'"(\w+)"', starts)) for name, starts in re.findall(r"(\w+): \[(.*?)\]", table, re.S)
    }

    assert kinds == dict(KINDS)
