"""What challenge 05's solution and its competitors reach: the numbers behind the target.

    python benchmarks/tiny_gpt_table.py seeds --seeds 20      the worked solution, seed by seed
    python benchmarks/tiny_gpt_table.py variants --seeds 2    competitors, each with the whole minute

One thread, and the clock that training plans by counts the CPU seconds of this process, so the
table is that of an idle core however busy the machine is. Rows are Markdown, printed as they come.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHALLENGE = Path(__file__).resolve().parents[1] / "challenges" / "05_tiny_gpt"
sys.path[:0] = [str(CHALLENGE), str(CHALLENGE / "specs")]

import language  # noqa: E402
import ngram  # noqa: E402
import scoring  # noqa: E402
import solution  # noqa: E402

SECONDS = 60.0
NUM_STORIES = 20_000
TARGET = 1.10
VOCAB_SIZE, STORY_LEN = language.VOCAB_SIZE, language.STORY_LEN
CPU = torch.device("cpu")

Data = tuple[Tensor, language.Stories]


class LSTM(nn.Module):
    """Two layers, 80 wide: as many parameters as the worked solution."""

    def __init__(self) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(VOCAB_SIZE, 80)
        self.lstm = nn.LSTM(80, 80, num_layers=2, batch_first=True)
        self.lm_head = nn.Linear(80, VOCAB_SIZE)

    def forward(self, idx: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)."""
        return self.lm_head(self.lstm(self.token_emb(idx))[0])


class NoPositions(solution.GPT):
    """The solution without position embeddings."""

    def forward(self, idx: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)."""
        return self.lm_head(self.norm(self.blocks(self.token_emb(idx))))


class NoResiduals(solution.Block):
    """A block whose two parts replace their input instead of adding to it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.mlp(self.norm2(self.attn(self.norm1(x))))


class NoMask(solution.CausalSelfAttention):
    """Attention that also looks ahead."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def gpt(num_layers: int = solution.NUM_LAYERS) -> nn.Module:
    """The solution's model, with another number of blocks perhaps."""
    model = solution.GPT(VOCAB_SIZE, STORY_LEN)
    blocks = (solution.Block(solution.EMBED_DIM, solution.NUM_HEADS) for _ in range(num_layers))
    model.blocks = nn.Sequential(*blocks)
    return model


def without_residuals() -> nn.Module:
    """The solution's model with blocks that do not add to their input."""
    model = gpt()
    blocks = (NoResiduals(solution.EMBED_DIM, solution.NUM_HEADS) for _ in range(2))
    model.blocks = nn.Sequential(*blocks)
    return model


def without_mask() -> nn.Module:
    """The solution's model, attending to the future."""
    model = gpt()
    for block in model.blocks:
        block.attn = NoMask(solution.EMBED_DIM, solution.NUM_HEADS)
    return model


def default_init() -> nn.Module:
    """PyTorch's own initialisation everywhere: position embeddings as large as tokens."""
    model = gpt()
    model.pos_emb.reset_parameters()
    return model


def guide_init() -> nn.Module:
    """All weights normal with std 0.02, token embedding and head tied, as in the study guide."""
    model = gpt()
    model.lm_head.weight = model.token_emb.weight
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    return model


def unshifted_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """Cross-entropy of each token given itself."""
    return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())


def train(model: nn.Module, tokens: Tensor) -> None:
    """The solution's training within SECONDS."""
    solution.train(model, tokens, CPU, SECONDS)


def train_with(**settings: object) -> Callable[[nn.Module, Tensor], None]:
    """The solution's training for all of SECONDS, with some of its settings replaced."""
    settings = {"NUM_STEPS": 10**9, "TIME_SHARE": 1.0, **settings}

    def run(model: nn.Module, tokens: Tensor) -> None:
        before = {name: getattr(solution, name) for name in settings}
        vars(solution).update(settings)
        try:
            train(model, tokens)
        finally:
            vars(solution).update(before)

    return run


def do_nothing(model: nn.Module, tokens: Tensor) -> None:
    """No training."""


Variant = tuple[Callable[[], nn.Module], Callable[[nn.Module, Tensor], None]]
VARIANTS: dict[str, Variant] = {
    "GPT, untrained": (gpt, do_nothing),
    "GPT, targets not shifted": (gpt, train_with(next_token_loss=unshifted_loss)),
    "GPT without a mask": (without_mask, train_with()),
    "bigram net (a table)": (lambda: nn.Embedding(VOCAB_SIZE, VOCAB_SIZE), train_with()),
    "LSTM, 2 × 80": (LSTM, train_with()),
    "LSTM, 2 × 80, rate 1e-2": (LSTM, train_with(LEARNING_RATE=1e-2)),
    "GPT, one block": (lambda: gpt(num_layers=1), train_with()),
    "GPT, 10 × learning rate": (gpt, train_with(LEARNING_RATE=3e-2)),
    "GPT without residuals": (without_residuals, train_with()),
    "GPT, the guide's init (std 0.02, tied)": (guide_init, train_with()),
    "GPT without positions": (lambda: NoPositions(VOCAB_SIZE, STORY_LEN), train_with()),
    "GPT, PyTorch's init for positions too": (default_init, train_with()),
    "worked solution, whole minute": (gpt, train_with()),
    "worked solution": (gpt, train),
}


