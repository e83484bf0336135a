"""The trusted end of the wire: every way in which a worker can fail to answer, and the remote objects."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.challenge import Challenge, Limits
from grader.pipes import PolledEnds, ThreadedEnds
from grader.session import STOPPED, Remote, Session, SubmissionError
from grader.transport import LocalTransport, PipeTransport, SessionLost
from grader.worker import loading, wire
from grader.worker.calls import Vjp
from grader.worker.values import Abstract, Foreign, Record

FAKE = Path(__file__).parent / "data" / "fake_worker.py"
CPU = torch.device("cpu")
PATIENT = Limits(call_s=60.0)
HURRIED = Limits(call_s=0.2, wall_s=60.0)

# Where each fake worker is lost: at the import, at the first, second or third call.
LOST = {
    "dies_at_import": ("import", "crashed"),
    "dies_in_the_first_call": (1, "crashed"),
    "dies_between_calls": (2, "crashed"),
    "dies_in_the_last_call": (3, "crashed"),
    "dies_within_an_answer": (1, "crashed"),
    "is_silent_in_a_call": (2, "timeout"),
    "stops_within_an_answer": (1, "timeout"),
    "sends_garbage": (1, "violation"),
    "sends_garbage_at_import": ("import", "violation"),
    "sends_a_broken_message": (1, "violation"),
    "announces_4_gib_of_payload": (1, "violation"),
    "announces_4_gib_of_header": (1, "violation"),
    "answers_a_later_call": (1, "violation"),
    "answers_an_earlier_call": (2, "violation"),
    "answers_twice": (2, "violation"),
    "answers_before_it_is_asked": (1, "violation"),
    "is_ready_again": (1, "violation"),
    "answers_a_call_as_if_it_were_an_import": (1, "violation"),
    "answers_an_import_as_if_it_were_a_call": ("import", "violation"),
    "asks_instead_of_answering": (1, "violation"),
    "floods": (2, "violation"),
}


class FakeWorkers:
    """Sessions with fake workers in other processes, over one kind of ends."""

    def __init__(self, kind: type[PolledEnds | ThreadedEnds]) -> None:
        self._kind = kind

    @contextlib.contextmanager
    def __call__(
        self, behaviour: str, limits: Limits = PATIENT, frames: wire.FrameLimits | None = None
    ) -> Iterator[Session]:
        """Start one, and end it."""
        to_worker, to_judge = os.pipe(), os.pipe()
        command = [sys.executable, "-E", "-s", str(FAKE), behaviour]
        process = subprocess.Popen(command, stdin=to_worker[0], stdout=to_judge[1])
        os.close(to_worker[0])
        os.close(to_judge[1])
        try:
            transport = PipeTransport(self._kind(to_judge[0], to_worker[1]), frames)
            yield Session(transport, CPU, limits)
        finally:
            process.kill()
            process.wait()
            # Now each thread that holds a descriptor finds its end, before the number is used again.
            for thread in threading.enumerate():
                if thread.name.startswith("pipe"):
                    thread.join(0.1)
            os.close(to_judge[0])
            os.close(to_worker[1])


@pytest.fixture(params=[PolledEnds, ThreadedEnds])
def fake_worker(request: pytest.FixtureRequest) -> FakeWorkers:
    """Both ways to wait for a worker."""
    return FakeWorkers(request.param)


def talk(session: Session, challenge: Challenge) -> tuple[str | int, SessionLost] | None:
    """Import and call three times; return where the session was lost and how."""
    step: str | int = "import"
    try:
        session.load(challenge)
        for number in (1, 2, 3):
            step = number
            session.remote("submission").f()
    except SessionLost as lost:
        return step, lost
    return None


@pytest.mark.parametrize("behaviour", LOST)
def test_a_worker_that_fails_to_answer_is_lost(
    behaviour: str, mini: Challenge, fake_worker: FakeWorkers
) -> None:
    """Each kind of failure ends the session where it happens, with the status that fits it."""
    where, status = LOST[behaviour]
    limits = HURRIED if status == "timeout" else PATIENT

    with fake_worker(behaviour, limits) as session:
        lost = talk(session, mini)

    assert lost is not None
    assert (lost[0], lost[1].status) == (where, status)


def test_a_worker_that_never_imports_is_lost(mini: Challenge, fake_worker: FakeWorkers) -> None:
    """Silence during the import ends at the wall clock, not at the limit of one call."""
    with fake_worker("is_silent_at_import", Limits(call_s=60.0, wall_s=0.2)) as session:
        lost = talk(session, mini)

    assert lost is not None
    assert (lost[0], lost[1].status) == ("import", "timeout")


def test_a_worker_that_stops_reading_is_lost(mini: Challenge, fake_worker: FakeWorkers) -> None:
    """Arguments larger than the pipe to a worker that does not read them end at the call's limit."""
    with fake_worker("stops_reading", HURRIED) as session:
        session.load(mini)

        with pytest.raises(SessionLost) as caught:
            session.remote("submission").f(torch.zeros(1 << 18))

    assert caught.value.status == "timeout"


