"""One of the eight checks as a test file of Otter-Grader; NAME is replaced by the check's name."""

from otter.test_files import test_case

OK_FORMAT = False
name = "NAME"
points = 1


@test_case()
def test_attention(env):
    """The check holds."""
    from support import checks

    getattr(checks, name)(env["CausalSelfAttention"])
