"""Runs hand-in and reference on the same models, data and seeds, and compares what they leave."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FEATURES, HIDDEN, CLASSES, EXAMPLES = 5, 6, 3, 24
SGD = ("SGD", {"lr": 0.2, "momentum": 0.9})
ADAMW = ("AdamW", {"lr": 0.05, "weight_decay": 0.1})
KEYS = ("train_loss", "val_loss", "val_accuracy")
# Every epoch is better than the one before, so the last weights are the ones to keep.
IMPROVING = (40.0, 30.0, 20.0, 10.0)
WRONG_TRAINING = "The training itself went wrong."
EVALUATE_CHANGES_NOTHING = "evaluate must not change parameters or buffers."


@dataclass(frozen=True)
class Task:
    """Hidden weights, data and seed."""

    weights: dict[str, Tensor]
    inputs: Tensor
    targets: Tensor
    val_inputs: Tensor
    val_targets: Tensor
    seed: int


@dataclass(frozen=True)
class Run:
    """What a call left behind; history is what the call returned.

    `next_batch`: what the model makes of another batch in the modes that its modules are in now, and
    its buffers after that.
    """

    history: Any
    model: Any
    optimizer: Any
    next_batch: Any
    graph_log: Any


def make_task(rng, dtype=torch.float64) -> Task:
    """Draw a task."""

    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)

    def labels():
        return torch.randint(CLASSES, (EXAMPLES,), generator=rng)

    weights = {
        "hidden.weight": normal(HIDDEN, FEATURES) * 0.5,
        "hidden.bias": normal(HIDDEN) * 0.5,
        "head.weight": normal(CLASSES, HIDDEN) * 0.5,
        "head.bias": normal(CLASSES) * 0.5,
    }
    seed = int(torch.randint(2**31, (), generator=rng))
    inputs, val_inputs = normal(EXAMPLES, FEATURES), normal(EXAMPLES, FEATURES)
    return Task(weights, inputs, labels(), val_inputs, labels(), seed)


def run_train(
    side,
    task: Task,
    sizes,
    *,
    val_sizes=(5,),
    difficulty=IMPROVING,
    dropout=0.0,
    batch_norm=False,
    recipe=SGD,
    factors=(1.0,),
    smoothing=0.0,
    shuffle=False,
    away=False,
    prepare=None,
    **train_settings,
) -> Run:
    """Build everything on this side, call train, and bring back what it left."""
    rig = side.rig
    model = rig.make_model(task.weights, dropout, batch_norm)
    criterion = rig.make_criterion(smoothing)
    optimizer = rig.make_optimizer(model, *recipe)
    scheduler = rig.make_scheduler(optimizer, list(factors))
    loader = rig.make_loader(task.inputs, task.targets, list(sizes), shuffle, away)
    val_loader = rig.make_loader(
        task.val_inputs, task.val_targets, list(val_sizes), False, False, list(difficulty), CLASSES
    )
    if prepare is not None:
        prepare(rig, model, loader, criterion)
    loop = {"epochs": 1, "max_grad_norm": 1e6, "accumulation_steps": 1, "patience": 10}
    loop |= train_settings
    objects = (model, loader, val_loader, optimizer, scheduler, criterion, rig.device_of(model))
    side.seed(task.seed)
    history = side.train(*objects, **loop)
    state = rig.model_state(model)
    return Run(history, state, rig.optimizer_state(optimizer), next_batch(side, model, task), None)


def next_batch(side, model, task: Task):
    """Logits of the validation inputs, as dropout and batch norm are set, and what the batch leaves."""
    side.seed(task.seed ^ 1)
    return model(task.val_inputs), side.rig.model_state(model)["buffers"]


def run_evaluate(
    side, task: Task, sizes, *, prepare=None, smoothing=0.0, away=False, **model_options
) -> Run:
    """Build everything on this side, call evaluate, and bring back what it left."""
    rig = side.rig
    model = rig.make_model(task.weights, **model_options)
    if prepare is not None:
        prepare(model)
    criterion = rig.make_criterion(smoothing)
    loader = rig.make_loader(task.val_inputs, task.val_targets, list(sizes), False, away)
    side.seed(task.seed)
    scores = side.evaluate(model, loader, criterion, rig.device_of(model))
    state, graph_log = rig.model_state(model), model.graph_log.get()
    return Run(scores, state, None, next_batch(side, model, task), graph_log)


@dataclass(frozen=True)
class Check:
    """Runs hand-in and reference on the same task and compares what they leave."""

    submission: Any
    reference: Any
    rng: torch.Generator
    expect: Any

    def both(self, runner, sizes, dtype=torch.float64, **settings) -> tuple[Run, Run]:
        """Run the hand-in and the reference on a new task."""
        task = make_task(self.rng, dtype)
        return (
            runner(self.submission, task, sizes, **settings),
            runner(self.reference, task, sizes, **settings),
        )

    def scores(self, sizes, hint, **settings) -> None:
        """Evaluate gives the reference's loss and accuracy, and changes nothing."""
        got, want = self.both(run_evaluate, sizes, **settings)
        # Looser than float64: a loss summed up in float32 on the device is a fair choice.
        self.expect(got.history, want.history, hint=hint, rtol=1e-6, atol=1e-7)
        self.expect(got.model, want.model, hint=EVALUATE_CHANGES_NOTHING)

    def training(self, sizes, hint, **settings) -> None:
        """Model and optimizer end where the reference's do."""
        got, want = self.both(run_train, sizes, **settings)
        self.expect(got.model, want.model, hint=hint)
        self.expect(got.optimizer, want.optimizer, hint=hint)

    def weights(self, sizes, hint, **settings) -> None:
        """Parameters and buffers end where the reference's do; the optimizer may be elsewhere."""
        got, want = self.both(run_train, sizes, **settings)
        self.expect(got.model, want.model, hint=hint)

    def history(self, sizes, hint, **settings) -> None:
        """The three lists are the reference's; further entries are the learner's own affair."""
        got, want = self.both(run_train, sizes, **settings)
        self.expect.that(
            isinstance(got.history, dict) and all(key in got.history for key in KEYS),
            f"train must return a dict with the keys {', '.join(KEYS)}.",
        )
        for key in KEYS:
            told, true = got.history[key], want.history[key]
            self.expect(told, true, hint=f"{key}: {hint}", rtol=1e-6, atol=1e-7)
        self.expect(got.optimizer, want.optimizer, hint=WRONG_TRAINING)

    def clipping(self, sizes, hint, **settings) -> None:
        """Like training, whatever clipping adds to the norm against a division by zero."""
        settings = {"max_grad_norm": 0.03, "prepare": freeze_hidden, **settings}
        got, want = self.both(run_train, sizes, **settings)
        self.expect(got.model, want.model, hint=hint, rtol=1e-4, atol=1e-6)
        self.expect(got.optimizer, want.optimizer, hint=hint, rtol=1e-4, atol=1e-6)
        frozen, kept = (run.model["parameters"]["hidden.weight"] for run in (got, want))
        self.expect(frozen, kept, hint="A frozen parameter has changed.")


def freeze_hidden(rig, model, *_):
    """Freeze the hidden layer before training."""
    model.hidden.requires_grad_(False)