def test_death_after_the_last_answer_loses_nothing(
    mini: Challenge, fake_worker: FakeWorkers
) -> None:
    """A worker that ends after it has answered everything has answered everything."""
    with fake_worker("dies_after_the_last_call") as session:
        lost = talk(session, mini)

    assert lost is None


def test_all_answers_together_are_limited(mini: Challenge, fake_worker: FakeWorkers) -> None:
    """Small answers without end are a violation once their sum passes the limit of the session."""
    frames = wire.FrameLimits(total=1 << 15)
    with fake_worker("floods_with_payload", frames=frames) as session:
        lost = talk(session, mini)

    assert lost is not None
    assert lost[1].status == "violation"
    assert "bytes in all" in str(lost[1])


def test_a_lost_session_stays_lost(mini: Challenge, fake_worker: FakeWorkers) -> None:
    """After a violation nothing is asked any more; the reason stays the first one."""
    with fake_worker("answers_a_later_call") as session:
        lost = talk(session, mini)

        with pytest.raises(SessionLost) as again:
            session.remote("submission").f()

    assert lost is not None
    assert again.value is lost[1] is session.lost


class Scripted:
    """A transport whose answers are made by a function of the request."""

    def __init__(self, answer: Callable[[Any], wire.Reply | wire.Frame]) -> None:
        self._answer = answer
        self.asked: list[wire.Request] = []

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Return what the script says."""
        request = wire.decode_request(frame.header)
        self.asked.append(request)
        answer = self._answer(request)
        if isinstance(answer, wire.Frame):
            return answer
        return wire.Frame(wire.encode_message(answer), b"")

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Nothing: no answer is expected."""


def told(node: wire.Node) -> Session:
    """A session in which every answer is this value."""
    return Session(Scripted(lambda request: wire.Value(request.id, node)), CPU, PATIENT)


def record(**fields: wire.Node) -> wire.RecordNode:
    """What a mode returns, with these fields."""
    return wire.RecordNode("Vjp", list(fields.items()))


TUPLE = wire.SequenceNode("tuple", [])
LIST = wire.SequenceNode("list", [])
DICT = wire.MappingNode([])
TEXTS = wire.SequenceNode("tuple", ["a tensor, believe me"])
LIES: dict[str, tuple[str, wire.Node]] = {
    "vjp_is_plain": ("vjp", 1.0),
    "vjp_is_a_tuple": ("vjp", wire.SequenceNode("tuple", [1.0, TUPLE, DICT, None])),
    "vjp_lacks_a_field": ("vjp", record(output=1.0, grads=TUPLE, params=DICT)),
    "grads_in_a_list": ("vjp", record(output=1.0, grads=LIST, params=DICT, second=None)),
    "grads_are_texts": ("vjp", record(output=1.0, grads=TEXTS, params=DICT, second=None)),
    "params_are_a_tuple": ("vjp", record(output=1.0, grads=TUPLE, params=TUPLE, second=None)),
    "params_have_numbers_for_names": (
        "vjp",
        record(output=1.0, grads=TUPLE, params=wire.MappingNode([(1, None)]), second=None),
    ),
    "params_are_texts": (
        "vjp",
        record(output=1.0, grads=TUPLE, params=wire.MappingNode([("w", "w")]), second=None),
    ),
    "second_is_a_text": ("vjp", record(output=1.0, grads=TUPLE, params=DICT, second="none")),
    "second_holds_texts": ("vjp", record(output=1.0, grads=TUPLE, params=DICT, second=TEXTS)),
    "trace_is_plain": ("trace", "aten.add"),
    "trace_steps_are_a_number": ("trace", record(steps=1, output=None)),
    "trace_steps_in_a_list": ("trace", record(steps=LIST, output=None)),
    "trace_lacks_an_output": ("trace", record(steps=TUPLE)),
    "twice_is_once": ("twice", 1.0),
    "twice_is_a_list": ("twice", LIST),
    "overwrite_is_a_record": ("overwrite", record(output=1.0, argument=2.0)),
}


