"""The eight checks with gradescope-utils, as an autograder on Gradescope runs them; writes results.json."""

import unittest
from pathlib import Path

import checks
from gradescope_utils.autograder_utils.decorators import visibility, weight
from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner
from submission import CausalSelfAttention


def _method(check):
    @weight(12.5)
    @visibility("after_due_date")
    def test(self):
        check(CausalSelfAttention)

    # Gradescope shows a test by the first line of its docstring.
    test.__doc__ = check.__name__
    return test


methods = {f"test_{check.__name__}": _method(check) for check in checks.CHECKS}
TestAttention = type("TestAttention", (unittest.TestCase,), methods)

if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(TestAttention)
    with Path("results.json").open("w") as file:
        JSONTestRunner(stream=file, visibility="visible").run(suite)
