"""The Korean catalogue is complete, and what is compiled is what is written.

To mend a failure: `manage.py makemessages -l ko --no-obsolete` (and `-d djangojs`), translate, `manage.py compilemessages`.
"""

from __future__ import annotations

import ast
import gettext
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[3]
CATALOGUES = ROOT / "locale" / "ko" / "LC_MESSAGES"
CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
PLACEHOLDER = re.compile(r"%\((\w+)\)s|%s")


def entries(domain: str) -> Iterator[dict[str, str]]:
    """The entries of a .po file: what msgfmt reads, without msgfmt."""
    entry: dict[str, str] = {}
    field = ""
    for line in [*(CATALOGUES / f"{domain}.po").read_text(encoding="utf-8").splitlines(), 'msgid ""']:
        if line.startswith("#, ") and "fuzzy" in line:
            entry["fuzzy"] = "yes"
        elif line.startswith('"'):
            entry[field] += ast.literal_eval(line)
        elif line.startswith("msg"):
            field, _, text = line.partition(" ")
            if field == "msgid":
                if entry.get("msgid"):
                    yield entry
                entry = {}
            entry[field] = ast.literal_eval(text)


def marked_in_python(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=text), *_]) if name in CALLS:
                yield text


def marked_in_scripts(text: str) -> Iterator[str]:
    for literal in re.findall(r'gettext\(\s*("(?:[^"\\]|\\.)*")', text):
        yield ast.literal_eval(literal)


def marked_in_templates(text: str) -> Iterator[str]:
    """What Django itself would hand to xgettext."""
    for literal in re.findall(r"gettext\(u?(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')", templatize(text)):
        yield ast.literal_eval(literal)


def marked(domain: str) -> set[str]:
    if domain == "djangojs":
        files = (ROOT / "static" / "js").glob("*.js")
        return {text for path in files for text in marked_in_scripts(path.read_text(encoding="utf-8"))}
    python = [path for path in (ROOT / "pbx").rglob("*.py") if "migrations" not in path.parts]
    templates = (ROOT / "templates").rglob("*.html")
    return {text for path in python for text in marked_in_python(path.read_text(encoding="utf-8"))} | {
        text for path in templates for text in marked_in_templates(path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_every_sentence_is_translated_and_no_translation_is_left_over(domain):
    translated = {entry["msgid"] for entry in entries(domain)}

    assert marked(domain) - translated == set(), "not in the catalogue"
    assert translated - marked(domain) == set(), "no longer used"


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_no_translation_is_empty_or_a_guess(domain):
    for entry in entries(domain):
        assert "fuzzy" not in entry, entry["msgid"]
        assert entry.get("msgstr") or entry.get("msgstr[0]"), entry["msgid"]


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_translations_keep_the_placeholders(domain):
    for entry in entries(domain):
        translation = entry.get("msgstr") or entry["msgstr[0]"]
        assert sorted(PLACEHOLDER.findall(entry["msgid"])) == sorted(PLACEHOLDER.findall(translation)), entry["msgid"]


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_the_compiled_catalogue_is_the_written_one(domain):
    with (CATALOGUES / f"{domain}.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    for entry in entries(domain):
        if "msgid_plural" in entry:
            assert compiled.ngettext(entry["msgid"], entry["msgid_plural"], 2) == entry["msgstr[0]"]
        else:
            assert compiled.gettext(entry["msgid"]) == entry["msgstr"]


def test_a_page_speaks_the_language_that_was_chosen(page):
    page.post("/i18n/setlang/", {"language": "ko", "next": "/subscribers/"})

    text = page.get("/subscribers/").content.decode()

    assert '<html lang="ko"' in text
    assert "첫 가입자 만들기" in text
    assert json.dumps("새 이벤트 %s개") in page.get("/i18n/words.js").content.decode()
