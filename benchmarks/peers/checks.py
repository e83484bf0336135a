"""Eight plain checks of causal attention, as a teacher would write them next to the hand-in.

Each takes the class `CausalSelfAttention` of challenge 04 and raises where it is wrong. What is right comes
from `torch.nn.functional.scaled_dot_product_attention`. The challenge's own specs ask for more; these are
what every grader under comparison runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Attention = Callable[..., Any]


def _module(attention: Attention, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Return a module with 3 heads of width 4, in eval mode, with weights that make scores differ."""
    torch.manual_seed(0)
    module: nn.Module = attention(12, 3, dropout=0.0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=1 / math.sqrt(12))
    return module.to(dtype).eval()


def _tokens(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def _expected(module: Any, x: Tensor) -> Tensor:
    """Return what the module should give for x (B, T, C), from its own weights."""
    q, k, v = F.linear(x, module.qkv.weight).unflatten(-1, (9, 4)).transpose(1, 2).chunk(3, dim=1)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, 3, T, 4)
    return F.linear(mixed.transpose(1, 2).flatten(2), module.proj.weight, module.proj.bias)


def check_shape(attention: Attention) -> None:
    """(B, T, C) in gives (B, T, C) out."""
    assert _module(attention)(_tokens(2, 5, 12)).shape == (2, 5, 12)


def check_dtype(attention: Attention) -> None:
    """float32 in gives float32 out, and float64 float64."""
    for dtype in (torch.float32, torch.float64):
        assert _module(attention, dtype)(_tokens(2, 5, 12, dtype=dtype)).dtype == dtype


def check_reference(attention: Attention) -> None:
    """The output is torch's own causal attention of the module's weights."""
    module, x = _module(attention), _tokens(4, 7, 12)
    torch.testing.assert_close(module(x), _expected(module, x))


def check_causality(attention: Attention) -> None:
    """Other tokens from position 4 on change nothing before position 4."""
    module, x = _module(attention), _tokens(2, 7, 12)
    other = x.clone()
    other[:, 4:] += 1.0
    torch.testing.assert_close(module(other)[:, :4], module(x)[:, :4])


def check_gradients(attention: Attention) -> None:
    """Input and parameters get the gradients of torch's own causal attention."""
    module, x = _module(attention, torch.float64), _tokens(2, 5, 12, dtype=torch.float64)
    x.requires_grad_()
    wanted = [x, *module.parameters()]
    actual = torch.autograd.grad(module(x).square().sum(), wanted)
    expected = torch.autograd.grad(_expected(module, x).square().sum(), wanted)
    torch.testing.assert_close(actual, expected)


def check_batch(attention: Attention) -> None:
    """A sample gives the same output alone as in a batch."""
    module, x = _module(attention), _tokens(3, 6, 12)
    alone = torch.cat([module(sample.unsqueeze(0)) for sample in x])
    torch.testing.assert_close(module(x), alone)


def check_double(attention: Attention) -> None:
    """With float64 the output has float64's accuracy."""
    module, x = _module(attention, torch.float64), _tokens(2, 9, 12, dtype=torch.float64)
    torch.testing.assert_close(module(x), _expected(module, x), rtol=1e-11, atol=1e-12)


def check_long(attention: Attention) -> None:
    """A sequence of 512 tokens works after one of 8."""
    module = _module(attention)
    for length in (8, 512):
        x = _tokens(1, length, 12)
        torch.testing.assert_close(module(x), _expected(module, x))


CHECKS: Final = (
    check_shape,
    check_dtype,
    check_reference,
    check_causality,
    check_gradients,
    check_batch,
    check_double,
    check_long,
)


def outcomes(attention: Attention) -> dict[str, bool]:
    """Return which checks hold, run in this process."""
    found = {}
    for check in CHECKS:
        try:
            check(attention)
        except Exception:
            found[check.__name__] = False
        else:
            found[check.__name__] = True
    return found
