"""Pull requests that mean harm: none changes its grade, runs outside the walls, or learns a secret.

Where a pull request is refused or rejected nothing is graded, so those tests are quick. What is harmless is
put beside a hand-in of 40 points, whose grade has to stay 40.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from git_repository import Git

from grader import git_process
from grader.ci.guarding import GUARDS

SECRET = "hush-5f1c2e"  # that of the fixture `place`
HAND_IN = "hand-ins/red/90_mini.py"
HARM = "import os\nfor name, value in os.environ.items():\n    print(name, value)\n"
HARM += "open('{marker}', 'w').write('ran')\n"
Place = Any


def grade(place: Place, head: str, *more: str, **named: str) -> dict[str, Any]:
    """The report of a pull request; whatever it says, no secret is in it."""
    code, report = place.report(head, *more, **named)
    assert report["exit_code"] == code
    assert SECRET not in place.written() + str(report)
    return dict(report)


# What makes it refuse.


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("challenges/04_causal_attention/specs/test_attention.py", "the challenges"),
        ("challenges/04_causal_attention/solution.py", "the challenges"),
        ("Challenges/04_causal_attention/challenge.toml", "the challenges"),
        ("starter/04_causal_attention.py", "the challenges"),
        ("sealed/04.AGE", "the challenges"),
        (".github/workflows/grade.yml", "the workflows"),
        (".GitHub/workflows/grade.yml", "the workflows"),
        (".gitlab-ci.yml", "the workflows"),
        ("Jenkinsfile", "the workflows"),
        ("action.yml", "the workflows"),
        ("docs/ci/grade.sh", "the workflows"),
        ("grader/grading.py", "the grader"),
        ("pyproject.toml", "the grader"),
        ("constraints.txt", "the grader"),
        ("hatch.toml", "the grader"),
        ("hatch_build.py", "the grader"),
        ("MANIFEST.in", "the grader"),
        ("Requirements-dev.txt", "the grader"),
        ("uv.lock", "the grader"),
        (".python-version", "the grader"),
        (".gitignore", "the grader"),
        ("leaderboard/scores/04/red/forged.json", "the grader"),
        ("leaderboard.toml", "the scores"),
    ],
)
def test_what_decides_later_gradings_is_refused(place: Place, path: str, what: str) -> None:
    """Changes to challenges, workflows, the grader and the scores refuse the whole pull request, in a
    sentence that names them; also with other capital letters, and also as removals."""
    report = grade(place, place.commit({path: "x", HAND_IN: place.right}))
    there = place.commit({path: "x"})
    gone = place.git.commit({HAND_IN: place.right}, removed=(path,), onto=there)
    removal = grade(place, gone, base=there)

    for one in (report, removal):
        assert (one["exit_code"], one["hand_ins"]) == (3, [])
        assert [f"It changes {what}" in sentence for sentence in one["refusals"]] == [True]
        assert path in one["refusals"][0]


def test_places_in_use_are_protected_wherever_they_lie(place: Place, tmp_path: Path) -> None:
    """A store inside the repository's folder is protected by its place, and more by --protect."""
    clone = Git(tmp_path / "clone")
    base = clone.commit({"README.md": "x"})
    store = clone.path / "results" / "Scores"
    for path, more in (
        ("results/scores/90_mini/red/x.json", ["--store", str(store)]),
        ("secret/x", ["--protect", "Secret/"]),
        ("rules.md", ["--protect", "rules.md"]),
    ):
        place.git, place.base = clone, base
        report = grade(place, place.commit({path: "x", HAND_IN: place.right}), *more)

        assert report["hand_ins"] == []
        assert path in report["refusals"][0]


def in_a_checkout(place: Place, folder: Path) -> Git:
    """Let the pull request be one of a clone with a working tree, in which scores lie."""
    clone = Git(folder)
    place.git, place.base = clone, clone.commit({"scores/a.json": "{}"}, branch="main")
    return clone


