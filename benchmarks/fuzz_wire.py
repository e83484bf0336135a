"""Arbitrary bytes for the trusted end of the wire: real answers, damaged in every way.

    python benchmarks/fuzz_wire.py [--frames 1000000] [--seed 1] [--plain]

Each frame is read, decoded, typed by a session and compared by `expect`, as in a grading. It must give a
value, a feedback or a violation; anything else ends the run with code 1 and the frame in hexadecimal.
With atheris installed the mutations are guided by the coverage of our own modules; `--plain` does without.
"""

from __future__ import annotations

import argparse
import collections
import random
import struct
import sys
import tempfile
import time
import typing
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from grader import session as sessions
from grader import words
from grader.challenge import Challenge, Limits, load
from grader.expectation import Expect, SpecFailure
from grader.session import Session, SubmissionError
from grader.transport import SessionLost
from grader.worker import loading, wire
from grader.worker.codec import Decoder, Encoder
from grader.worker.server import Server

ROOT = Path(__file__).resolve().parent.parent
CPU = torch.device("cpu")
NUMBER: Final = 7
MODES: Final = typing.get_args(wire.Mode)
QUESTIONS: Final = ("load", "get", *MODES)
FRAME_LIMITS: Final = wire.FrameLimits(header=1 << 20, payload=1 << 20)
MINI: Final = ROOT / "tests" / "challenges" / "90_mini"
INTERESTING: list[Any] = [
    0,
    1,
    -1,
    2,
    7,
    63,
    64,
    65,
    1 << 27,
    (1 << 27) + 1,
    1 << 31,
    1 << 62,
]
INTERESTING += [-(1 << 63), (1 << 64) - 1, None, True, 0.5, float("nan"), float("inf"), "", "cpu"]
INTERESTING += [
    "cuda:0",
    "float32",
    "bool",
    "complex128",
    "\x1b[2J",
    "__class__",
    "0x" + "f" * 5000,
]
INTERESTING += [b"", [], {}, ["h", 1, [], "M"], ["s", "list", []], ["b", b"x"], ["i", "-0x1"]]

Outcome = typing.Literal["value", "feedback", "violation", "cut short"]


class FuzzError(Exception):
    """A frame for which something else was raised than the protocol promises."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data.hex())
        self.data = data


class OneAnswer:
    """A transport whose answer is some bytes, as they would arrive in a pipe."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Read the answer as the pipe's reader does."""
        position = 0

        def read(count: int) -> bytes:
            nonlocal position
            part = self._data[position : position + min(count, 4096)]
            position += len(part)
            return part

        return wire.read_frame(read, FRAME_LIMITS)

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Nobody reads it."""


class Target:
    """The trusted end: `receive` says what became of some bytes, or raises FuzzError.

    Every question must have the number NUMBER.
    """

    def __init__(self) -> None:
        self._challenge = load(MINI)
        self._expect = Expect(CPU)
        self._expected = [torch.ones(2, 3), 1.0, {"a": [1, "b"]}, None, 2**70]

    def receive(self, data: bytes) -> Outcome:
        """Ask a question whose answer is `data`; which one, the data decide."""
        question = QUESTIONS[zlib.crc32(data) % len(QUESTIONS)]
        session = Session(OneAnswer(data), CPU, Limits())
        try:
            if question == "load":
                return _loaded(session, self._challenge)
            return self._compared(_asked(session, question))
        except wire.EndOfStream:
            return "cut short"
        except SessionLost as lost:
            if lost.status != "violation":
                raise FuzzError(data) from lost
            return "violation"
        except SubmissionError as error:
            str(error)
            return "feedback"
        except Exception as error:
            raise FuzzError(data) from error

    def _compared(self, value: Any) -> Outcome:
        for expected in self._expected:
            try:
                self._expect(value, expected)
            except SpecFailure as failure:
                str(failure)
        return "value"


def _loaded(session: Session, challenge: Challenge) -> Outcome:
    reply = session.load(challenge)
    if isinstance(reply, wire.Raised):
        words.does_not_import(reply)
        return "feedback"
    return "feedback" if words.names_missing(reply, challenge.names) else "value"


def _asked(session: Session, question: str) -> Any:
    target = wire.Target("submission", ["f"])
    if question == "get":
        return session.get(target)
    return session.call(target, typing.cast(wire.Mode, question), (), {}, {}, None)


# The corpus: what an honest worker says.


def corpus() -> list[bytes]:
    """Return whole frames: every kind of message, and the mini challenge's solution in every mode."""
    raised = wire.Raised(
        NUMBER, ["KeyError", "LookupError"], "'w'", [wire.Line("a.py", 3, "f", "x")]
    )
    messages: list[wire.Reply] = [
        wire.Started(),
        wire.Ready(),
        wire.Ready(raised),
        raised,
        wire.Stopped(NUMBER),
        wire.Loaded(NUMBER, ["double", "row_means", "Affine"], [], []),
        wire.Loaded(NUMBER, ["duble"], ["double"], ["Affine"]),
        wire.Value(NUMBER, wire.HandleNode(1, [], "Affine")),
        wire.Value(NUMBER, wire.AbstractNode([2, 3], "float32", "meta")),
        wire.Value(NUMBER, wire.ForeignNode("numpy.ndarray", "an array of another library")),
    ]
    frames = [wire.Frame(wire.encode_message(message), b"") for message in messages]
    frames += [_answer(value) for value in _values()] + _answers_of_the_solution()
    return [_bytes(frame) for frame in frames]


