"""The ways to call something mean what torch means, and leave no trace."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from grader.worker.calls import invoke, on_meta, overwrite, twice, vjp
from grader.worker.values import leaves

DOUBLE = torch.float64


def normal(*shape: int, grad: bool = False, dtype: torch.dtype = DOUBLE) -> torch.Tensor:
    """Random numbers, the same for the same shape."""
    generator = torch.Generator().manual_seed(sum(shape) + 1)
    return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_(grad)


class Net(nn.Module):
    """A module with a used, an unused and a frozen parameter, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(normal(3))
        self.idle = nn.Parameter(normal(2))
        self.frozen = nn.Parameter(normal(3), requires_grad=False)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return x * self.weight * self.frozen

    def scaled(self, x: torch.Tensor, factor: float = 1.0) -> torch.Tensor:
        return self(x) * factor


# vjp.


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.complex128, torch.complex64]
)
def test_vjp_is_that_of_autograd(dtype: torch.dtype) -> None:
    """Gradients are those of torch.autograd.grad with the cotangent as grad_outputs."""
    x, y = normal(2, 3, grad=True, dtype=dtype), normal(3, grad=True, dtype=dtype)
    cotangent = normal(2, 3, dtype=dtype)

    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a * a * b + b

    result = vjp(function, (x, y), {}, cotangent)
    expected = torch.autograd.grad(function(x, y), (x, y), cotangent)

    assert torch.equal(result.output, function(x, y))
    for actual, wanted in zip(result.grads, expected, strict=True):
        assert actual is not None
        assert actual.dtype == dtype
        torch.testing.assert_close(actual, wanted)


def test_vjp_takes_inputs_in_order_wherever_they_stand() -> None:
    """Gradients come for each input that requires grad: nested, by keyword, in order; no others."""
    a, b, c = (normal(2, grad=True) for _ in range(3))
    fixed = normal(2)

    def function(pair: list[torch.Tensor], other: torch.Tensor, more: Any) -> torch.Tensor:
        return pair[0] + 2 * pair[1] + 3 * more["c"] + other

    result = vjp(function, ([a, b], fixed), {"more": {"c": c}}, torch.ones(2, dtype=DOUBLE))

    assert [grad.tolist() for grad in result.grads if grad is not None] == [
        [n, n] for n in (1, 2, 3)
    ]


def test_vjp_gives_none_for_what_is_not_used() -> None:
    """Inputs and parameters on which nothing depends have no gradient, rather than zeros."""
    x, y = normal(3, grad=True), normal(3, grad=True)
    net = Net()
    result = vjp(lambda a, b, model: model(a), (x, y, net), {}, normal(3))

    assert result.grads[0] is not None
    assert result.grads[1] is None
    assert result.params["idle"] is None


def test_vjp_names_the_trainable_parameters() -> None:
    """Parameter gradients come by name; a frozen parameter is not among them."""
    net, x, cotangent = Net(), normal(2, 3), normal(2, 3)
    result = vjp(net, (x,), {}, cotangent)

    assert list(result.params) == ["weight", "idle"]
    torch.testing.assert_close(result.params["weight"], (cotangent * x * net.frozen).sum(0))


def test_vjp_of_a_method_gives_its_owners_parameters() -> None:
    """A bound method of a module counts as the module."""
    assert list(vjp(Net().scaled, (normal(3),), {"factor": 2.0}, normal(3)).params) == [
        "weight",
        "idle",
    ]


def test_vjp_prefixes_the_parameters_of_further_modules() -> None:
    """Of several modules the first has its own names; the others are numbered."""
    result = vjp(lambda one, two, x: two(one(x)), (Net(), Net(), normal(3)), {}, normal(3))

    assert list(result.params) == ["weight", "idle", "1.weight", "1.idle"]


def test_vjp_leaves_no_gradients_behind() -> None:
    """Nothing is added to any .grad."""
    net, x = Net(), normal(3, grad=True)
    vjp(net, (x,), {}, normal(3))

    assert x.grad is None
    assert net.weight.grad is None


