"""Names of files, and texts as they are shown."""

from hypothesis import given
from hypothesis import strategies as st
from page_scores import HOSTILE

from leaderboard.page.names import OURS, desk_page, file_name, label, sentence

NAMES = st.one_of(st.text(), st.sampled_from(HOSTILE), st.from_regex(r"[a-zA-Z0-9.-]{1,40}"))


@given(NAMES)
def test_a_file_name_is_harmless(name: str) -> None:
    """It is short, plain, lower-case, and one that we would know for ours."""
    for kind in ("team", "challenge"):
        made = file_name(kind, name)  # type: ignore[arg-type]

        assert OURS.fullmatch(made)
        assert made == made.lower()
        assert len(made) < 80


@given(NAMES, NAMES)
def test_different_names_have_different_files(one: str, other: str) -> None:
    """No two teams share a page, whatever they call themselves."""
    assert (file_name("team", one) == file_name("team", other)) == (one == other)


def test_a_name_made_like_a_hashed_one_does_not_meet_it() -> None:
    """A team cannot call itself what another team's file is called."""
    theirs = file_name("team", "Red")
    stem = theirs.removeprefix("team-").removesuffix(".html")

    assert file_name("team", stem) != theirs


def test_plain_names_stay() -> None:
    """The page of a challenge or a plain team can be guessed."""
    assert file_name("challenge", "05") == "challenge-05.html"
    assert file_name("team", "red") == "team-red.html"
    assert (desk_page(1), desk_page(2)) == ("desk.html", "desk-2.html")


@given(NAMES)
def test_a_label_is_one_short_visible_line(name: str) -> None:
    """Whatever the name, there is something to see, and not much of it."""
    made = label(name)

    assert 0 < len(made) <= 32
    assert made.isprintable() or not made.isascii()
    assert made.strip()


def test_sentences_keep_their_lines_and_lose_their_tricks() -> None:
    """Messages have line breaks; control and bidirectional characters show as escapes."""
    assert sentence("a\nb\u202e\x1b[0m") == "a\nb\\u202e\\x1b[0m"
    assert len(sentence("x" * 10_000)) == 1200