def data(seed: int) -> Data:
    """The corpus and the validation stories of a seed."""
    drawn = language.Language(seed)
    corpus = drawn.stories(NUM_STORIES, "corpus").tokens
    return corpus, drawn.stories(100 * (STORY_LEN - 1), "validation")


def measured_loss(nll: Tensor, stories: language.Stories) -> scoring.Estimate:
    """The loss as the specs estimate it."""
    excess = nll + scoring.at_scored_position(stories.log_probs)
    return scoring.stratified(excess).shifted(language.entropy_floor())


def run(variant: Variant, seed: int) -> tuple[scoring.Estimate, int, int, float]:
    """Train one variant on one seed: its loss, parameters, steps and CPU seconds."""
    corpus, stories = data(seed)
    torch.manual_seed(seed)
    model, steps = variant[0](), [0]
    hook = nn.Module.register_forward_pre_hook(model, lambda *_: steps.__setitem__(0, steps[0] + 1))
    started = time.process_time()
    variant[1](model, corpus)
    seconds = time.process_time() - started
    hook.remove()
    model.eval()
    with torch.no_grad():
        nll = scoring.model_nll(lambda prefixes: model(prefixes)[:, -1], stories)
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    return measured_loss(nll, stories), num_parameters, steps[0], seconds


def reaches(loss: scoring.Estimate) -> str:
    """Whether this loss passes."""
    return "yes" if loss.upper < TARGET else "no"


def seed_rows(num_seeds: int) -> Iterator[str]:
    """The worked solution, one row per seed."""
    yield "| seed | loss | below 1.10 | steps | CPU seconds |\n|---|---|---|---|---|"
    losses = []
    for seed in range(num_seeds):
        loss, _, steps, seconds = run(VARIANTS["worked solution"], seed)
        losses.append(loss)
        yield f"| {seed} | {loss} | {reaches(loss)} | {steps} | {seconds:.1f} |"
    passed = sum(loss.upper < TARGET for loss in losses)
    mean = statistics.mean(loss.mean for loss in losses)
    yield f"| all | mean {mean:.3f} | {passed} of {num_seeds} | | |"


def variant_rows(num_seeds: int, names: list[str]) -> Iterator[str]:
    """Models that need no training, then one row per variant, a loss for each seed."""
    yield "| model | parameters | steps | CPU seconds | loss | below 1.10 |\n|---|---|---|---|---|---|"
    yield f"| uniform | | | | {math.log(VOCAB_SIZE):.3f} | no |"
    yield from ngram_rows(num_seeds)
    for name in names or VARIANTS:
        runs = [run(VARIANTS[name], seed) for seed in range(num_seeds)]
        losses = [loss for loss, *_ in runs]
        passed = ", ".join(map(reaches, losses))
        _, count, steps, seconds = runs[0]
        yield f"| {name} | {count:,} | {steps} | {seconds:.0f} | {listed(losses)} | {passed} |"
    yield f"| entropy of the language | | | | {language.entropy_floor():.4f} | |"


def ngram_rows(num_seeds: int) -> Iterator[str]:
    """Unigram, bigram and the best n-gram."""
    losses: dict[str, list[scoring.Estimate]] = {}
    for seed in range(num_seeds):
        corpus, stories = data(seed)
        best = ngram.best_ngram(corpus, VOCAB_SIZE)
        models = {
            "unigram": ngram.unigram(corpus, VOCAB_SIZE),
            "bigram": ngram.fit(corpus, VOCAB_SIZE, best.strengths[:2]),
            "best back-off n-gram": best,
        }
        for name, model in models.items():
            nll = -scoring.at_scored_position(model.log_probs(stories.tokens))
            losses.setdefault(name, []).append(measured_loss(nll, stories))
    for name, found in losses.items():
        yield f"| {name} | | | | {listed(found)} | {', '.join(map(reaches, found))} |"


def listed(losses: list[scoring.Estimate]) -> str:
    """The losses of all seeds."""
    return ", ".join(str(loss) for loss in losses)


def main() -> None:
    """Print one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", choices=["seeds", "variants"])
    parser.add_argument("names", nargs="*", metavar="VARIANT", help="only these variants")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # The solution plans by this clock, and its progress lines would stand between the rows.
    solution.time = SimpleNamespace(perf_counter=time.process_time)
    solution.print = lambda *_, **__: None
    if arguments.table == "seeds":
        rows = seed_rows(arguments.seeds)
    else:
        rows = variant_rows(arguments.seeds, arguments.names)
    for row in rows:
        print(row, flush=True)


if __name__ == "__main__":
    main()
