"""The house: who may import whom, what stays light, and how long things are."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grader
import leaderboard

ROOT = Path(grader.__file__).parent.parent
PACKAGES = {
    "grader": Path(grader.__file__).parent,
    "leaderboard": Path(leaderboard.__file__).parent,
}
# Lowest first. A module imports from layers below its own, and from its own without a cycle. A name
# with a dot at its end stands for a whole package.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "leaderboard leaderboard. grader grader.errors grader.tamper_names grader.worker."
        " grader.privacy grader.escapes grader.remedies grader.memory grader.keyring grader.xz"
        " grader.signatures grader.spec_list",
        "grader.challenge grader.submission grader.walls. grader.verdict grader.words grader.devices"
        " grader.doctor grader.sweeping grader.listening grader.pipes grader.archives grader.sealed"
        " grader.opening",
        "grader.advice grader.starting grader.transport grader.tolerance grader.operators grader.replay"
        " grader.comparing grader.keys grader.watching grader.git_process grader.git_objects"
        " grader.handout",
        "grader.entries",
        "grader.ci grader.ci.layout grader.ci.guarding",
        "grader.session",
        "grader.diagnosis grader.expectation grader.tamper",
        "grader.specs",
        "grader.judging grader.judge grader.warm_judge",
        "grader.supervising grader.grading grader.warm grader.planning",
        "grader.following grader.pool grader.verify",
        "grader.batch",
        "grader.ci.finding grader.ci.policy grader.ci.grading grader.ci.packing grader.events.",
        "grader.ci.report grader.ci.markdown grader.ci.annotations grader.ci.folder",
        "grader.render grader.specs_page grader.doctor_command grader.watch_screen grader.summary",
        "grader.watch_state",
        "grader.watch_loop",
        "grader.grade_command grader.verify_command grader.watch_command grader.batch_command"
        " grader.leaderboard_command grader.scores_command grader.seal_command grader.ci_command"
        " grader.event_command grader.export_command grader.page_command grader.front"
        " grader.cli grader.__main__",
    )
)
# numpy only to seed it: a hand-in may use it.
WORKER_IMPORTS = {"msgspec", "numpy", "safetensors", "torch"}
LEADERBOARD_IMPORTS = {"leaderboard", "msgspec", "tabulate"}
PAGE_IMPORTS = {"jinja2", "markupsafe", "watchfiles"}
# What the command line and the supervisor are made of; the judge and the worker are other processes.
SUPERVISOR = [
    f"grader.{name}"
    for name in (
        "__main__",
        "advice",
        "archives",
        "xz",
        "batch",
        "batch_command",
        "challenge",
        "ci.annotations",
        "ci.folder",
        "ci.markdown",
        "ci.packing",
        "ci_command",
        "cli",
        "comparing",
        "devices",
        "doctor",
        "entries",
        "event_command",
        "events.making",
        "events.running",
        "export_command",
        "following",
        "front",
        "grading",
        "handout",
        "keyring",
        "keys",
        "leaderboard_command",
        "listening",
        "memory",
        "opening",
        "page_command",
        "planning",
        "pool",
        "render",
        "scores_command",
        "seal_command",
        "sealed",
        "signatures",
        "spec_list",
        "starting",
        "submission",
        "summary",
        "supervising",
        "verdict",
        "verify",
        "walls",
        "warm",
        "watch_command",
        "watching",
        "words",
    )
]
MAX_MODULE, MAX_FUNCTION = 400, 40


def module_files() -> dict[str, Path]:
    """Every module of the two packages."""
    files = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if "data" not in parts[:1]:
                files[".".join([package, *parts]).removesuffix(".__init__")] = path
    return files


FILES = module_files()


def imported(name: str) -> set[str]:
    """The modules that a module imports, wherever in it the import stands."""
    path, found = FILES[name], set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"), path.name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*base, *filter(None, [node.module])]) if node.level else node.module
            assert source
            parts = {f"{source}.{alias.name}" for alias in node.names}
            found |= {part if part in FILES else source for part in parts}
    return found


def ours(name: str) -> set[str]:
    """The modules of the two packages among what a module imports."""
    return {other for other in imported(name) if other in FILES} - {name}


def layer(name: str) -> int:
    """The number of a module's layer."""
    for number, names in enumerate(LAYERS):
        if name in names or any(n.endswith(".") and f"{name}.".startswith(n) for n in names):
            return number
    raise LookupError(f"{name} has no place in LAYERS")


