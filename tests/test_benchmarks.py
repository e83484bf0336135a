"""The benchmarks' own parts: the checks that other graders run, tables, and pictures."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"
SOLUTION = ROOT / "challenges" / "04_causal_attention" / "solution.py"

pytestmark = pytest.mark.skipif(not BENCHMARKS.exists(), reason="only in a clone")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the benchmarks as their scripts do."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def attention(text: str) -> Any:
    """The class of a solution's text."""
    module = ModuleType("hand_in")
    exec(text, vars(module))
    return module.CausalSelfAttention


def test_the_peers_checks_pass_for_the_solution(bench: Any) -> None:
    """The worked solution passes all eight, under the names that the peers' answers are read with."""
    checks, runs = bench("peers.checks"), bench("peers.runs")

    assert checks.outcomes(attention(SOLUTION.read_text("utf-8"))) == runs.ALL_PASS


def test_the_peers_checks_fail_for_a_wrong_mask(bench: Any) -> None:
    """A mask that lets one later token through fails just those checks that the benchmark expects."""
    checks, runs = bench("peers.checks"), bench("peers.runs")
    text = runs.wrong(SOLUTION.read_text("utf-8"))

    assert checks.outcomes(attention(text)) == runs.WRONG_MASK_FAILS


@pytest.mark.parametrize(
    ("right", "wrong", "check"),
    [
        ("return self.proj(self.merge_heads(context))", "return context", "check_shape"),
        ("return self.proj(self.merge_heads(context))", "return (x * 1).float()", "check_dtype"),
        ("math.sqrt(self.head_dim)", "self.head_dim", "check_reference"),
        (
            "x.transpose(1, 2).flatten(2)",
            "x.transpose(1, 2).flatten(2).detach()",
            "check_gradients",
        ),
        ("chunk(3, dim=-1)", "add(x.mean(0).repeat(1, 3)).chunk(3, dim=-1)", "check_batch"),
        ("-math.inf", "-1.0", "check_causality"),
        ("scores.softmax(dim=-1)", "scores.float().softmax(-1).to(q.dtype)", "check_double"),
        ("seq_len = scores.size(-1)", "seq_len = min(scores.size(-1), 64)", "check_long"),
    ],
)
def test_each_of_the_peers_checks_catches_something(
    bench: Any, right: str, wrong: str, check: str
) -> None:
    """For each check there is a mistake that it notices."""
    text = SOLUTION.read_text("utf-8")
    mistaken = text.replace(right, wrong)

    assert mistaken != text
    assert not bench("peers.checks").outcomes(attention(mistaken))[check]


def test_a_peer_that_is_not_installed_says_so(bench: Any, tmp_path: Path) -> None:
    """Where a peer's program does not exist there is no figure but a reason."""
    runs = bench("peers.runs")
    where = runs.Bench(tmp_path, tmp_path / "nowhere")

    with pytest.raises(runs.PeerError, match="not installed"):
        where.seconds(runs.PEERS[0], "", runs.ALL_PASS)


def test_a_table_says_which_bar_is_met(bench: Any) -> None:
    """A figure is compared with bar and aim in the direction that is meant."""
    t = bench("figures")
    low, high = t.Bar(2.5, 1.3), t.Bar(1.6, 1.9, at_least=True)

    assert [low.met(value) for value in (1.3, 2.0, 2.6)] == ["aim", "bar", "no"]
    assert [high.met(value) for value in (1.9, 1.7, 1.5)] == ["aim", "bar", "no"]


def test_a_row_has_a_median_or_a_reason(bench: Any) -> None:
    """The median stands beside least and most; what could not be measured says why."""
    t = bench("figures")
    figure = t.Figure("a", (0.5, 0.25, 1.0), bar=t.Bar(2, 1))
    missing = t.Figure("b", (), missing="no such command")

    assert figure.row() == "| a | 0.500 s | 0.250–1.00 | ≤ 2 s | ≤ 1 s | aim |"
    assert missing.row() == "| b | not available: no such command | | | | |"
    assert t.ratio("c", figure, missing, t.Bar(2, 1)).missing == "no such command"


