"""Text from strangers, made safe to show.

A team name or a hand-in's output can move the cursor, reverse the line or hide letters. Such
characters are shown as escapes, on a terminal and in a JSON file alike.
"""

import re

# C0, DEL and C1; soft hyphen; bidirectional and zero-width format characters; line and paragraph
# separators; the invisible operators; the byte order mark; annotation and tag characters.
_INVISIBLE = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f"
)
_SURROGATES = "\ud800-\udfff"
_UNSAFE = re.compile(f"[{_INVISIBLE}{_SURROGATES}]")
_UNSAFE_BUT_NEWLINE = re.compile(f"(?!\n)[{_INVISIBLE}{_SURROGATES}]")
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
