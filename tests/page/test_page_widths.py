"""Names shortened by an estimate of their width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.page.widths import ELLIPSIS, MARGIN, shortened, text_width


@given(st.text(max_size=600), st.floats(3, 40))
def test_a_shortened_name_fits(name: str, room: float) -> None:
    """Whatever the letters, the estimate of what is left is no more than its room."""
    assert text_width(shortened(name, room)) * MARGIN <= room + 1e-9


@given(st.text(max_size=600))
def test_a_name_with_room_is_whole(name: str) -> None:
    """Nothing is cut that fits."""
    if len(name) <= 400:
        assert shortened(name, text_width(name) * MARGIN + 1e-9) == name


def test_start_and_end_are_kept() -> None:
    """Groups with numbers can be told apart, with one ellipsis."""
    made = [shortened(f"Department of Machine Learning, group {one}", 11) for one in (1, 2)]

    assert made == ["Department…group 1", "Department…group 2"]


@pytest.mark.parametrize(
    ("wide", "narrow"), [("W", "i"), ("M", "n"), ("A", "a"), ("深", "M"), ("Ａ", "A"), ("🦊", "深")]
)
def test_letters_are_as_wide_as_they_look(wide: str, narrow: str) -> None:
    """Capitals are wider than small letters, and what Chinese is written in is wider than both."""
    assert text_width(wide) > text_width(narrow)


def test_marks_have_no_width_and_keep_their_letters() -> None:
    """An accent that is a character of its own takes no room, and does not settle on the ellipsis."""
    made = shortened("e\u0301" * 40, 6)

    assert text_width("e\u0301") == text_width("e")
    assert made[made.index(ELLIPSIS) + 1] == "e"
