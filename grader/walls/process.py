"""The weak wall: a plain process of the same user. Specs and values are still never in it.

On Linux it confines itself before any code of the hand-in runs: to the files that the other walls show,
by Landlock where the kernel has it, and to the system calls that a hand-in needs.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import psutil

from grader.privacy import be_unreadable
from grader.walls import seccomp, view
from grader.walls.base import (
    Confinement,
    Job,
    Pipe,
    Running,
    environment,
    settings,
    site_folders,
)
from grader.walls.orphans import MARK, adopt_orphans, session_members
from grader.worker import landlock
from leaderboard.score import Walls


class PlainProcess:
    """Own session and descriptors, a fixed environment, limits; on Linux Landlock and a call filter."""

    level: Walls = "weak"

    def __init__(self, abi: int | None = None) -> None:
        """`abi`: the version of Landlock to use at most, 0 for none. Without it, that of the kernel."""
        there = landlock.newest()
        self.abi = there if abi is None else min(abi, there)
        self.name = "plain process" if self.abi else "plain process, no Landlock"

    def missing(self) -> str | None:
        """Return None: a process can be started everywhere."""
        return None

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start the worker in a session of its own, in its scratch folder."""
        adopt_orphans()
        be_unreadable()
        site = [view.site_of_links(job)] if self.abi else site_folders()
        told = settings(
            job,
            job.hand_in / "submission.py",
            job.rig,
            site,
            seccomp.for_boot(one_session=True),
            self._confinement(job, site),
        )
        python = str(view.python()) if self.abi else sys.executable
        process = subprocess.Popen(
            [python, "-s", "-S", "-P", "-B", str(job.worker / "boot.py"), told],
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

    def _confinement(self, job: Job, site: list[Path]) -> Confinement | None:
        if not self.abi:
            return None
        read = [job.worker, job.hand_in, *site, *view.package_entries()]
        read += [*map(Path, view.SYSTEM_FILES), *([job.rig] if job.rig else [])]
        read += view.cuda_folders() if job.cuda else []
        return Confinement(
            self.abi,
            system=[str(path) for path in view.system_paths()],
            hidden=list(view.hidden_folders(view.system_paths())),
            read=[str(path) for path in read],
            write=[str(job.scratch)],
            devices=["/dev/null", *map(str, view.cuda_devices() if job.cuda else [])],
        )


class PlainRunning(Running):
    """A plain process and what descends from it, orphans included.

    An orphan becomes a child of the supervisor (Linux). It is known by its session, which the call filter
    does not let it leave, and where there is no filter by the mark in the environment that it inherited.
    """

    def __init__(self, process: subprocess.Popen[bytes], job: Job, token: str) -> None:
        super().__init__(process, job.scratch)
        self._token = token

    def tree(self) -> list[psutil.Process]:
        """Return the worker, all that descends from it, and orphans."""
        members = dict.fromkeys(super().tree())
        members |= dict.fromkeys(session_members(self.process.pid, self._token))
        return list(members)
