"""The eight checks under check50, which runs each in a process of its own, in a copy of the hand-in."""

import sys
from pathlib import Path

import check50
import check50.py

sys.path.insert(0, str(Path(__file__).parent))
import checks


def _declare(check):
    def run():
        attention = check50.py.import_("submission.py").CausalSelfAttention
        try:
            check(attention)
        except Exception as error:
            raise check50.Failure(str(error)) from error

    run.__name__, run.__doc__ = check.__name__, check.__doc__
    return check50.check()(run)


# check50 looks for the checks among the names of this module.
for _check in checks.CHECKS:
    globals()[_check.__name__] = _declare(_check)