@pytest.mark.parametrize("repository", [".", ".git", "../bare.git"])
@pytest.mark.parametrize("store", ["scores", "linked/scores"])
def test_places_in_use_are_protected_whichever_way_the_repository_is_named(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: str, store: str
) -> None:
    """The folder `.git`, or a bare repository of the same objects, says nothing of the working tree: the
    store is protected by its place in the tree around it, by its name and by where a link leads."""
    clone = in_a_checkout(place, tmp_path / "clone")
    head = place.commit({f"{store}/forged.json": "{}", HAND_IN: place.right}, branch="topic")
    clone("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    (clone.path / "linked").symlink_to(".")
    monkeypatch.chdir(clone.path)
    more = ("--repo", repository, "--store", store)

    assert f"{store}/forged.json" in grade(place, head, *more)["refusals"][0]


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("results", "results/a.json"),
        ("results", "Results"),
        ("./results/", "results/a.json"),
        ("results//x/", "results/x/a.json"),
        ("results/*.json", "results/a.JSON"),
        ("results/f*", "results/forged/a.json"),
        ("*.pt", "deep/down/a.pt"),
        ("**/rules.md", "deep/down/rules.md"),
    ],
)
def test_what_can_be_protected(place: Place, pattern: str, path: str) -> None:
    """Files, folders with all below them, and `*` in names are protected by --protect."""
    head = place.commit({path: "x", HAND_IN: place.right})
    near = place.commit({f"other/results.txt/{path}x": "x"})

    assert path in grade(place, head, "--protect", pattern)["refusals"][0]
    assert grade(place, near, "--protect", pattern)["exit_code"] == 0


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        ".",
        "/",
        "/results/",
        "../x",
        "a/../b",
        "**",
        "a/**/b",
        "a/[b]",
        "a?",
        "{team}/x",
        "a\\b",
    ],
)
def test_a_pattern_that_would_protect_nothing_is_wrong_usage(place: Place, pattern: str) -> None:
    """What --protect does not understand is said, instead of protecting nothing."""
    done = place.run(place.base, "--protect", pattern)

    assert done.code == 2
    assert "--protect takes a path from the top" in done.err


@pytest.mark.parametrize(
    ("path", "more"), [("Docs", ()), ("results", ("--protect", "results/old/scores/"))]
)
def test_a_link_in_the_place_of_a_folder_above_is_refused(
    place: Place, path: str, more: tuple[str, ...]
) -> None:
    """Where the base has nothing there yet, a link or a submodule above a protected folder decides what
    will lie in it; a file beside it does not."""
    beside = place.commit({f"{path}.md": "x", "documents": "x"}, modes={"documents": "120000"})
    for mode, content in (("120000", "hand-ins"), ("160000", place.base)):
        head = place.commit({path: content, HAND_IN: place.right}, modes={path: mode})

        assert f": {path}." in grade(place, head, *more)["refusals"][0]
    assert grade(place, beside, *more)["exit_code"] == 0


@pytest.mark.parametrize("name", [one.pattern for one in GUARDS if one.pattern.endswith("/")])
def test_a_link_in_the_place_of_a_protected_folder_is_refused(place: Place, name: str) -> None:
    """Instead of a folder a pull request might bring a link to another one, or a submodule."""
    for mode, content in (("120000", "hand-ins"), ("160000", place.base)):
        folder = name.removesuffix("/")
        head = place.commit({folder: content, HAND_IN: place.right}, modes={folder: mode})

        assert "It changes" in grade(place, head)["refusals"][0]


def mktree(git: Git, *entries: tuple[str, str, bytes]) -> str:
    """Write a tree as nobody's checkout has it."""
    data = b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(blob) for mode, blob, name in entries
    )
    return git.tree(data)


@pytest.mark.parametrize(
    "name",
    [
        b"..",
        b".",
        b".git",
        b".GIT",
        ".g\u200cit".encode(),
        "\ufeff.gIt".encode(),
        b"git~1",
        b"GIT~1 .",
        b".git.",
        b".git ",
        b".git . .",
        b".git::$INDEX_ALLOCATION",
        b".git\\config",
    ],
)
def test_names_that_no_checkout_can_have_are_refused(place: Place, name: bytes) -> None:
    """A team's folder called `..`, or whatever else only hand-written trees hold, is refused; so is what
    the file systems of Macs and of Windows take for `.git`."""
    file = mktree(place.git, ("100644", place.git.blob(place.right.encode()), b"90_mini.py"))
    hand_ins = mktree(place.git, ("40000", file, name))
    top = mktree(place.git, ("40000", hand_ins, b"hand-ins"))
    head = place.git("commit-tree", top, "-p", place.base, "-m", "x")

    assert "names that no checkout can have" in grade(place, head)["refusals"][0]