def test_vjp_of_several_outputs() -> None:
    """Outputs in a tuple have their cotangents in a tuple; one without a graph adds nothing."""
    x = normal(3, grad=True)
    cotangents = (normal(3), normal(3, 3), torch.ones(3, dtype=DOUBLE))
    result = vjp(lambda a: (2 * a, a.unsqueeze(1) * a, a.detach()), (x,), {}, cotangents)
    wanted = 2 * cotangents[0] + x @ cotangents[1] + cotangents[1] @ x

    assert result.grads[0] is not None
    torch.testing.assert_close(result.grads[0], wanted.detach())


@pytest.mark.parametrize(
    "output",
    [
        lambda x: x.sum(),
        lambda x: x.detach(),
        lambda x: (x, x),
        lambda x: None,
        lambda x: "a text",
        lambda x: x.long(),
    ],
    ids=["another_shape", "detached", "too_many", "none", "text", "whole_numbers"],
)
def test_vjp_of_an_unfit_output_has_no_gradients(output: Any) -> None:
    """Where output and cotangent do not fit, the output is returned and all gradients are None."""
    x = normal(3, grad=True)
    result = vjp(output, (x,), {}, normal(3))

    assert result.grads == (None,)


def test_vjp_in_a_lower_dtype_takes_a_wider_cotangent() -> None:
    """The cotangent takes the dtype of the output."""
    x = normal(3, grad=True, dtype=torch.bfloat16)
    result = vjp(lambda a: a * 2, (x,), {}, torch.ones(3, dtype=DOUBLE))

    assert result.grads[0] is not None
    assert result.grads[0].dtype == torch.bfloat16


