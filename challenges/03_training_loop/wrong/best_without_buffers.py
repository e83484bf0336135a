"""Only the parameters of the best epoch are kept."""
# caught-by: test_best_weights_include_buffers
# advice: Weights come back, running statistics do not. Copy the whole state_dict, buffers included.

import solution
from solution import *  # noqa: F403


class BestEpoch(solution.BestEpoch):
    def restore(self, model):
        names = dict(model.named_parameters())
        state = {name: value for name, value in self.state.items() if name in names}
        model.load_state_dict(state, strict=False)


solution.BestEpoch = BestEpoch
