"""Recordings repeated on hidden values: honest ones come out right, hostile ones end in words."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from grader.challenge import Limits
from grader.replay import CannotRepeat, Traced, decoys, repeat
from grader.session import Remote, Session, SubmissionError
from grader.transport import LocalTransport
from grader.worker import tracing, wire
from grader.worker.codec import Encoder
from grader.worker.tracing import Program
from grader.worker.values import Record

CPU = torch.device("cpu")


def remote(function: Callable[..., Any]) -> Remote:
    """A function as a spec sees it: behind frames of bytes."""
    module = types.ModuleType("hand_in")
    module.f = function  # type: ignore[attr-defined]
    return Session(LocalTransport(module, None, Path()), CPU, Limits()).remote("submission").f


def normal(*shape: int) -> torch.Tensor:
    """Random numbers, the same for the same shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape) + 1)).double()


def indices(size: int, *shape: int) -> torch.Tensor:
    """Random indices, the same for the same shape."""
    return torch.randint(size, shape, generator=torch.Generator().manual_seed(sum(shape)))


# Honest ways to write the log-probability of targets, and to gather.


def by_distribution(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """With torch.distributions, which checks its arguments by many operators."""
    distribution: Any = torch.distributions.Categorical(logits=logits)
    log_probs: torch.Tensor = distribution.log_prob(targets)
    return log_probs


def by_loop(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Row by row."""
    out = torch.empty(targets.shape, dtype=logits.dtype)
    for row in range(len(targets)):
        out[row] = logits[row].log_softmax(0)[targets[row]]
    return out


def by_mask(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """With a boolean mask over the vocabulary."""
    chosen = torch.arange(logits.shape[1]) == targets[:, None]
    return logits.log_softmax(1)[chosen]


def by_filling(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """With a result that is written piece by piece."""
    out = torch.zeros_like(logits[:, 0])
    valid = targets >= 0
    rows = logits[valid]
    out[valid] = rows.gather(1, targets[valid][:, None])[:, 0] - rows.logsumexp(1)
    return out


STYLES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "indexing": lambda x, t: x.log_softmax(1)[torch.arange(len(t)), t],
    "take_along_dim": lambda x, t: x.log_softmax(1).take_along_dim(t[:, None], 1).squeeze(1),
    "cross_entropy": lambda x, t: -F.cross_entropy(x, t, reduction="none"),
    "cross_entropy_2d": lambda x, t: -F.cross_entropy(x.t()[None], t[None], reduction="none")[0],
    "one_hot": lambda x, t: (F.one_hot(t, x.shape[1]) * x.log_softmax(1)).sum(1),
    "einsum": lambda x, t: torch.einsum(
        "nv,nv->n", x.log_softmax(1), F.one_hot(t, x.shape[1]).to(x.dtype)
    ),
    "where": lambda x, t: torch.where(torch.arange(7) == t[:, None], x.log_softmax(1), 0).sum(-1),
    "by_hand": lambda x, t: (
        x[range(5), t] - x.amax(1) - (x - x.amax(1, keepdim=True)).exp().sum(1).log()
    ),
    "flat": lambda x, t: x.log_softmax(1).take(t + 7 * torch.arange(5)),
    "embedding": lambda x, t: F.embedding(t + 7 * torch.arange(5), x.log_softmax(1).reshape(-1, 1))[
        :, 0
    ],
    "index_select": lambda x, t: torch.stack(
        [row.index_select(0, n)[0] for row, n in zip(x.log_softmax(1), t.chunk(5), strict=True)]
    ),
    "vmap": lambda x, t: torch.vmap(lambda row, n: row[n])(x.log_softmax(1), t),
    "conditions": lambda x, t: x.log_softmax(1)[torch.arange(5), t] * (2.0 if (t < 0).any() else 1),
    "constants": lambda x, t: x.log_softmax(1)[torch.tensor([0, 1, 2, 3, 4]), t],
    "padding": lambda x, t: F.pad(x.log_softmax(1), (1, 0)).roll(-1, 1)[torch.arange(5), t],
    "sorting": lambda x, t: x.log_softmax(1).sort(1)[0].flip(1)[torch.arange(5), t],
    "distribution": by_distribution,
    "loop": by_loop,
    "mask": by_mask,
    "filling": by_filling,
}


@pytest.mark.parametrize("name", STYLES)
def test_honest_styles_can_be_repeated(name: str) -> None:
    """Ordinary ways to write a function give here, on hidden values, what they give themselves."""
    function = STYLES[name]
    x, targets = normal(5, 7).requires_grad_(), indices(7, 5)
    traced = remote(function).trace(x, targets)

    torch.testing.assert_close(traced.output, function(x, targets).detach())
    assert torch.equal(traced.args[0], x)
    assert not traced.output.requires_grad


def test_the_worker_never_sees_the_hidden_values() -> None:
    """What is called gets other numbers of the same dtype, shape, strides, offset and storage size."""
    seen: list[torch.Tensor] = []

    def function(x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        seen.extend([x, n])
        return x + n

    x, n = normal(8, 6).t()[1:, ::2].requires_grad_(), indices(9, 5, 4)
    remote(function).trace(x, n)

    for sent, hidden in zip(seen, (x, n), strict=True):
        assert sent.dtype == hidden.dtype
        assert sent.shape == hidden.shape
        assert sent.stride() == hidden.stride()
        assert sent.storage_offset() == hidden.storage_offset()
        assert sent.untyped_storage().nbytes() == hidden.untyped_storage().nbytes()
        assert sent.requires_grad == hidden.requires_grad
        assert not torch.equal(sent, hidden)
    assert sorted(seen[1].flatten().tolist()) == sorted(n.flatten().tolist())
    assert not torch.isin(seen[0], x).any()


LAYOUTS = {
    "expanded": normal(3).expand(4, 3),
    "empty": normal(0, 3),
    "rankless": normal(),
    "sliced": normal(30)[5:15],
    "flags": indices(2, 9) == 1,
    "bfloat16": normal(4).bfloat16(),
    "complex": normal(4).to(torch.complex64),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_has_a_decoy(name: str) -> None:
    """Expanded, empty, rankless and sliced tensors of any dtype can be hidden."""
    hidden = LAYOUTS[name]
    (decoy,), _ = decoys((hidden,), {}, None)

    assert (decoy.shape, decoy.stride(), decoy.dtype) == (
        hidden.shape,
        hidden.stride(),
        hidden.dtype,
    )
    assert torch.equal(remote(lambda x: x[...]).trace(hidden).output, hidden)


def test_decoys_are_the_same_in_the_same_run() -> None:
    """Decoys follow from the hidden values, so a grading can be repeated from its seed."""
    first, second, other = (decoys((x,), {}, None)[0][0] for x in (normal(5), normal(5), normal(6)))

    assert torch.equal(first, second)
    assert not torch.equal(first, other[:5])


def test_a_spec_says_which_arguments_are_hidden() -> None:
    """Arguments at other positions arrive as they are."""
    seen: list[torch.Tensor] = []

    def function(x: torch.Tensor, n: torch.Tensor) -> torch.Tensor:
        seen.extend([x, n])
        return x + n

    remote(function).trace(normal(5), indices(9, 5), hidden=(0,))

    assert not torch.equal(seen[0], normal(5))
    assert torch.equal(seen[1], indices(9, 5))


def test_arguments_that_share_a_storage_are_refused() -> None:
    """A spec that would lose the sharing of its arguments is told so."""
    x = normal(5)

    with pytest.raises(ValueError, match="storages of their own"):
        decoys((x, x[1:]), {}, None)


SHARING: dict[str, tuple[Callable[[torch.Tensor], Any], bool]] = {
    "view": (lambda x: x.view(3, 2), True),
    "strided": (lambda x: x.as_strided((2,), (3,)), True),
    "transposed": (lambda x: x.t(), True),
    "itself": (lambda x: x, True),
    "copy": (lambda x: x + 0, False),
    "reshaped_copy": (lambda x: x.t().reshape(6), False),
    "several": (lambda x: (x, x), False),
}


@pytest.mark.parametrize("name", SHARING)
def test_sharing_is_seen_by_the_judge(name: str) -> None:
    """`shares` says whether the result lies in the memory of the judge's own first argument."""
    function, expected = SHARING[name]

    assert remote(function).trace(normal(2, 3)).shares is expected


def test_writing_into_arguments_is_seen_by_the_judge() -> None:
    """`args` and `kwargs` are the arguments as the repeated operators left them."""

    def function(x: torch.Tensor, *, y: torch.Tensor) -> torch.Tensor:
        x[0] = 5
        return y.view(3).mul_(2)

    traced = remote(function).trace(torch.zeros(2), y=torch.ones(3))

    assert traced.args[0].tolist() == [5, 0]
    assert traced.kwargs["y"].tolist() == [2, 2, 2]


def test_the_arguments_of_the_spec_stay() -> None:
    """The tensors that a spec gave are not those that are written into."""
    x = torch.zeros(2)
    remote(lambda x: x.add_(1)).trace(x)

    assert x.tolist() == [0, 0]


READS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tolist": lambda x: torch.tensor(x.tolist()),
    "numpy": lambda x: torch.from_numpy(x.numpy() + 1),
    "constant": lambda x: torch.ones(3),
}


@pytest.mark.parametrize("name", READS)
def test_a_result_from_outside_torch_is_put_into_words(name: str) -> None:
    """A result that was put together from values in Python or numpy does not follow from arguments."""
    with pytest.raises(CannotRepeat, match="does not follow from the arguments"):
        remote(READS[name]).trace(normal(3))


def test_a_value_read_into_python_is_that_of_the_decoy() -> None:
    """What .item() gave in the worker is wrong here: values that were read earn nothing."""
    x = normal(3)
    output = remote(lambda x: x * x.sum().item()).trace(x).output

    assert not torch.allclose(output, x * x.sum())


def test_an_unknown_operator_is_put_into_words() -> None:
    """An operator that the judge does not repeat is named, and what to use instead."""
    with pytest.raises(CannotRepeat, match=r"used aten\.rand_like, .* without random numbers"):
        remote(lambda x: x + torch.rand_like(x)).trace(normal(3))


def test_an_exception_of_the_hand_in_stays_one() -> None:
    """What the hand-in raises for a decoy arrives as its exception."""
    with pytest.raises(SubmissionError, match="invalid"):
        remote(lambda x: x.view(7)).trace(normal(3))


# Hostile recordings.


def value(number: object) -> Record:
    """A reference to a tensor."""
    return Record("Value", {"number": number})


def step(operator: object, *args: Any, **kwargs: Any) -> Record:
    """One operator, as it arrives."""
    return Record("Step", {"operator": operator, "args": args, "kwargs": kwargs})


def constant(tensor: object) -> Record:
    """A tensor from elsewhere, as it arrives."""
    return Record("Constant", {"tensor": tensor})


def run(*steps: Any, output: Any = None) -> Traced:
    """Repeat a recording on a vector of six and a vector of three indices."""
    program = Program(steps, value(0) if output is None else output)
    return repeat(program, (torch.arange(6.0), torch.tensor([0, 2, 1])), {})


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    return [nested(depth - 1)] if depth else []


X, INDEX = value(0), value(1)
GROWTH = [step("aten.cat.default", [value(n), value(n)]) for n in range(3, 27)]
HOSTILE: dict[str, list[Any]] = {
    "unknown_operator": [step("aten.resize_.default", X, [10**12])],
    "set": [step("aten.set_.source_Tensor", X, INDEX)],
    "out": [step("aten.add.out", X, X, out=X)],
    "no_operator": [step("os.system", "true")],
    "empty_name": [step("")],
    "name_is_a_number": [step(3, X)],
    "name_of_a_method": [step("aten.__class__.mro", X)],
    "strange_name": [step("aten.\x1b[2J<b>.default", X)],
    "damaged_step": [Record("Step", {"operator": "aten.t.default"})],
    "step_is_a_number": [7],
    "step_is_a_tensor": [torch.ones(2)],
    "constant_is_text": [constant("text")],
    "too_few_arguments": [step("aten.add.Tensor")],
    "too_many_arguments": [step("aten.t.default", X, X, X)],
    "text_for_tensor": [step("aten.add.Tensor", X, "sum")],
    "unknown_text": [step("aten.div.Tensor_mode", X, X, rounding_mode="up")],
    "tensor_for_size": [step("aten.view.default", X, X)],
    "foreign_argument": [step("aten.add.Tensor", X, object())],
    "raw_tensor": [step("aten.add.Tensor", X, torch.ones(6))],
    "enormous_number": [step("aten.add.Tensor", X, 10**400)],
    "unknown_keyword": [step("aten.zeros.default", [2], names=["a"])],
    "size_by_keyword": [step("aten.zeros.default", size=[10**12])],
    "dtype_by_number": [step("aten.full.default", [2], 1, dtype=-1)],
    "sparse_by_number": [step("aten.new_ones.default", X, [2], layout=2)],
    "sparse_by_name": [
        step("aten.ones.default", [2], layout=Record("Named", {"name": "torch.sparse_coo"}))
    ],
    "meta": [
        step("aten.ones.default", [2], device=torch.device("meta")),
        step("aten.as_strided.default", value(2), [9], [1]),
    ],
    "forward_reference": [step("aten.add.Tensor", X, value(4)), step("aten.t.default", X)],
    "itself": [step("aten.add.Tensor", X, value(3))],
    "negative_reference": [step("aten.t.default", value(-1))],
    "reference_is_text": [step("aten.t.default", value("0"))],
    "nested_deeply": [step("aten.cat.default", nested(30))],
    "long_list": [step("aten.cat.default", [X] * 10_000)],
    "beyond_the_storage": [step("aten.as_strided.default", X, [7], [1])],
    "beyond_by_offset": [step("aten.as_strided.default", X, [2], [1], 5)],
    "before_the_storage": [step("aten.as_strided.default", X, [2], [1], -1)],
    "negative_stride": [step("aten.as_strided.default", X, [2], [-1])],
    "overflowing_stride": [step("aten.as_strided.default", X, [3], [2**62])],
    "alias_beyond": [step("aten._reshape_alias.default", X, [2**40], [1])],
    "index_beyond": [step("aten.index.Tensor", X, [value(2)])],
    "take_beyond": [step("aten.take.default", X, value(2))],
    "embedding_beyond": [step("aten.embedding.default", X, value(2))],
    "scatter_beyond": [step("aten.scatter_.value", X, 0, value(2), 1.0)],
    "put_beyond": [step("aten.index_put_.default", X, [value(2)], X)],
    "huge_zeros": [step("aten.zeros.default", [10**7])],
    "huge_product": [step("aten.zeros.default", [2**40, 2**40])],
    "huge_range": [step("aten.arange.default", 10**9)],
    "endless_range": [step("aten.arange.default", float("inf"))],
    "huge_repeat": [step("aten.repeat.default", X, [10**9])],
    "huge_padding": [step("aten.constant_pad_nd.default", X, [10**9, 0])],
    "huge_view": [step("aten.expand.default", X, [10**9, 6])],
    "huge_broadcast": [
        step("aten.zeros.default", [1000, 1]),
        step("aten.zeros.default", [1, 10**5]),
        step("aten.add.Tensor", value(3), value(4)),
    ],
    "huge_outer_product": [
        step("aten.zeros.default", [10**5, 1]),
        step("aten.zeros.default", [1, 10**5]),
        step("aten.mm.default", value(3), value(4)),
    ],
    "huge_pick": [
        step("aten.zeros.default", [1000, 1000]),
        step("aten.zeros.default", [1, 10**4], dtype=torch.int64),
        step("aten.index.Tensor", value(3), [value(4)]),
    ],
    "many_pieces": [
        step("aten.zeros.default", [10**6]),
        step("aten.unbind.int", value(3), 0),
    ],
    "growing": [step("aten.zeros.default", [2]), *GROWTH],
    "many_dims": [
        step("aten.unsqueeze.default", X if n == 0 else value(n + 2), 0) for n in range(40)
    ],
    "smallest_by_minus_one": [
        step("aten.full.default", [9], -(2**63), dtype=torch.int64),
        step("aten.div.Scalar_mode", value(3), -1, rounding_mode="trunc"),
    ],
    "large_constant": [constant(torch.zeros(2_000_000, dtype=torch.uint8))],
    "endless": [step("aten.t.default", X)] * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_recordings_end_in_words(name: str) -> None:
    """No recording makes the judge fail, read beyond its tensors, or compute without bound."""
    beyond = [constant(torch.tensor([10**6]))]

    with pytest.raises(CannotRepeat) as caught:
        run(*beyond, *HOSTILE[name])

    assert str(caught.value).isprintable()


OUTPUTS: dict[str, Any] = {
    "beyond": value(2),
    "negative": value(-1),
    "text": value("0"),
    "foreign": object(),
    "long_text": "a text of the hand-in's own",
    "raw_tensor": torch.ones(3),
    "nested_deeply": nested(30),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_is_none_ends_in_words(name: str) -> None:
    """A result that refers to no tensor, or is no plain data, is no result."""
    with pytest.raises(CannotRepeat):
        run(output=OUTPUTS[name])


def test_the_constants_of_all_steps_are_limited() -> None:
    """Many constants together are refused as one that large would be."""
    with pytest.raises(CannotRepeat, match="constant"):
        run(*[constant(torch.zeros(900_000, dtype=torch.float64))] * 3)


def test_uninitialised_memory_is_cleared() -> None:
    """A tensor that no operator filled holds zeros: the judge's memory may hold expected values."""
    empty = [
        step("aten.empty.memory_format", [500]),
        step("aten.new_empty.default", X, [500]),
        step("aten.empty_like.default", value(2)),
    ]
    for _ in range(20):
        torch.full((500,), 7.0)
        traced = run(*empty, output=[value(2), value(3), value(4), X])

        assert not any(tensor.any() for tensor in traced.output[:3])


def test_writing_into_a_constant_reaches_only_the_copy() -> None:
    """Two constants that a stranger put on one storage are two tensors here."""
    shared = torch.zeros(2)
    steps = [constant(shared), constant(shared), step("aten.fill_.Scalar", value(2), 1)]
    traced = run(*steps, output=[value(2), value(3), X])

    assert [tensor.tolist() for tensor in traced.output[:2]] == [[1, 1], [0, 0]]
    assert shared.tolist() == [0, 0]


def test_a_recording_of_another_function_gives_its_values() -> None:
    """A recording is what it computes: one of another function is wrong like that function."""
    traced = run(step("aten.neg.default", X), output=value(2))

    assert traced.output.tolist() == [0, -1, -2, -3, -4, -5]


def test_forged_names_are_not_believed() -> None:
    """Operators are those that the judge ran: there is no list to forge beside the recording."""
    traced = run(step("aten.view.default", X, [2, 3]), output=value(2))

    assert traced.operators == ("aten.view",)
    assert [name for name in vars(traced) if "operator" in name] == ["operators"]


def test_what_was_baked_in_from_decoys_is_wrong_here() -> None:
    """A worker that computes in secret and sends the result as a constant has computed decoys."""
    hidden = torch.arange(6.0)
    (decoy,), _ = decoys((hidden,), {}, None)
    baked = constant(decoy.view(2, 3).clone())
    # Added to nothing of the argument's, so that it looks as if it followed from it.
    steps = [baked, step("aten.mul.Tensor", X, 0), step("aten.view.default", value(2), [2, 3])]
    steps += [step("aten.add.Tensor", value(1), value(3))]
    traced = repeat(Program(tuple(steps), value(4)), (hidden,), {})

    assert traced.output.shape == (2, 3)
    assert not torch.equal(traced.output, hidden.view(2, 3))


class Forger:
    """A worker that answers every trace with a recording of its own."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Answer with the recording, whatever was asked."""
        request = wire.decode_request(frame.header)
        assert isinstance(request, wire.Call)
        encoder = Encoder(keep_layout=False, on_object=lambda value: None)
        answer = wire.Value(request.id, encoder.node(self._program))
        return wire.Frame(wire.encode_message(answer), encoder.payload())

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Nothing has no answer here."""


def test_a_forged_recording_is_carried_out_like_any_other() -> None:
    """Through the wire, a recording that was made up comes out as what it computes."""
    forged = (
        tracing.Constant(torch.tensor(2.0)),
        tracing.Step("aten.mul.Tensor", (tracing.Value(0), tracing.Value(1)), {}),
    )
    session = Session(Forger(Program(forged, tracing.Value(2))), CPU, Limits())
    traced = session.remote("submission").f.trace(torch.arange(3.0))

    assert traced.output.tolist() == [0, 2, 4]
    assert traced.operators == ("aten.mul",)


def test_tracing_does_not_import_the_compiler() -> None:
    """A trace costs milliseconds: neither side imports torch's compiler or sympy for it."""
    code = (
        "import sys, torch\n"
        "from grader.replay import repeat, decoys\n"
        "from grader.worker.calls import invoke\n"
        "invoke(lambda x: x.t()[0] + 1, 'trace', (torch.ones(2, 3),), {}, {})\n"
        "decoys((torch.ones(2, 3), torch.arange(3)), {}, None)\n"
        "sys.exit('torch._dynamo' in sys.modules or 'sympy' in sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
