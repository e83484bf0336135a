"""Sentences about hand-ins that cannot be graded: what, where, and what to do next."""

from __future__ import annotations

import difflib

from grader.worker import wire

ON_META = (
    "\nThis was tried on the meta device, which stands in for a GPU: whatever you create must go where "
    "the inputs are (device=x.device)."
)
NAMES_KEPT = 1000


def raised(types: list[str], text: str, lines: list[wire.Line]) -> str:
    """Return an exception of the hand-in in words, with the learner's own lines."""
    kind = types[0] if types else "an exception"
    # torch puts the frames of its own C++ behind some messages.
    text = text.partition("\nException raised from ")[0]
    first = f"{kind}: {text}" if text else kind
    if kind == "EOFError":
        first += " (nobody is at the keyboard while a hand-in is graded: do not call input())"
    return "\n".join([first, *_places(lines)])


def _places(lines: list[wire.Line]) -> list[str]:
    """Return the last four different lines: an endless recursion repeats itself."""
    distinct = list(dict.fromkeys(_place(line) for line in lines))
    return distinct[-4:]


def does_not_compile(error: wire.Raised) -> str:
    """Return words for a hand-in that Python cannot compile."""
    if "SyntaxError" not in error.types:
        return f"The hand-in cannot be read as Python. {raised(error.types, error.message, [])}"
    where = f" in line {error.lines[0].number}" if error.lines else ""
    text = "\n".join(f"    {part}" for line in error.lines for part in line.text.splitlines())
    kind = error.types[0]
    return f"The hand-in is not valid Python{where}: {error.message} ({kind}).\n{text}".rstrip()


def does_not_import(error: wire.Raised) -> str:
    """Return words for a hand-in that raises while it is imported."""
    text = raised(error.types, error.message, error.lines)
    if "ModuleNotFoundError" in error.types:
        return (
            f"The hand-in cannot be imported. {text}\n"
            "Only torch, numpy and the standard library are there, and Python files that lie beside "
            "the hand-in when you hand in a folder."
        )
    if "SystemExit" in error.types or "KeyboardInterrupt" in error.types:
        return (
            f"The hand-in ended itself while it was imported. {text}\n"
            'Put code that runs on its own under `if __name__ == "__main__":`.'
        )
    return f"The hand-in raises while it is imported. {text}"


def names_missing(loaded: wire.Loaded, wanted: tuple[str, ...]) -> str | None:
    """Return words for a hand-in that lacks a name or leaves it abstract, None if it has all."""
    # The lists come from a stranger: what was not asked for is not listened to, nor endless lists.
    names = loaded.names[:NAMES_KEPT]
    missing = [name for name in wanted if name in loaded.missing]
    abstract = [name for name in wanted if name in loaded.abstract]
    if missing:
        absent = [name for name in missing if name not in names]
        several = f"The hand-in must define {', '.join(wanted)}. " if len(wanted) > 1 else ""
        if len(absent) > 2:
            return f"{several}It lacks {', '.join(absent)}: keep every name of the stub."
        return several + " ".join(_missing(name, names) for name in missing)
    if abstract:
        return f"{', '.join(abstract)} is abstract and cannot be built: implement its abstract methods."
    return None


def _missing(name: str, names: list[str]) -> str:
    if name in names:
        return f"{name} is not something that can be called: define it as a function or a class."
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    did_you_mean = f" Did you mean to call your {near[0]} that?" if near else ""
    return f"The hand-in does not define {name}.{did_you_mean}"


def _place(line: wire.Line) -> str:
    where = f"  {line.file}, line {line.number}"
    where += f", in {line.function}" if line.function not in ("", "<module>") else ""
    code = "\n".join(f"      {part}" for part in line.text.splitlines())
    return f"{where}\n{code}" if code else where