def _values() -> list[Any]:
    shared = torch.arange(6.0)
    nested: list[Any] = [1]
    for _ in range(40):
        nested = [nested]
    return [
        *(None, True, -1, 2**63, 2**200, 0.5, 1j, "é\n", b"\0\xff", torch.float16, CPU, nested),
        *(shared.reshape(2, 3), shared.to(torch.bool), shared.to(torch.complex64), shared[:0]),
        (shared, [shared, shared[2:]], {"a": shared[1], 2: (3, None)}),
        {"weight": torch.ones(2, 3, requires_grad=True), ("b", 1): torch.zeros(())},
    ]


def _answer(value: Any) -> wire.Frame:
    encoder = Encoder(keep_layout=False, on_object=lambda thing: wire.HandleNode(1, [], "M"))
    header = wire.encode_message(wire.Value(NUMBER, encoder.node(value)))
    return wire.Frame(header, encoder.payload())


def _answers_of_the_solution() -> list[wire.Frame]:
    """Return what a real server answers about the solution, over the same road as in a grading."""
    path = MINI / "solution.py"
    module = loading.execute(loading.compile_source(path), path, "fuzzed_solution")
    server = Server({"submission": module}, CPU, MINI)
    encoder = Encoder(keep_layout=True, on_object=lambda thing: None)
    x = torch.randn(2, 3, requires_grad=True)
    args, kwargs = encoder.node((x,)), encoder.node({})
    extra = encoder.node({"cotangent": torch.ones(2, 3)}), encoder.node({})
    frames = []
    for mode in MODES:
        target = wire.Target("submission", ["double"])
        more = extra[0] if mode == "vjp" else extra[1]
        call = wire.Call(NUMBER, target, mode, args, kwargs, more, None, [])  # type: ignore[arg-type]
        frame = wire.Frame(wire.encode_message(call), encoder.payload())
        frames.append(server.answer(frame))
    return frames


def _bytes(frame: wire.Frame) -> bytes:
    parts: list[bytes] = []
    wire.write_frame(parts.append, frame)
    return b"".join(parts)


# Mutations. Those of whole trees reach what bytes at random hardly ever do.


