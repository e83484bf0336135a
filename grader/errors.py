"""What can go wrong, and the exit code of each.

GraderError                       4
├── UsageError                    2   the command line asks for something that is not there
│   ├── UnknownChallengeError
│   ├── FileExistsAlreadyError
│   ├── SealedError                   a sealed challenge, and no key that opens it
│   ├── WallRequiredError             the machine offers no wall as strong as required
│   └── RepositoryError               a git repository cannot be read, or lacks what is asked for
│       └── ObjectTooLargeError
├── GradingStopped             130   whoever asked for the grading stopped it
├── ScreenGone                    1   nobody reads any more what is written
├── HandInError                   3   the hand-in cannot be graded; becomes a score `ungradable`
└── GraderFault                   4   ours: a broken challenge, judge or machine
    ├── ChallengeError
    └── JudgeFault
"""

EXIT_PASSED = 0
EXIT_NOT_PASSED = 1
EXIT_USAGE = 2
EXIT_UNGRADABLE = 3
EXIT_FAULT = 4
EXIT_INTERRUPTED = 130


class GraderError(Exception):
    """Root of everything that this package raises on purpose."""

    exit_code = EXIT_FAULT


class UsageError(GraderError):
    """The command line asks for something that is not there."""

    exit_code = EXIT_USAGE


class UnknownChallengeError(UsageError):
    """No challenge has this id, name or path."""


class FileExistsAlreadyError(UsageError):
    """A file of the learner's would be overwritten."""


class SealedError(UsageError):
    """A challenge is sealed, and no key is given that opens it."""


class WallRequiredError(UsageError):
    """No wall as strong as required stands on this machine."""


class HandInError(GraderError):
    """The hand-in cannot be graded: says what, where and what to do next."""

    exit_code = EXIT_UNGRADABLE


class RepositoryError(UsageError):
    """A git repository cannot be read, or lacks what is asked for."""


class ObjectTooLargeError(RepositoryError):
    """An object of a git repository is larger than whoever reads it allows."""


class GradingStopped(GraderError):
    """A grading was stopped by whoever asked for it; there is no score."""

    exit_code = EXIT_INTERRUPTED


class ScreenGone(GraderError):
    """The terminal or the pipe that was written to has closed."""

    exit_code = EXIT_NOT_PASSED


class GraderFault(GraderError):
    """Our fault: never counts as an attempt."""


class ChallengeError(GraderFault):
    """A challenge folder is incomplete or contradicts itself."""


class JudgeFault(GraderFault):
    """The judge's report is missing or does not account for every spec."""
