"""A right hand-in for the mini challenge that looks for the key and the plain text of a sealed one.

It reads its environment, /proc, its own memory, and every file that may hold plain text, and reports
what it saw: SEARCHED and a line of JSON. An insider has told it where the plain text lies and which
process holds the key (told.py).
"""

import json
import os
import re

import told
import torch

# The control: text of this shape is found, in this process's own memory and file.
PLANTED = "AGE-SECRET-KEY-1" + "PLANTED0" * 6
KEY = re.compile(rb"AGE-SECRET-KEY-1[A-Z0-9]{40,}")
NAMES = re.compile(r"sealed\.age|known_mistakes\.json|test_mini\.py|^90_mini$|^grader-[0-9a-f]{16}")
PLACES = ("/dev/shm", "/run", "/tmp", "/proc", "/root", "/home", "/var/tmp", "/work", "/")


def search():
    """Everything that was found, by place."""
    found = {"keys": [], "names": [], "told": [], "variables": sorted(os.environ), "looked": 0}
    for pid in ["self", told.SUPERVISOR, *range(1, 50), *range(os.getpid() - 99, os.getpid() + 9)]:
        for name in ("environ", "cmdline", "mem"):
            look(f"/proc/{pid}/{name}", found)
        if pid != "self":
            insider(f"/proc/{pid}/root{told.ROOM}", found)
    insider(told.ROOM, found)
    for place in PLACES:
        walk(place, found, 3 if place != "/" else 1)
    memory(found)
    return found


def insider(room, found):
    """Go where the plain text is known to lie."""
    for name in ("", "/90_mini", "/90_mini/specs"):
        try:
            found["told"] += [room, *os.listdir(room + name)]
        except OSError:
            continue
    for name in ("solution.py", "specs/test_mini.py", "known_mistakes.json", "challenge.toml"):
        try:
            found["told"].append(open(f"{room}/90_mini/{name}").read(20))
        except OSError:
            continue


def look(path, found):
    """Search one file for a key."""
    try:
        with open(path, "rb") as file:
            data = file.read(1 << 20)
    except OSError:
        return
    found["looked"] += 1
    found["keys"] += [[path, match.decode()] for match in KEY.findall(data)]


def walk(place, found, depth):
    """Look for names that tell, and into files."""
    try:
        entries = list(os.scandir(place))
    except OSError:
        return
    for entry in entries[:500]:
        if NAMES.search(entry.name):
            found["names"].append(entry.path)
        try:
            if entry.is_dir(follow_symlinks=False) and depth and not entry.path.startswith("/proc"):
                walk(entry.path, found, depth - 1)
            elif entry.is_file() and not entry.path.startswith(("/proc", "/sys")):
                look(entry.path, found)
        except OSError:
            continue


def memory(found):
    """Search what this process has mapped for writing."""
    try:
        maps = open("/proc/self/maps").read().splitlines()
        held = open("/proc/self/mem", "rb", 0)
    except OSError:
        return
    for line in maps:
        place, rights = line.split()[:2]
        start, end = (int(part, 16) for part in place.split("-"))
        if "rw" not in rights or end - start > 1 << 28:
            continue
        try:
            held.seek(start)
            data = held.read(end - start)
        except (OSError, ValueError, OverflowError):
            continue
        found["looked"] += 1
        found["keys"] += [["memory", match.decode()] for match in KEY.findall(data)]


print("SEARCHED", json.dumps(search()))


def double(x):
    return 2 * x


def row_means(x):
    return x.mean(dim=1)


class Affine(torch.nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(float(weight)))
        self.bias = torch.nn.Parameter(torch.tensor(float(bias)))

    def forward(self, x):
        return self.weight * x + self.bias