def mutated(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Return `data` with one to four changes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = rng.choice(_MUTATIONS)(rng, data, others)
    return data[: 1 << 16]


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Return header and payload of a frame, as far as it has them."""
    if len(data) < wire.PREFIX.size:
        return data, b""
    _, length, _ = wire.PREFIX.unpack_from(data)
    body = data[wire.PREFIX.size :]
    return body[:length], body[length:]


def _flip(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    if not data:
        return b"\0"
    changed = bytearray(data)
    position = rng.randrange(len(changed))
    changed[position] = rng.choice(
        (changed[position] ^ (1 << rng.randrange(8)), rng.randrange(256))
    )
    return bytes(changed)


def _cut(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    begin = rng.randint(0, len(data))
    end = rng.randint(begin, min(len(data), begin + 16))
    return data[:begin] + rng.randbytes(rng.randrange(6)) + data[end:]


def _splice(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Put the header of one frame before the payload of another."""
    header, payload = _split(data)
    other_header, other_payload = _split(rng.choice(others))
    if rng.random() < 0.5:
        return _bytes(wire.Frame(other_header, payload))
    return _bytes(wire.Frame(header, other_payload))


def _lengths(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Make the prefix say other lengths, or the true ones."""
    header, payload = _split(data)
    sizes = (len(header), len(header) + 1, 0, FRAME_LIMITS.header + 1, 0xFFFF_FFFF)
    rest = (len(payload), len(payload) + 1, 0, FRAME_LIMITS.payload + 1, (1 << 64) - 1)
    return wire.PREFIX.pack(wire.MAGIC, rng.choice(sizes), rng.choice(rest)) + header + payload


def _tree(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change one node of the header's tree, and say the true lengths."""
    header, payload = _split(data)
    try:
        tree = msgspec.msgpack.decode(header)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _flip(rng, data, others)
    changed = _changed(rng, tree)
    try:
        return _bytes(wire.Frame(msgspec.msgpack.encode(changed), payload))
    except (OverflowError, RecursionError, msgspec.EncodeError):
        return data


def _changed(rng: random.Random, tree: Any, depth: int = 0) -> Any:
    if isinstance(tree, dict) and tree and (depth == 0 or rng.random() < 0.7):
        # Mostly below the value: a wrong type or number of the message ends it at once.
        key = "value" if "value" in tree and rng.random() < 0.8 else rng.choice(list(tree))
        return {**tree, key: _changed(rng, tree[key], depth + 1)}
    if isinstance(tree, list) and tree and rng.random() < 0.7:
        place = rng.randrange(len(tree))
        if rng.random() < 0.2:
            return [*tree[:place], *[tree[place]] * rng.choice((0, 2, 3)), *tree[place + 1 :]]
        return [*tree[:place], _changed(rng, tree[place], depth + 1), *tree[place + 1 :]]
    if rng.random() < 0.1:
        for _ in range(rng.choice((1, 31, 33, 40))):
            tree = ["s", rng.choice(("list", "tuple")), [tree]]
        return tree
    if rng.random() < 0.2:
        return ["m", [[tree, 1], [rng.choice(INTERESTING), tree]]]
    return rng.choice(INTERESTING)


def _storages(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change the list of storages at the head of the payload."""
    header, payload = _split(data)
    if len(payload) < 8:
        return _flip(rng, data, others)
    (length,) = struct.unpack_from("<Q", payload)
    if length > len(payload) or rng.random() < 0.2:
        sizes = (0, 1, len(payload) - 8, 1 << 20, 9 << 20, (1 << 64) - 1)
        return _bytes(wire.Frame(header, struct.pack("<Q", rng.choice(sizes)) + payload[8:]))
    listed, rest = payload[8 : 8 + length], payload[8 + length :]
    pairs = [
        (b'"U8"', b'"F32"'),
        (b"[", b"[1,"),
        (b'"0"', b'"1"'),
        (b"0", b"1"),
        (b"}", b"},"),
        (b"]", b""),
    ]
    pairs += [(b"0,", b"-1,"), (b"[", b"[18446744073709551615,"), (b'"shape"', b'"dtype"')]
    old, new = rng.choice(pairs)
    listed = listed.replace(old, new, rng.choice((1, -1)))
    return _bytes(wire.Frame(header, struct.pack("<Q", len(listed)) + listed + rest))


Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]
_MUTATIONS: list[Mutation] = [_flip, _cut, _splice, _lengths, _tree, _tree, _tree, _tree, _storages]


# Runs.


def fuzz(frames: int, seed: int) -> collections.Counter[str]:
    """Send so many frames, each grown from a real one or from one that got through; count outcomes."""
    rng = random.Random(seed)
    target, pool = Target(), corpus()
    real = len(pool)
    counted: collections.Counter[str] = collections.Counter()
    for _ in range(frames):
        data = mutated(rng, rng.choice(pool), pool)
        outcome = target.receive(data)
        counted[outcome] += 1
        if outcome in ("value", "feedback"):
            # Among the later ones an old one makes room.
            if len(pool) < 4 * real:
                pool.append(data)
            else:
                pool[rng.randrange(real, len(pool))] = data
    return counted


def fuzz_guided(frames: int, seed: int) -> None:
    """As `fuzz`, guided by coverage. Does not return: libFuzzer ends the process."""
    import atheris  # type: ignore[import-untyped]

    for function in (
        Session._ask,
        Session._exchange,
        Session._handle,
        sessions._typed,
        Decoder.value,
    ):
        atheris.instrument_func(function)
    target, real = Target(), corpus()
    counted: collections.Counter[str] = collections.Counter()
    started = time.perf_counter()

    def one(data: bytes) -> None:
        try:
            counted[target.receive(data)] += 1
        except FuzzError as error:
            sys.exit(_failure(error))
        if sum(counted.values()) == frames:
            report(counted, time.perf_counter() - started)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        return mutated(rng, data, real)[:most]

    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(real):
            Path(folder, str(number)).write_bytes(data)
        options = [f"-runs={frames}", f"-seed={seed}", "-max_len=65536", "-verbosity=0", folder]
        atheris.Setup([sys.argv[0], *options], one, custom_mutator=mutate)
        atheris.Fuzz()


def report(counted: collections.Counter[str], seconds: float) -> None:
    """Print the figures of a run."""
    frames = sum(counted.values())
    print(f"{frames} frames in {seconds:.0f} s, {frames / seconds:.0f} a second")
    for outcome, count in sorted(counted.items()):
        print(f"  {outcome}: {count}")
    sys.stdout.flush()


def _failure(error: FuzzError) -> int:
    print(f"raised {error.__cause__!r} for the frame\n{error.data.hex()}")
    return 1


def main() -> int:
    """Fuzz as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="without atheris")
    options = parser.parse_args()
    # A fuzzed answer could not know the number of its question.
    sessions._new_id = lambda: NUMBER
    # As in a grading: torch warns, for instance of a complex result compared with a real one.
    warnings.simplefilter("ignore")
    if not options.plain:
        try:
            fuzz_guided(options.frames, options.seed)
        except ImportError:
            print("atheris is not installed: mutations without guidance")
    started = time.perf_counter()
    try:
        counted = fuzz(options.frames, options.seed)
    except FuzzError as error:
        return _failure(error)
    report(counted, time.perf_counter() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main())