@pytest.mark.parametrize("lie", LIES)
def test_the_result_of_a_mode_is_checked_field_by_field(lie: str) -> None:
    """What only looks like the result of a mode is a violation."""
    mode, node = LIES[lie]
    function = told(node).remote("submission").f
    extra = {"cotangent": torch.ones(())} if mode == "vjp" else {}

    with pytest.raises(SessionLost) as caught:
        getattr(function, mode)(**extra)

    assert caught.value.status == "violation"


NO_HANDLES = {
    "with_a_path": wire.HandleNode(1, ["__globals__", "secret"], "function"),
    "with_an_index": wire.HandleNode(1, [0], "list"),
    "by_name": wire.HandleNode("submission", [], "module"),
}


@pytest.mark.parametrize("name", NO_HANDLES)
def test_a_worker_names_its_objects_by_number_only(name: str) -> None:
    """A handle that reaches through a path or by a name is a violation."""
    with pytest.raises(SessionLost) as caught:
        told(NO_HANDLES[name]).remote("submission").f()

    assert caught.value.status == "violation"


BAD_NODES: dict[str, wire.Node] = {
    "tensor_without_bytes": wire.TensorNode(0, "float32", [1], [1], 0, False, "cpu"),
    "unknown_dtype": wire.DtypeNode("float128"),
    "unknown_device": wire.DeviceNode("toaster"),
    "key_twice": wire.MappingNode([("a", 1), ("a", 2)]),
    "key_that_cannot_be_hashed": wire.MappingNode([(wire.SequenceNode("tuple", [LIST]), 1)]),
    "bad_integer": wire.BigIntNode("0x"),
    "field_twice": wire.RecordNode("Pair", [("a", 1), ("a", 2)]),
}


@pytest.mark.parametrize("name", BAD_NODES)
def test_a_value_that_no_honest_worker_sends_is_a_violation(name: str) -> None:
    """Nodes that decode as messages but stand for no value end the session."""
    with pytest.raises(SessionLost) as caught:
        told(BAD_NODES[name]).remote("submission").f()

    assert caught.value.status == "violation"


def test_an_answer_nested_without_end_is_a_violation() -> None:
    """Depth beyond what the judge can walk ends the session, not the judge."""
    nested = b"\x93\xa1s\xa4list\x91" * 100_000
    header = b"\x83\xa4type\xa5value\xa2id\x01\xa5value" + nested + b"\xc0"
    session = Session(Scripted(lambda request: wire.Frame(header, b"")), CPU, PATIENT)

    with pytest.raises(SessionLost) as caught:
        session.remote("submission").f()

    assert caught.value.status == "violation"


def test_an_exception_of_the_hand_in_is_no_loss() -> None:
    """What the hand-in raises arrives as SubmissionError, and the next call is answered."""
    raised = wire.Raised(0, ["KeyError", "LookupError", "Exception"], "'w'", [])
    script: list[Callable[[int], wire.Reply]] = [
        lambda number: wire.Raised(number, raised.types, raised.message, []),
        lambda number: wire.Value(number, 5),
    ]
    session = Session(Scripted(lambda request: script.pop(0)(request.id)), CPU, PATIENT)
    function = session.remote("submission").f
    with pytest.raises(SubmissionError) as caught:
        function()

    assert caught.value.is_a(LookupError)
    assert not caught.value.is_a(ValueError)
    assert function() == 5


def test_a_call_that_was_stopped_says_so() -> None:
    """The answer to an interrupted call is STOPPED, which is no value."""
    session = Session(Scripted(lambda request: wire.Stopped(request.id)), CPU, PATIENT)

    assert session.remote("submission").f.within(1.0)() is STOPPED


