"""leaderboard.text"""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.text import clip, printable, printable_json

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x00\x7f\x85\x9b", r"\x00\x7f\x85\x9b"),
        ("evil\u202egnp.exe", r"evil\u202egnp.exe"),
        ("\u2066\u2069\u200b\u200f\ufeff", r"\u2066\u2069\u200b\u200f\ufeff"),
        ("\u2028", r"\u2028"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("Zoë 東京 Ωμέγα 🔥 שלום \\", "Zoë 東京 Ωμέγα 🔥 שלום \\"),
    ],
)
def test_tricks_are_escaped_and_letters_stay(raw: str, shown: str) -> None:
    """What acts on a terminal is shown as an escape; ordinary text of any script stays."""
    assert printable(raw) == shown


def test_newlines_stay_only_when_asked_for() -> None:
    """Text of several lines keeps its lines, also those of Windows, and nothing else."""
    assert printable("a\r\nb\nc\rd\te", multiline=True) == "a\nb\nc\\rd\\te"


@given(ANY_TEXT, st.booleans())
def test_nothing_that_acts_is_left(text: str, multiline: bool) -> None:
    """No control character or surrogate survives, and showing twice changes nothing."""
    shown = printable(text, multiline=multiline)

    kept = {unicodedata.category(char) for char in shown if not (multiline and char == "\n")}
    assert not kept & {"Cc", "Cs", "Zl", "Zp"}
    assert printable(shown, multiline=multiline) == shown


@given(st.text())
def test_escapes_in_json_keep_the_value(text: str) -> None:
    """A JSON document with escapes means what it meant, and is safe to print."""
    document = printable_json(json.dumps([text], ensure_ascii=False, indent=2))

    assert json.loads(document) == [text]
    assert printable(document, multiline=True) == document


def test_a_lone_surrogate_becomes_visible_text_in_json() -> None:
    """What UTF-8 cannot hold is spelled out."""
    assert json.loads(printable_json('["a\ud800b"]')) == [r"a\ud800b"]


def test_a_cut_is_visible() -> None:
    """Text longer than the width ends in an ellipsis and fits."""
    assert (clip("abcd", 4), clip("abcde", 4)) == ("abcd", "abc…")