def test_one_name_twice_is_refused(place: Place) -> None:
    """A tree with two files of the same name is nobody's hand-in: which of them would be merged?"""
    first, second = place.git.blob(b"a"), place.git.blob(place.right.encode())
    file = mktree(place.git, ("100644", first, b"90_mini.py"), ("100644", second, b"90_mini.py"))
    red = mktree(place.git, ("40000", file, b"red"))
    top = mktree(place.git, ("40000", red, b"hand-ins"))
    head = place.git("commit-tree", top, "-p", place.base, "-m", "x")

    assert "the same name twice" in grade(place, head)["refusals"][0]


@pytest.mark.parametrize("other", ["Red", "rEd", "RED"])
def test_names_that_differ_in_case_only_are_refused(place: Place, other: str) -> None:
    """Two teams that are one folder on some file systems are told apart by nobody."""
    head = place.commit({HAND_IN: "x", f"hand-ins/{other}/90_mini.py": place.right})
    report = grade(place, head)

    assert report["hand_ins"] == []
    assert report["exit_code"] == 3


def test_unrelated_histories_are_not_compared(place: Place) -> None:
    """Without a common ancestor nobody can tell what was changed."""
    head = place.git.commit({HAND_IN: place.right})
    done = place.run(head)

    assert done.code == 2
    assert "no common ancestor" in done.err


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of git from here on."""
    calls: list[str] = []
    run = git_process.run

    def noted(where: dict[str, str], *arguments: str, **more: Any) -> Any:
        calls.append(arguments[0])
        return run(where, *arguments, **more)

    monkeypatch.setattr(git_process, "run", noted)
    return calls


def test_ten_thousand_hand_ins_are_refused_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More hand-ins than are allowed are counted, with no call of git for each, and not graded."""
    blob = place.git.blob(place.right.encode())
    lines = "".join(f"100644 {blob}\thand-ins/team{n}/90_mini.py\0" for n in range(10_000))
    place.git("update-index", "-z", "--index-info", stdin=lines.encode())
    head = place.git("commit-tree", place.git("write-tree"), "-p", place.base, "-m", "many")
    asked = counted(monkeypatch)
    report = grade(place, head)

    assert report["refusals"] == [
        "It changes 10000 hand-ins, and 20 are allowed in one pull request."
    ]
    assert len(asked) < 12


# What is rejected, and the rest not graded for it.


@pytest.mark.parametrize(
    ("mode", "words"),
    [("120000", "is a symbolic link"), ("160000", "is a submodule")],
)
def test_a_hand_in_that_is_no_file_is_ungradable(
    place: Place, tmp_path: Path, mode: str, words: str
) -> None:
    """A link to the file of the key, or a submodule, is named for what it is, and never followed."""
    key = tmp_path / "key.txt"
    key.write_text(SECRET)
    content = str(key) if mode == "120000" else place.base
    report = grade(place, place.commit({HAND_IN: content}, modes={HAND_IN: mode}))
    (hand_in,) = report["hand_ins"]

    assert (report["exit_code"], hand_in["status"]) == (3, "ungradable")
    assert words in place.written()


@pytest.mark.parametrize(
    "team",
    [
        b".hidden",
        b" red",
        b"red\n",
        b"r\xffd",
        "re\u200bd".encode(),
        "re\u0301d".encode(),
        b"a\\b",
        b"x" * 101,
        b"\x1b[2J",
    ],
)
def test_a_folder_that_can_name_no_team_is_rejected(place: Place, team: bytes) -> None:
    """Control characters, bytes that are no text, and invisible letters are not recorded as a team."""
    head = place.commit({b"hand-ins/" + team + b"/90_mini.py": place.right})
    report = grade(place, head)

    assert (report["exit_code"], report["hand_ins"]) == (3, [])
    assert "the name of a team" in report["rejected"][0]["reason"]
    assert re.search("[\x00-\x09\x0b-\x1f\x7f\u200b\ud800-\udfff]", place.written()) is None