def test_a_script_writes_into_its_own_place(bench: Any, tmp_path: Path) -> None:
    """What stands around a script's place stays, and writing twice is the same as once."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- made by x.py --write -->\nold\n<!-- end -->\nb\n", "utf-8")
    for _ in range(2):
        bench("figures").write("x.py", "new", page)

    assert page.read_text("utf-8") == (
        "a\n<!-- made by x.py --write -->\n\nnew\n\n<!-- end -->\nb\n"
    )


def test_every_script_has_a_place_on_the_page() -> None:
    """The page on performance has a place for each script that writes into it."""
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    for path in BENCHMARKS.glob("*.py"):
        if '"--write"' in path.read_text("utf-8"):
            assert f"<!-- made by benchmarks/{path.name} --write -->" in page


def test_endurance_tells_first_from_last(bench: Any) -> None:
    """The report sets the last hand-ins against the first, and each process against itself."""
    endurance = bench("endurance")
    small, large = endurance.Look(20.0, 30.0, 10), endurance.Look(21.0, None, 11)
    run = endurance.Run(120, 0.25, [0.25] * 54 + [0.5] * 6, {"judge": small}, {"judge": large})
    text = endurance.report(run)

    assert "| last tenth ÷ first 60 | 2.00 |" in text
    assert "| judge | 20.0 MiB | 21.0 MiB | 30.0 MiB | – | 10 | 11 |" in text


COLD = {"start": 0.16, "fork": 0.05, "torch": 1.62, "load": 0.0, "pytest": 0.13, "end": 0.09}
WARM = {"fork": 0.013, "load": 0.008, "pytest": 0.085, "worker": 0.115, "end": 0.022}


def test_the_picture_is_well_formed(bench: Any) -> None:
    """The bars are XML with a title and a description, and no rectangle leaves the ground."""
    svg = ElementTree.fromstring(bench("bars").picture(COLD, WARM))
    names = {"svg": "http://www.w3.org/2000/svg"}
    right = [
        float(rect.get("x", "0")) + float(rect.get("width", "0"))
        for rect in svg.iterfind(".//svg:rect", names)
    ]

    assert svg.findtext("svg:title", None, names) == "Where the time of a grading goes"
    assert "2.05 s, a warm one 0.243 s" in svg.findtext("svg:desc", "", names)
    assert max(right) <= float(svg.get("width", "0"))


def test_numbers_stand_only_where_they_fit(bench: Any) -> None:
    """A stage too narrow for its number has none inside the bar."""
    svg = bench("bars").picture(COLD, WARM)

    assert re.findall(r'class="in".*>(.*)</text>', svg) == [
        *("0.16", "1.62", "0.13", "0.09"),
        *("0.013", "0.085", "0.115", "0.022"),
    ]


def test_what_the_stages_wrap_is_there(bench: Any) -> None:
    """Each function that the clock wraps exists, and each stage has a place in the picture."""
    stamps, bars, stages = bench("stamps"), bench("bars"), bench("stages")
    for paths in stamps.STAGES.values():
        for path in paths:
            place, name = stamps.place_of(path)
            assert callable(getattr(place, name))

    assert {*stamps.STAGES, stamps.REST} == set(stages.JUDGED) <= set(bars.STAGES)


def test_the_clock_gives_each_moment_to_one_stage(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that calls another loses that one's time, except while the hand-in is loaded."""
    stamps = bench("stamps")
    monkeypatch.setattr(stamps, "now", iter(range(100)).__next__)
    clock = stamps.Clock()
    clock.begin()
    for stage, inner in (("specs", "worker"), ("load", "worker")):
        clock.enter(stage)
        clock.enter(inner)
        clock.leave()
        clock.leave()

    assert clock.seconds == {"pytest": 2, "specs": 2, "worker": 1, "load": 3}


@pytest.mark.parametrize("path", sorted(BENCHMARKS.rglob("*.py")), ids=lambda path: path.name)
def test_benchmarks_keep_to_the_length_of_a_module(path: Path) -> None:
    """A module has fewer than 400 lines, those for the fuzz run and for data aside."""
    assert len(path.read_text("utf-8").splitlines()) < 400 or path.name == "fuzz_wire.py"
