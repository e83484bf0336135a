"""A right hand-in for challenge 04 that searches everything it can reach and prints what it saw.

What it looks for lies beside it in wanted.py, with every byte shifted, so that the list itself is
not found: data is shifted in the same way before it is searched.
"""

import gc
import hashlib
import json
import math
import os
import stat
import sys

import torch
import wanted
from kit_worker import wire
from torch import nn
from torch.nn import functional as F

# Found by any search that works.
PLANTED = "a marker that was planted here, unlike all the others"

TABLE = bytes((byte + wanted.SHIFT) % 256 for byte in range(256))
CHUNK = 16 << 20
OVERLAP = 256
SMALL = 1 << 16
SYSTEM = ("/site", "/usr", "/lib", "/lib64", sys.base_prefix)


class Search:
    """One search through everything."""

    def __init__(self):
        self.hits = {}
        self.seen = dict.fromkeys(["files", "processes", "memory", "objects", "frames"], 0)
        self.errors = []

    def look(self, place, data):
        """Search these bytes."""
        shifted = data.translate(TABLE)
        for label, marker in wanted.MARKERS.items():
            if marker in shifted:
                self.hits.setdefault(place, set()).add(label)

    def everything(self):
        """Search everything; what fails in an unforeseen way is reported, not hidden."""
        parts = [self.files, self.processes, self.memory, self.objects, self.frames, self.rest]
        for part in parts:
            try:
                part()
            except Exception as error:
                self.errors.append(f"{part.__name__}: {error!r}")

    def files(self):
        """Names of all files, identity of all, and contents of the small ones that are not Python's."""
        for folder, folders, names in os.walk("/"):
            if folder == "/":
                folders[:] = [name for name in folders if name not in ("proc", "sys")]
            paths = [os.path.join(folder, name) for name in [*names, *folders]]
            self.look("names", b"\n".join(map(os.fsencode, paths)))
            for path in paths:
                self.file(path)

    def file(self, path):
        """Compare one file with those that are not to be seen."""
        try:
            info = os.lstat(path)
            if stat.S_ISLNK(info.st_mode):
                self.look("names", os.fsencode(os.readlink(path)))
            if not stat.S_ISREG(info.st_mode):
                return
            self.seen["files"] += 1
            known = info.st_size in wanted.SIZES
            if known or (info.st_size <= SMALL and not path.startswith(SYSTEM)):
                with open(path, "rb") as file:
                    data = file.read(1 << 20)
                digest = hashlib.sha256(data).hexdigest()
                if digest in wanted.FILES:
                    self.hits.setdefault("files", set()).add(wanted.FILES[digest])
                if not path.startswith(SYSTEM):
                    self.look("contents", data)
        except OSError:
            return

    def processes(self):
        """All that /proc says about each process, and its memory if it can be had."""
        for number in filter(str.isdigit, os.listdir("/proc")):
            self.seen["processes"] += 1
            for name in ("cmdline", "environ", "maps", "mountinfo", "status", "stat", "mounts"):
                try:
                    with open(f"/proc/{number}/{name}", "rb") as file:
                        self.look(f"proc {name}", file.read())
                except OSError:
                    continue
            for name in ("cwd", "exe", "root", "fd"):
                self.links(f"/proc/{number}/{name}")
            if int(number) != os.getpid():
                self.memory(number)

    def links(self, path):
        """Where a link leads, or all links in a folder."""
        try:
            paths = [f"{path}/{name}" for name in os.listdir(path)] if path[-2:] == "fd" else [path]
            for link in paths:
                self.look("proc links", os.fsencode(os.readlink(link)))
        except OSError:
            return

    def memory(self, number="self"):
        """Every readable region that is no plain copy of a file."""
        try:
            with open(f"/proc/{number}/maps") as file:
                regions = [line.split(maxsplit=5) for line in file]
            memory = open(f"/proc/{number}/mem", "rb", 0)
        except OSError:
            return
        with memory:
            for span, rights, _, _, inode, *_ in regions:
                if rights[0] == "r" and (inode == "0" or rights[1] == "w"):
                    begin, end = (int(part, 16) for part in span.split("-"))
                    self.region(memory, begin, end)

    def region(self, memory, begin, end):
        """Search a region, piece by piece."""
        while begin < end:
            try:
                memory.seek(begin)
                data = memory.read(min(CHUNK + OVERLAP, end - begin))
            except (OSError, OverflowError, ValueError):
                return
            self.seen["memory"] += len(data)
            self.look("memory", data)
            begin += CHUNK

    def objects(self):
        """Texts that the garbage collector's objects refer to."""
        texts = set()
        for value in gc.get_objects():
            self.seen["objects"] += 1
            texts.update(item for item in gc.get_referents(value) if type(item) in (str, bytes))
        joined = b"\n".join(t if type(t) is bytes else t.encode("utf-8", "replace") for t in texts)
        self.look("objects", joined)

    def frames(self):
        """The code and the variables of every frame below this one."""
        frame = sys._getframe()
        while frame is not None:
            self.seen["frames"] += 1
            told = [frame.f_code.co_filename, *map(_words, frame.f_locals.values())]
            self.look("frames", "\n".join(told).encode("utf-8", "replace"))
            frame = frame.f_back

    def rest(self):
        """Environment, arguments, import path, modules, and every frame that the judge has sent."""
        told = [*os.environ, *os.environ.values(), *sys.argv, *sys.path, *sys.modules, os.getcwd()]
        self.look("environment", "\n".join(told).encode("utf-8", "surrogateescape"))
        for frame in received:
            self.look("received", frame.header)
            self.look("received", frame.payload)

    def report(self):
        """Print what was seen as one line of JSON."""
        hits = {place: sorted(labels) for place, labels in self.hits.items()}
        modules = sorted({name.partition(".")[0] for name in sys.modules})
        said = {"hits": hits, "seen": self.seen, "errors": self.errors, "received": len(received)}
        ours = [name for name in modules if name not in sys.stdlib_module_names]
        print("SEARCHED", json.dumps({**said, "modules": ours, "descriptors": descriptors()}))


def _words(value):
    try:
        return repr(value)[:10_000]
    except Exception as error:
        return repr(error)


def descriptors():
    """What is open: the kind of file behind each number."""
    kinds = {}
    for number in range(256):
        try:
            mode = os.fstat(number).st_mode
        except OSError:
            continue
        kinds[number] = "pipe" if stat.S_ISFIFO(mode) else oct(stat.S_IFMT(mode))
    return kinds


received = []
read_frame = wire.read_frame


def remembering(read, limits):
    """Keep everything that the judge sends."""
    frame = read_frame(read, limits)
    received.append(frame)
    return frame


wire.read_frame = remembering
count = 0


class CausalSelfAttention(nn.Module):
    """Attention that is right to twelve digits, so that no right answer lies here to be found."""

    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError("num_heads must divide embed_dim")
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        global count
        count += 1
        if count == wanted.SEARCH_AT:
            search = Search()
            search.everything()
            search.report()
        B, T, C = x.shape
        x = x * (1 + 3e-13)
        q, k, v = (
            part.view(B, T, self.num_heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1)
        )
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
        hidden = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1)
        weights = self.dropout(F.softmax(scores.masked_fill(hidden, float("-inf")), dim=-1))
        return self.proj((weights @ v).transpose(1, 2).reshape(B, T, C)) * (1 + 5e-13)
