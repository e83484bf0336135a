"""Write the JSON Schema of the score: ``python -m leaderboard.schema [PATH]``."""

import json
import sys
from pathlib import Path

from leaderboard.score import json_schema

DEFAULT_PATH = Path(__file__).parent.parent / "docs" / "score.schema.json"


def document() -> str:
    """The schema as the text that is kept in the repository."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> None:
    """Write the schema to the path given, or into docs/."""
    path = Path(arguments[0]) if arguments else DEFAULT_PATH
    path.write_text(document(), encoding="utf-8", newline="\n")
    print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