def test_a_large_file_is_never_read(place: Place) -> None:
    """A hand-in of 200 MB is ungradable by its size; beside a hand-in a large file is not looked at."""
    head = place.commit({HAND_IN: bytes(200 << 20)})
    report = grade(place, head)

    assert [one["status"] for one in report["hand_ins"]] == ["ungradable"]
    assert "larger than 1 MiB" in place.written()


# What is harmless: the hand-in's grade stays what it is.

HARMLESS: dict[bytes | str, bytes | str] = {
    "conftest.py": "",
    "hand-ins/red/conftest.py": "",
    "hand-ins/red/sitecustomize.py": "",
    "hand-ins/red/evil.pth": "import os; os.system('touch {marker}')\n",
    "hand-ins/red/pytest.ini": "[pytest]\naddopts = -p no:kit\n",
    "hand-ins/red/torch.py": "",
    ".gitattributes": "*.py filter=evil diff=evil text working-tree-encoding=UTF-16\n",
    ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {marker}"\n',
    "hand-ins/red/requirements.txt": "evil\n",
    "hand-ins/.gitignore": "*\n",
    "tests/test_evil.py": "",
    b"names/a\nb.py": "",
    "names/$(touch {marker}).py": "",
    "names/`touch {marker}`.py": "",
    "names/| [x](www.example.org) ![y](z) @team **b**.py": "",
    "names/::set-output name=x::y": "",
    "names/::error::x.py": "",
    "names/##[add-mask]x": "",
    "--upload-pack=touch pwned": "",
    "-rf": "",
    b"names/\xff\xfe.py": "",
}


@pytest.mark.walls
def test_what_lies_beside_a_hand_in_changes_nothing(place: Place, tmp_path: Path) -> None:
    """Files that steer pytest, Python, pip or git, submodules, links, odd names and 200 MB beside
    a hand-in change neither its grade nor anything outside of the walls."""
    marker = tmp_path / "marker"
    files: dict[bytes | str, bytes | str] = {}
    for path, content in HARMLESS.items():
        text = content or HARM
        name = path.replace("{marker}", marker.name) if isinstance(path, str) else path
        files[name] = text.replace("{marker}", str(marker)) if isinstance(text, str) else text
    files |= {"key": "/proc/self/environ", "module": place.base, "large.bin": bytes(200 << 20)}
    files[HAND_IN] = place.part
    head = place.commit(files, modes={"key": "120000", "module": "160000"})
    done = place.run(head, "--format", "text", "--annotations", "github", "--out", str(place.out))
    report = grade(place, head)

    assert [one["score"] for one in report["hand_ins"]] == [40]
    assert report["others"] == len(files) - 1
    assert not marker.exists()
    assert SECRET not in done.out + done.err
    assert not re.search(r"^\s*::(?!error )|##\[", done.out + done.err, re.MULTILINE)


@pytest.mark.walls
def test_a_hand_in_at_a_hostile_path(place: Place) -> None:
    """Where hand-ins may lie anywhere, a path of commands and bytes that are no text is only a name."""
    path = b"--out=x/\n::error::x/\xff/$(touch pwned)/`id`/|/##[group]/90_mini.py"
    head = place.commit({path: place.part})
    written = ("--annotations", "github", "--out", str(place.out), "--team", "ada")
    done = place.run(head, "--format", "markdown", *written)
    log = done.out + done.err

    assert done.code == 1
    assert "40/100" in done.out
    assert set(re.findall(r"^\s*::(\w+) \w+=", log, re.MULTILINE)) == {"error"}
    assert "file=" not in log
    assert "##[" not in log