def test_only_a_call_with_a_deadline_is_stopped() -> None:
    """A worker that says so of any other call is not an honest one."""
    session = Session(Scripted(lambda request: wire.Stopped(request.id)), CPU, PATIENT)

    with pytest.raises(SessionLost) as caught:
        session.remote("submission").f()

    assert caught.value.status == "violation"


def test_collected_remotes_are_released() -> None:
    """The worker is told which of its objects nobody in the judge refers to any more."""
    transport = Scripted(lambda request: wire.Value(request.id, wire.HandleNode(41, [], "Model")))
    function = Session(transport, CPU, PATIENT).remote("submission").f
    function()
    gc.collect()
    function()
    calls = [request for request in transport.asked if isinstance(request, wire.Call)]

    assert [call.release for call in calls] == [[], [41]]


def test_a_part_keeps_its_whole_alive() -> None:
    """A handle is not released while an attribute of it is still held."""
    transport = Scripted(lambda request: wire.Value(request.id, wire.HandleNode(41, [], "Model")))
    function = Session(transport, CPU, PATIENT).remote("submission").f
    weight = function().layer.weight
    gc.collect()
    function(weight)

    last = transport.asked[-1]
    assert isinstance(last, wire.Call)
    assert last.release == []
    assert last.args.items == [wire.HandleNode(41, ["layer", "weight"], "attribute")]


@pytest.mark.parametrize("value", [object(), STOPPED, {1, 2}], ids=["object", "stopped", "set"])
def test_only_plain_data_is_sent(value: object) -> None:
    """Something that cannot be sent is our own mistake: a TypeError before anything crosses."""
    session = told(None)

    with pytest.raises(TypeError):
        session.remote("submission").f(value)


HAND_IN = """
import collections, dataclasses, random
import torch
from torch import nn

Pair = collections.namedtuple("Pair", "left right")

@dataclasses.dataclass
class Result:
    loss: float
    parts: list

class Model(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.inner = nn.Linear(width, width, dtype=torch.float64)
        self.notes = ["a", "b"]
        self.seed = "an attribute with a reserved name"

    def forward(self, x):
        return self.inner(x)

def echo(*args, **kwargs):
    return args, kwargs

def kind(value):
    return type(value).__name__

def apply(model, x):
    return model(x)

def pair(): return Pair(1, torch.ones(2))
def result(): return Result(0.5, [torch.zeros(1)])
def array(): import numpy; return numpy.ones(2)
def sparse(): return torch.eye(2).to_sparse()
def draws(): return random.random(), torch.rand(2)
def fail(x): return inner(x)
def inner(x): raise ZeroDivisionError("by hand")
def leave(): raise SystemExit(0)
def forever():
    while True: pass
"""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Remote:
    """A hand-in behind the transport that stays in this process."""
    path = tmp_path_factory.mktemp("hand_in") / "submission.py"
    path.write_text(HAND_IN)
    module = loading.execute(loading.compile_source(path), path, "session_hand_in")
    session = Session(LocalTransport(module, None, path.parent), CPU, PATIENT)
    return session.remote("submission")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -1,
        2**200,
        -(2**63),
        0.5,
        1j,
        "é\n",
        b"\0\xff",
        torch.int8,
        CPU,
        [1, (2, [])],
        {},
    ],
    ids=repr,
)
def test_plain_data_survives_both_ways(local: Remote, value: object) -> None:
    """What is sent comes back equal, and of the same type."""
    (back,), kwargs = local.echo(value, name=value)

    assert (type(back), back) == (type(value), value)
    assert kwargs == {"name": value}


def test_an_object_stays_where_it_is(local: Remote) -> None:
    """What is no plain data arrives as a handle, which is an argument again."""
    model = local.Model(3)
    x = torch.randn(2, 3, dtype=torch.float64)

    assert isinstance(model, Remote)
    assert local.kind(model) == "Model"
    assert torch.equal(local.apply(model, x), model(x))


def test_attributes_and_items_are_fetched(local: Remote) -> None:
    """A path of attributes and indices is followed there, and get() fetches its value."""
    model = local.Model()

    assert model.notes[1].get() == "b"
    assert model.inner.weight.get().shape == (2, 2)


