"""The weak wall: a plain process of the same user. Specs and values are still never in it."""

from __future__ import annotations

import secrets
import subprocess
import sys

import psutil

from grader.privacy import be_unreadable
from grader.walls import seccomp
from grader.walls.base import Job, Pipe, Running, environment, settings, site_folders
from grader.walls.orphans import MARK, adopt_orphans, marked_children
from leaderboard.score import Walls


class PlainProcess:
    """Own session and descriptors, a fixed environment, process limits; on Linux a call filter."""

    name = "plain process"
    level: Walls = "weak"

    def missing(self) -> str | None:
        """Return None: a process can be started everywhere."""
        return None

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start the worker in a session of its own, in its scratch folder."""
        adopt_orphans()
        be_unreadable()
        told = settings(
            job, job.hand_in / "submission.py", job.rig, site_folders(), seccomp.for_boot()
        )
        command = [sys.executable, "-s", "-S", "-P", "-B", str(job.worker / "boot.py"), told]
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=job.scratch,
            env={
                **environment(job.limits, str(job.scratch)),
                MARK: (token := secrets.token_hex(8)),
            },
            start_new_session=True,
        )
        return PlainRunning(process, job, token)


class PlainRunning(Running):
    """A plain process and what descends from it, orphans included.

    An orphan becomes a child of the supervisor (Linux) and is known by the mark in the environment that
    it was started with. One that started a program with an environment of its own is not found.
    """

    def __init__(self, process: subprocess.Popen[bytes], job: Job, token: str) -> None:
        super().__init__(process, job.scratch)
        self._token = token

    def _tree(self) -> list[psutil.Process]:
        members = dict.fromkeys(super()._tree())
        members |= dict.fromkeys(marked_children(self._token, recursive=True))
        return list(members)