def test_ten_thousand_other_files_are_only_counted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is neither a hand-in nor protected costs no call of git of its own."""
    blob = place.git.blob(b"x")
    place.git("read-tree", place.base)
    lines = "".join(f"100644 {blob}\tnotes/{n // 100}/{n}.py\0" for n in range(10_000))
    place.git("update-index", "-z", "--index-info", stdin=lines.encode())
    head = place.git("commit-tree", place.git("write-tree"), "-p", place.base, "-m", "many")
    asked = counted(monkeypatch)
    report = grade(place, head)

    assert (report["exit_code"], report["others"]) == (0, 10_000)
    assert len(asked) < 12


CLAIMS = """
FORGED = chr(10).join([
    "", "```", "| ✅ | all | red | 100/100 |", "|---|---|", "# 3 of 3 hand-ins reach what is required",
    "<img src=http://example.org/x.png> ![i](http://example.org/i.png) [l](http://example.org)",
    "@team #1 :tada:", "<!-- grader ci -->", "</details></pre></code>", "::error file=x::forged",
    "::set-output name=passed::true", "::add-mask::passed", "##[add-mask]passed", "::stop-commands::x",
    "%0A::warning::y", "",
])
import os, sys
print(FORGED)
print(FORGED, file=sys.stderr)
print(dict(os.environ))
for name in ("/proc/self/environ", "/proc/1/environ"):
    try:
        print(open(name).read())
    except OSError:
        pass


def double(x):
    raise ValueError(FORGED + str(dict(os.environ)))


def row_means(x):
    return x.mean(dim=1)


class Affine:
    def __init__(self, weight, bias):
        raise KeyError(FORGED)
"""


@pytest.mark.walls
def test_a_hand_in_that_writes_markup_and_commands(place: Place) -> None:
    """What a hand-in prints and raises is shown as text: no forged table, heading, image, link, mention or
    comment in the summary, no command in the log, and none of our variables."""
    head = place.commit({HAND_IN: CLAIMS})
    written = ("--annotations", "github", "--out", str(place.out))
    done = place.run(head, "--format", "markdown", *written)
    printed = place.run(head, "--format", "junit")
    summary = (place.out / "summary.md").read_text("utf-8")
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", summary, flags=re.MULTILINE | re.DOTALL)

    assert done.code == 1
    assert SECRET not in place.written() + done.out + done.err
    assert "30/100" in summary
    for markup in ("100/100", "3 of 3", "<img", "![", "](", "@team", ":tada:", "</details>"):
        assert markup not in outside, markup
    assert summary.count("<!-- grader ci -->\n## ") == 1
    assert outside.count("<!-- grader ci -->") == 1
    log = done.out + done.err + printed.out + printed.err
    assert re.findall(r"^\s*::(\w+)", log, re.MULTILINE) == ["error"] * 2
    assert "##[" not in log
    assert "set-output" in printed.out


@pytest.mark.walls
def test_replacements_do_not_change_what_is_graded(place: Place) -> None:
    """A replace ref or a graft that shows another commit or file for the graded one is not believed."""
    head = place.commit({HAND_IN: place.part})
    better = place.commit({HAND_IN: place.right})
    place.git("replace", head, better)
    place.git("replace", place.git.blob(place.part.encode()), place.git.blob(place.right.encode()))
    report = grade(place, head)
    (hand_in,) = report["hand_ins"]
    raw = place.part.encode()

    assert (report["head"], hand_in["score"]) == (head, 40)
    assert hand_in["blob"] == hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest()


@pytest.mark.walls
def test_a_merge_commit_as_head(place: Place) -> None:
    """What a merge brings is graded like any change, and hides no change to the challenges."""
    side = place.git.commit({HAND_IN: place.part}, onto=place.base)
    evil = place.git.commit({"challenges/x": "y"}, onto=side)
    merges = [
        place.git("commit-tree", f"{one}^{{tree}}", "-p", place.base, "-p", one, "-m", "merge")
        for one in (side, evil)
    ]

    assert [one["score"] for one in grade(place, merges[0])["hand_ins"]] == [40]
    assert "the challenges" in grade(place, merges[1])["refusals"][0]


def test_the_configuration_of_the_repository_runs_nothing(place: Place, tmp_path: Path) -> None:
    """A repository whose configuration is full of programs is graded without any of them."""
    marker = tmp_path / "marker"
    head = place.commit({"challenges/x": "y"})
    for key in (
        "core.fsmonitor",
        "core.sshCommand",
        "diff.external",
        "core.pager",
        "diff.x.textconv",
    ):
        place.git("config", key, f"touch {marker}")
    report = grade(place, head)

    assert report["refusals"]
    assert not marker.exists()
    assert os.environ["KIT_SECRET"] == SECRET