@pytest.mark.parametrize("name", FILES)
def test_nothing_imports_upward(name: str) -> None:
    """A module imports from its own layer and from those below, lazy imports included."""
    above = {other for other in ours(name) if layer(other) > layer(name)}

    assert above == set()


def test_there_are_no_cycles() -> None:
    """The imports of the two packages have an order; __init__ files count as modules."""
    order = graphlib.TopologicalSorter({name: ours(name) for name in FILES})

    assert set(order.static_order()) >= set(FILES)


def test_every_layer_is_inhabited() -> None:
    """No layer names a module that is no more."""
    named = {name for names in LAYERS for name in names if not name.endswith(".")}

    assert named <= set(FILES)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("grader.worker")])
def test_the_worker_stands_alone(name: str) -> None:
    """What runs beside a hand-in imports torch and its two formats, and nothing else of the kit."""
    roots = {other.partition(".")[0] for other in imported(name) - {"grader.worker"}}
    foreign = {other for other in ours(name) if not other.startswith("grader.worker")}

    assert foreign == set()
    # Started from boot.py the package is called kit_worker.
    assert roots <= WORKER_IMPORTS | {"grader", "kit_worker"} | sys.stdlib_module_names


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("leaderboard")])
def test_the_leaderboard_knows_no_grader(name: str) -> None:
    """The leaderboard imports nothing of grader, torch or pytest; only its page needs templates."""
    roots = {other.partition(".")[0] for other in imported(name)}
    allowed = LEADERBOARD_IMPORTS | (PAGE_IMPORTS if name.startswith("leaderboard.page") else set())

    assert roots <= allowed | sys.stdlib_module_names


HEAVY = {"torch", "pytest", "_pytest", "numpy"}


def loaded_after(statement: str) -> set[str]:
    """The modules in a fresh interpreter after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        (f"import {', '.join(SUPERVISOR)}", HEAVY | {"safetensors", "pyrage", "nacl"}),
        (
            "import grader.cli",
            {"torch", "pytest", "jinja2", "markupsafe", "watchfiles", "http.server"},
        ),
        ("import grader.worker.wire", {"torch", "numpy", "safetensors", "grader.challenge"}),
        ("import grader.judge", {"torch", "pytest", "numpy", "click"}),
    ],
    ids=["supervisor", "command_line", "wire", "judge_before_the_first_message"],
)
def test_light_modules_stay_light(statement: str, heavy: set[str]) -> None:
    """What has to start fast loads neither torch nor pytest by a detour."""
    assert loaded_after(statement) & heavy == set()


def test_no_module_is_too_long() -> None:
    """A module has fewer than 400 lines."""
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in FILES.items()}

    assert {name: n for name, n in lengths.items() if n >= MAX_MODULE} == {}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file with its length in lines, from `def` to the end."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno:
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_function_is_too_long() -> None:
    """A function has 40 lines at most."""
    long = {
        f"{module}.{name}": length
        for module, path in FILES.items()
        for name, length in functions(path)
        if length > MAX_FUNCTION
    }

    assert long == {}


def called(path: Path) -> set[str]:
    """What a file calls, as written, but for what it does only when it is run as a script."""
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if __name__ ==")]
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


SPEAKING = {
    "grader.cli",
    "grader.__main__",
    "grader.grade_command",
    "grader.verify_command",
    "grader.watch_command",
    "grader.batch_command",
    "grader.ci_command",
    "grader.doctor_command",
    "grader.event_command",
    "grader.front",
    "grader.leaderboard_command",
    "grader.page_command",
    "grader.scores_command",
    "grader.export_command",
    "grader.seal_command",
    "leaderboard.schema",
}


@pytest.mark.parametrize("name", sorted(FILES.keys() - SPEAKING))
def test_core_code_neither_prints_nor_exits(name: str) -> None:
    """Only the command line talks to the terminal, imports click, or ends the process."""
    assert called(FILES[name]) & {"print", "sys.exit", "exit", "quit", "input"} == set()
    assert "click" not in imported(name)


UNSAFE = {"pickle", "marshal", "shelve", "dill", "torch.serialization"}
UNSAFE_CALLS = {"eval", "torch.load", "torch.save", "__import__"}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_unpickled_or_evaluated(name: str) -> None:
    """No module can make code of data: no pickle, no eval, no torch.load; exec is the loader's alone."""
    calls = called(FILES[name])

    assert imported(name) & UNSAFE == set()
    assert calls & UNSAFE_CALLS == set()
    assert "exec" not in calls or name == "grader.worker.loading"
