"""What can go wrong with scores.

LeaderboardError
├── ScoreError                 one record
│   ├── InvalidScoreError      cannot be written: it would not be read back
│   ├── DamagedScoreError      was a score once, or claims to be one
│   ├── ForeignScoreError      never was a score
│   └── NewerSchemaError       written by a later version of the kit
├── StoreError                 the folder of scores
│   ├── StoreReadError
│   ├── StoreWriteError
│   ├── ScoreNotFoundError
│   └── AmbiguousScoreError
├── ExportError                the score has no form in another program's format
├── SigningError               a key is none, or signatures cannot be made or checked here
├── EventError                 the event file, or a time on the command line, cannot be understood
├── PageError                  the folder of the page cannot be used
└── UnknownFormatError         no such table format
"""


class LeaderboardError(Exception):
    """Root of everything that this package raises on purpose."""


class ScoreError(LeaderboardError):
    """One record cannot be used."""


class InvalidScoreError(ScoreError):
    """The record would not be read back, so it must not be written."""


class DamagedScoreError(ScoreError):
    """The bytes are no whole, valid score."""


class ForeignScoreError(ScoreError):
    """The file is not a score of this kit."""


class NewerSchemaError(ScoreError):
    """The record was written by a later version of the kit."""


class StoreError(LeaderboardError):
    """The folder of scores cannot be used."""


class StoreReadError(StoreError):
    """The store exists but cannot be read."""


class StoreWriteError(StoreError):
    """A score could not be written."""


class ScoreNotFoundError(StoreError):
    """No score has this id."""


class AmbiguousScoreError(StoreError):
    """Several scores fit the id."""


class ExportError(LeaderboardError):
    """The score has no form in another program's format."""


class SigningError(LeaderboardError):
    """A key is none, or signatures cannot be made or checked here."""


class EventError(LeaderboardError):
    """The event file, or a time that was given, cannot be understood."""


class PageError(LeaderboardError):
    """The folder of the page is not ours to write to, or cannot be written."""


class UnknownFormatError(LeaderboardError):
    """No table format has this name."""
