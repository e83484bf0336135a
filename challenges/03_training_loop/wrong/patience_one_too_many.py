"""Training stops when more than patience epochs have passed without improvement."""
# caught-by: test_patience_counts_epochs_since_the_best
# caught-by: test_a_plateau_is_no_improvement
# advice: You train one epoch too long. Stop as soon as the count reaches patience: >=, not >.

import solution
from solution import *  # noqa: F403

right_train = solution.train


def train(*args, patience, **settings):
    return right_train(*args, patience=patience + 1, **settings)