def test_a_reserved_name_is_reached_by_attr(local: Remote) -> None:
    """An attribute that is called like a method of remotes is not hidden by it."""
    assert local.Model().attr("seed").get() == "an attribute with a reserved name"


def test_state_travels_by_value(local: Remote) -> None:
    """state_dict comes as tensors and is loaded from tensors."""
    one, other = local.Model(), local.Model()
    state = one.state_dict()
    other.load_state_dict(state)

    assert list(state) == ["inner.weight", "inner.bias"]
    assert torch.equal(other.inner.weight.get(), state["inner.weight"])


def test_dtype_and_device_are_arguments(local: Remote) -> None:
    """A module is moved by sending the dtype itself."""
    model = local.Model()
    model.to(torch.bfloat16)

    assert model.inner.weight.dtype.get() == torch.bfloat16


def test_seeding_repeats_the_draws(local: Remote) -> None:
    """seed() sets torch's generator and Python's on the other side."""
    local.seed(7)
    first = local.draws()
    local.seed(7)
    second = local.draws()

    assert first[0] == second[0]
    assert torch.equal(first[1], second[1])


@pytest.mark.parametrize("name", ["pair", "result"])
def test_records_arrive_with_their_fields(local: Remote, name: str) -> None:
    """A named tuple or a dataclass arrives as a Record, by field name."""
    value = local.attr(name)()

    assert isinstance(value, Record)
    assert value.type_name.lower() == name
    assert (value.left if name == "pair" else value.loss) in (1, 0.5)


@pytest.mark.parametrize("name", ["array", "sparse"])
def test_foreign_values_arrive_by_name_only(local: Remote, name: str) -> None:
    """Arrays of other libraries and tensors of other layouts come as their type's name."""
    assert isinstance(local.attr(name)(), Foreign)


def test_an_error_leaves_out_the_frames_of_torch() -> None:
    """What torch's C++ adds to a message, its own frames, tells a learner nothing."""
    text = "too large\nException raised from unpack at python_numbers.h:79\nframe #0: 0x9d"

    assert str(SubmissionError(wire.Raised(1, ["TypeError"], text, []))) == "TypeError: too large"


def test_an_error_shows_the_own_lines_only(local: Remote) -> None:
    """The traceback holds the lines of the hand-in and none of ours."""
    with pytest.raises(SubmissionError) as caught:
        local.fail(1)

    assert [(line.function, line.text) for line in caught.value.lines] == [
        ("fail", "def fail(x): return inner(x)"),
        ("inner", 'def inner(x): raise ZeroDivisionError("by hand")'),
    ]


def test_leaving_is_an_error_like_any_other(local: Remote) -> None:
    """sys.exit inside a call ends the call, not the process."""
    with pytest.raises(SubmissionError, match="SystemExit"):
        local.leave()


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts by signal")
def test_a_call_with_a_deadline_is_interrupted(local: Remote) -> None:
    """within() stops an endless call and the next one is answered as ever."""
    assert local.forever.within(0.05, grace=0.0)() is STOPPED
    assert local.kind(1) == "int"


def test_tampering_replaces_what_came_back(local: Remote) -> None:
    """verify's hook sees every value and the tensors that were sent, and its result is the value."""
    seen: list[object] = []

    def tamper(value: object, inputs: list[torch.Tensor]) -> object:
        seen.append(inputs)
        return "replaced"

    session = local._session
    session.tamper = tamper
    try:
        value = local.echo(torch.ones(2), 3)
    finally:
        session.tamper = None

    assert value == "replaced"
    assert len(seen) == 1


def test_modes_arrive_as_their_own_types(local: Remote) -> None:
    """vjp through a session gives a Vjp with gradients of inputs and parameters."""
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    result = local.Model().vjp(x, cotangent=torch.ones(4, 2, dtype=torch.float64))

    assert isinstance(result, Vjp)
    assert [grad.shape for grad in result.grads] == [(4, 2)]
    assert list(result.params) == ["inner.weight", "inner.bias"]


def test_meta_arrives_without_data(local: Remote) -> None:
    """A call on the meta device gives shapes and dtypes only."""
    result = local.Model().meta(torch.ones(4, 2, dtype=torch.float64))

    assert result == Abstract((4, 2), torch.float64, "meta")