def test_second_is_the_gradient_of_the_gradients() -> None:
    """`second` differentiates the weighted sum of the gradients by the same inputs."""
    x, y = normal(3, grad=True), normal(3, grad=True)
    cotangent, weights = normal(3), (normal(3), normal(3))

    def function(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a**3 * b

    result = vjp(function, (x, y), {}, cotangent, weights)
    first = torch.autograd.grad(function(x, y), (x, y), cotangent, create_graph=True)
    expected = torch.autograd.grad(first, (x, y), weights)

    assert result.second is not None
    for actual, wanted in zip(result.second, expected, strict=True):
        torch.testing.assert_close(actual, wanted)


def test_second_leaves_out_what_has_no_weight() -> None:
    """A weight of None takes its gradient out of the sum."""
    x, y = normal(3, grad=True), normal(3, grad=True)
    result = vjp(lambda a, b: a**2 * b, (x, y), {}, torch.ones(3, dtype=DOUBLE), (None, normal(3)))

    assert result.second is not None
    torch.testing.assert_close(result.second[0], (2 * x * normal(3)).detach())
    assert result.second[1] is None


def test_second_of_a_linear_function_is_none() -> None:
    """Where the gradients depend on nothing, there is no second derivative."""
    x = normal(3, grad=True)
    result = vjp(lambda a: a * 2, (x,), {}, normal(3), (normal(3),))

    assert result.second == (None,)


def test_second_through_a_backward_that_is_differentiable_once() -> None:
    """Where a hand-in's backward itself is outside the graph, there is no second derivative."""

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(a)
            return a**2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return 2 * ctx.saved_tensors[0] * grad

    result = vjp(Once.apply, (normal(3, grad=True),), {}, normal(3), (normal(3),))

    assert result.grads[0] is not None
    assert result.second == (None,)


# meta.


def test_meta_calls_with_shapes_alone() -> None:
    """The call is repeated with tensors that have a shape and dtype but no data."""
    result = on_meta(lambda a, *, b: a @ b[0], (normal(2, 3),), {"b": [normal(3, 4)]})

    assert (result.device.type, tuple(result.shape), result.dtype) == ("meta", (2, 4), DOUBLE)


@pytest.mark.parametrize("call", ["itself", "method", "argument"])
def test_meta_takes_a_copy_of_a_module(call: str) -> None:
    """A module is moved as a copy, be it called, the owner of a method, or an argument."""
    net, x = Net(), normal(2, 3)
    before = copy.deepcopy(net.state_dict())
    if call == "itself":
        result = on_meta(net, (x,), {})
    elif call == "method":
        result = on_meta(net.scaled, (x,), {"factor": 2.0})
    else:
        result = on_meta(lambda model, a: model(a), (net, x), {})

    assert result.device.type == "meta"
    assert net.weight.device.type == "cpu"
    assert all(torch.equal(net.state_dict()[name], before[name]) for name in before)


def test_meta_moves_the_device_argument_too() -> None:
    """A torch.device among the arguments becomes meta, so that code which obeys it passes."""
    result = on_meta(
        lambda device: torch.zeros(2, device=device), (), {"device": torch.device("cpu")}
    )

    assert result.device.type == "meta"


def test_meta_finds_code_that_forgets_the_device() -> None:
    """A constant made on the CPU does not mix with inputs from elsewhere."""
    with pytest.raises(RuntimeError, match="meta"):
        on_meta(lambda a: a.masked_fill(torch.ones(3, dtype=torch.bool), 0.0), (normal(2, 3),), {})


def test_meta_keeps_strides_and_requires_grad() -> None:
    """A transposed input that requires grad is one on meta as well."""
    seen: list[torch.Tensor] = []
    on_meta(seen.append, (normal(2, 3, grad=True).t(),), {})

    assert seen[0].stride() == (1, 3)
    assert seen[0].requires_grad


# twice.


def test_twice_shows_in_the_second_result_what_the_first_call_did() -> None:
    """Both calls get the same objects: one that writes into them is seen by the other."""

    def function(a: torch.Tensor, *, b: list[int]) -> tuple[float, int]:
        a.add_(1)
        b.append(5)
        return a.sum().item(), len(b)

    assert twice(function, (torch.zeros(2),), {"b": []}) == ((2.0, 1), (4.0, 2))
    assert twice(lambda a: a, (3,), {}) == (3, 3)


# overwrite.


def test_overwrite_goes_through_shared_memory() -> None:
    """What is written into a view is read in its base, and the other way round."""
    x, rows, columns = torch.zeros(2, 3), torch.arange(6.0), torch.arange(6.0).view(2, 3) + 7
    seen, result = overwrite(lambda x: x.view(6), (x,), {}, rows, columns)

    assert torch.equal(seen, rows.view(2, 3))
    assert torch.equal(result, columns.flatten())


def test_overwrite_shows_nothing_of_a_copy() -> None:
    """A copy keeps what it holds, and so does its origin."""
    x, rows, columns = torch.zeros(2, 3), torch.arange(6.0), torch.arange(6.0).view(2, 3) + 7
    seen, result = overwrite(lambda x: x.clone().view(6), (x,), {}, rows, columns)

    assert torch.equal(seen, torch.zeros(2, 3))
    assert torch.equal(result, rows)


def test_overwrite_leaves_alone_what_does_not_fit() -> None:
    """Another shape, or no tensor at all, comes back as it was returned."""
    for returned in (None, 3, torch.ones(5)):
        seen, result = overwrite(
            lambda x, r=returned: r, (torch.zeros(2),), {}, normal(3), torch.ones(2)
        )

        assert torch.equal(seen, torch.zeros(2))
        assert result is returned
    assert overwrite(lambda x: x, (torch.zeros(2),), {}, None, None) == (None, None)


# The rest.


def test_an_unknown_mode_is_refused() -> None:
    """There are six modes and no way to name another function by its name."""
    with pytest.raises(KeyError):
        invoke(len, "leaves", ([],), {}, {})


def test_leaves_are_found_in_all_containers() -> None:
    """Tensors are yielded in order from lists, tuples, dicts and dataclasses."""
    result = vjp(lambda a: a, (normal(1, grad=True),), {}, normal(1))
    a, b = torch.zeros(1), torch.ones(1)

    assert [leaf is a or leaf is b for leaf in leaves([a, ({"x": b}, "text", 3)])] == [True, True]
    assert len(list(leaves(result))) == 2
