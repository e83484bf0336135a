"""Hidden specs of challenge 03: trajectories of weights, buffers, optimizer state and history."""

import pytest
import torch
from both_sides import (
    ADAMW,
    EVALUATE_CHANGES_NOTHING,
    WRONG_TRAINING,
    Check,
    freeze_hidden,
    run_evaluate,
    run_train,
)


@pytest.fixture
def check(submission, reference, rng, expect):
    """Both sides, ready to be compared."""
    return Check(submission, reference, rng, expect)


# evaluate


@pytest.mark.points(5)
def test_evaluate_averages_over_examples(check):
    """evaluate averages loss and accuracy over examples, not over batches."""
    for sizes in ([4, 4, 1], [7, 2], [3]):
        check.scores(
            sizes,
            hint="The last batch may be smaller: weight each batch by its number of examples, "
            "and use the criterion that you are given.",
            smoothing=0.1,
            prepare=lambda model: model.eval(),
        )


@pytest.mark.points(5)
def test_evaluate_runs_in_eval_mode(check):
    """evaluate switches dropout off and uses batch norm's running statistics."""
    hint = "The model may arrive in train mode: call model.eval() first."
    check.scores([6, 6], hint, dropout=0.4, batch_norm=True)


@pytest.mark.points(3)
@pytest.mark.needs("test_evaluate_runs_in_eval_mode")
def test_evaluate_gives_the_mode_back(check, expect):
    """A model that was in train mode is in train mode again, one in eval mode stays there."""
    for training in (True, False):
        got, want = check.both(
            run_evaluate, [4], dropout=0.4, prepare=lambda model, mode=training: model.train(mode)
        )
        expect(got.model, want.model, hint=EVALUATE_CHANGES_NOTHING)
        hint = "What the model does next shows its mode: remember it before model.eval()."
        expect(got.next_batch, want.next_batch, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_evaluate_runs_in_eval_mode")
def test_evaluate_gives_each_submodule_its_mode_back(check, expect):
    """A part kept in eval mode inside a model in train mode is still in eval mode afterwards."""
    hint = (
        "What the model does next shows the mode of each part. model.train(mode) sets all of them "
        "alike; remember the flag of each."
    )
    for kept in ("norm", "drop"):
        got, want = check.both(
            run_evaluate,
            [5],
            batch_norm=True,
            dropout=0.4,
            prepare=lambda model, part=kept: model.attr(part).eval(),
        )
        expect(got.model, want.model, hint=EVALUATE_CHANGES_NOTHING)
        expect(got.next_batch, want.next_batch, hint=hint)


@pytest.mark.points(0)
@pytest.mark.needs("test_evaluate_averages_over_examples")
def test_evaluate_builds_no_graph(check, expect):
    """evaluate runs each batch forward once and keeps no autograd graph."""
    got, want = check.both(run_evaluate, [5, 5, 2])
    expect(got.model, want.model, hint=EVALUATE_CHANGES_NOTHING)
    expect.that(
        got.graph_log == want.graph_log,
        "Logits in evaluate require grad, or batches are run more than once: one forward pass for "
        "each batch, under torch.no_grad() or torch.inference_mode().",
    )


@pytest.mark.points(0)
def test_evaluate_moves_batches_to_the_device(check):
    """evaluate works when the loader's tensors lie on another device than the model."""
    check.scores([4, 4], hint="Move inputs and targets: inputs = inputs.to(device).", away=True)


# One optimizer step: which gradient, clipped when, followed by what


@pytest.mark.points(7)
def test_one_epoch_follows_the_reference(check):
    """One epoch of plain batches moves weights and optimizer state exactly as it should."""
    for dtype in (torch.float64, torch.float32):
        check.training(
            [4, 4, 4, 4],
            hint="For each batch: clear the gradients, forward, criterion, backward, step.",
            smoothing=0.1,
            dtype=dtype,
        )


@pytest.mark.points(3)
def test_old_gradients_do_not_count(check):
    """Gradients left on the model before the call do not reach the first step."""
    check.training(
        [4, 4],
        hint="Clear the gradients before the first backward, not only after each step.",
        prepare=lambda rig, *experiment: rig.leave_gradients(*experiment),
    )


@pytest.mark.points(6)
def test_a_group_of_batches_makes_one_step(check):
    """Accumulated batches make one step with the gradient of their mean loss."""
    check.training(
        [3, 3, 3, 3, 3, 3],
        hint="One zero_grad and one step for each group, and a mean over the group, not a sum.",
        accumulation_steps=3,
    )


@pytest.mark.points(5)
def test_the_last_group_may_have_fewer_batches(check):
    """Batches left over at the end of an epoch make a step of their own, with the right mean."""
    for sizes, accumulation_steps in (([3, 3, 3, 3, 3], 3), ([4, 4], 5)):
        check.training(
            sizes,
            hint="Step the left-over batches at the end of the epoch, and divide by what "
            "that group really holds.",
            accumulation_steps=accumulation_steps,
            epochs=2,
        )


@pytest.mark.points(5)
def test_examples_in_a_group_weigh_the_same(check):
    """A small batch counts for its examples, not as much as a full one."""
    check.training(
        [5, 5, 5, 2],
        hint="criterion returns the mean over its batch: weight it by the batch's share of the "
        "group's examples.",
        accumulation_steps=2,
    )


@pytest.mark.points(5)
def test_gradients_are_clipped_before_the_step(check):
    """The joint norm of all gradients is clipped between backward and step."""
    hint = "clip_grad_norm_ over all parameters, after backward and before step."
    check.clipping([4, 4, 4], hint)


@pytest.mark.points(4)
def test_clipping_waits_for_the_whole_group(check):
    """Clipping sees the accumulated gradient, not that of one batch."""
    hint = "Clip once for each optimizer step, when the group's last backward is done."
    check.clipping([4, 4, 4, 4], hint, accumulation_steps=2)


@pytest.mark.points(4)
def test_schedule_follows_each_optimizer_step(check):
    """The learning rate changes after every optimizer step; the first step uses the first."""
    check.training(
        [4, 4, 4],
        hint="optimizer.step(), then scheduler.step(), each time.",
        factors=(1.0, 0.5, 0.8, 0.2, 0.6, 0.1, 0.4),
        epochs=2,
    )


@pytest.mark.points(4)
def test_schedule_does_not_count_batches(check):
    """Batches that only accumulate leave the learning rate alone."""
    check.training(
        [4, 4, 4],
        hint="scheduler.step() belongs to optimizer.step(), not to the batch.",
        factors=(1.0, 0.5, 0.8, 0.2, 0.6, 0.1, 0.4),
        accumulation_steps=3,
        epochs=2,
    )


@pytest.mark.points(3)
def test_the_last_group_is_like_any_other(check):
    """The last, shorter group is clipped and advances the schedule too."""
    check.clipping(
        [4, 4, 4, 4, 4],
        hint="Use the same code for the last group as for the others.",
        factors=(1.0, 0.5, 0.8, 0.2),
        accumulation_steps=2,
    )


# Modes, frozen parameters, devices, loaders


@pytest.mark.points(5)
def test_training_runs_in_train_mode(check):
    """Every epoch trains with dropout and batch norm in train mode."""
    check.training(
        [4, 4, 4, 4],
        hint="The model may arrive in eval mode, and validation comes between the epochs: "
        "model.train() at the start of each epoch, one forward pass for each batch.",
        dropout=0.4,
        batch_norm=True,
        accumulation_steps=2,
        epochs=3,
        prepare=lambda rig, model, *_: model.eval(),
    )


@pytest.mark.points(2)
@pytest.mark.needs("test_training_runs_in_train_mode")
def test_train_gives_modes_back(check, expect):
    """After train every module is in the mode that it had before."""
    for training in (True, False):

        def prepare(rig, model, *_, mode=training):
            model.train(mode)
            model.norm.train(not mode)

        got, want = check.both(run_train, [5], batch_norm=True, dropout=0.4, prepare=prepare)
        expect(got.model, want.model, hint=WRONG_TRAINING)
        hint = "What the model does next shows its modes: remember each module's when train begins."
        expect(got.next_batch, want.next_batch, hint=hint)


@pytest.mark.points(3)
def test_frozen_parameters_stay(check):
    """Frozen parameters keep their values and stay frozen."""
    check.training(
        [4, 4, 4],
        hint="A frozen parameter's .grad is None and must stay so: a gradient of zeros lets "
        "weight decay move it.",
        recipe=ADAMW,
        prepare=freeze_hidden,
    )


@pytest.mark.points(0)
def test_train_moves_batches_to_the_device(check):
    """train works when the loader's tensors lie on another device than the model."""
    check.training(
        [4, 4, 4], hint="Move inputs and targets: inputs = inputs.to(device).", away=True
    )


@pytest.mark.points(2)
def test_loader_is_read_anew_in_each_epoch(check):
    """A loader that shuffles is asked for a new order exactly once in each epoch."""
    check.training(
        [4, 4, 4],
        hint="Iterate over train_loader once in each epoch; do not keep its batches.",
        shuffle=True,
        epochs=3,
    )


# History, best weights, early stopping


@pytest.mark.points(5)
@pytest.mark.needs("test_one_epoch_follows_the_reference")
def test_history_tells_each_epoch(check):
    """History holds example-weighted training loss, validation loss and accuracy of each epoch."""
    settings = {"val_sizes": [6, 6, 1], "difficulty": (), "epochs": 3}
    check.history(
        [4, 4, 4, 4],
        hint="a mean over examples, one float for each epoch; log the loss before you scale it.",
        accumulation_steps=2,
        **settings,
    )
    check.history([5, 5, 2], hint="weight each batch by its number of examples.", **settings)


@pytest.mark.points(6)
def test_best_weights_come_back(check):
    """After the last epoch the model has the weights of the epoch with the lowest loss."""
    check.weights(
        [4, 4],
        hint="Keep a copy: state_dict() hands out the live tensors. Best means lowest "
        "validation loss so far.",
        difficulty=(20.0, 5.0, 30.0, 10.0, 15.0),
        epochs=5,
    )


@pytest.mark.points(3)
def test_best_weights_come_back_after_early_stopping(check):
    """A run that stops early ends with its best weights too."""
    check.weights(
        [4, 4],
        hint="Restore the best weights on every way out of the loop.",
        difficulty=(20.0, 5.0, 30.0, 40.0, 50.0),
        epochs=6,
        patience=2,
    )


@pytest.mark.points(4)
def test_best_weights_include_buffers(check):
    """The running statistics that come back belong to the best epoch as well."""
    check.weights(
        [4, 4],
        hint="Copy the whole state_dict: batch norm's running statistics are buffers.",
        batch_norm=True,
        difficulty=(5.0, 20.0, 30.0),
        epochs=3,
    )


@pytest.mark.points(6)
@pytest.mark.needs("test_one_epoch_follows_the_reference")
def test_patience_counts_epochs_since_the_best(check):
    """Training stops after `patience` epochs in a row without a new lowest validation loss."""
    for patience, difficulty in (
        (2, (30.0, 20.0, 25.0, 10.0, 18.0, 15.0, 5.0, 1.0)),
        (1, (20.0, 10.0, 15.0, 5.0)),
    ):
        check.history(
            [4, 4],
            hint="Start counting anew at each new best; compare with the best, not the last.",
            difficulty=difficulty,
            epochs=len(difficulty),
            patience=patience,
        )


@pytest.mark.points(2)
@pytest.mark.needs("test_one_epoch_follows_the_reference")
def test_a_plateau_is_no_improvement(check):
    """An epoch whose validation loss only equals the best uses up patience."""
    check.history(
        [4, 4],
        hint="Only a strictly lower loss is an improvement.",
        difficulty=(),
        recipe=("SGD", {"lr": 0.0, "momentum": 0.9}),
        epochs=6,
        patience=2,
    )
