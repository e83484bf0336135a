"""Text from strangers, made safe to show.

A team name or a hand-in's output can move the cursor, reverse the line or hide letters. Such
characters are shown as escapes, on a terminal and in a JSON file alike.
"""

import re

# C0, DEL and C1; soft hyphen; bidirectional and zero-width format characters; line and paragraph
# separators; the invisible operators; the byte order mark; annotation, shorthand, musical and tag
# characters; letters that are blank by design; variation selectors.
_INVISIBLE = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb"
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SURROGATES = "\ud800-\udfff"
# The selector for coloured emoji is at home behind one; behind a letter it only makes a double.
_STRAY_SELECTOR = "(?<![\xa9\xae\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff])\ufe0f"
_UNSAFE = re.compile(f"[{_INVISIBLE}{_SURROGATES}]|{_STRAY_SELECTOR}")
_UNSAFE_BUT_NEWLINE = re.compile(f"(?!\n)[{_INVISIBLE}{_SURROGATES}]|{_STRAY_SELECTOR}")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str, *, multiline: bool = False) -> str:
    r"""Show control, bidirectional and invisible characters as escapes such as ``\x1b``.

    Ordinary letters of any script stay. Newlines stay only with `multiline`, which also takes
    ``\r\n`` for a newline.
    """
    if not multiline:
        return _UNSAFE.sub(_python_escape, text)
    return _UNSAFE_BUT_NEWLINE.sub(_python_escape, text.replace("\r\n", "\n"))


def printable_json(document: str) -> str:
    r"""Write the same characters inside a JSON document as JSON escapes; its values stay equal.

    Lone surrogates have no place in UTF-8: they become the six visible characters ``\udXXX``.
    """
    return _UNSAFE_BUT_NEWLINE.sub(_json_escape, document)


def clip(text: str, width: int) -> str:
    """Cut `text` to at most `width` characters; a cut shows as an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _python_escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        return f"\\\\u{code:04x}"
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    units = char.encode("utf-16-be").hex()
    return f"\\u{units[:4]}\\u{units[4:]}"
