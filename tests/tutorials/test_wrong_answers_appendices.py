"""Each wrong answer to an exercise of the appendices is met by the reason why it is wrong."""

from __future__ import annotations

import pytest
import torch
from notebook_checks import checks_of, meets


@pytest.fixture(scope="module")
def appendices():
    imports = ("import matplotlib", "import math")
    names = ("a1_convolution_as_relations", "a2_gradient_reversal", "a3_variational_autoencoder", "a4_sinkhorn_distances", "a5_adam_trap")
    return {name[:2]: checks_of(name, *imports) for name in names}


def kernel(row, column):
    made = torch.zeros(3, 3)
    made[row, column] = 1.0
    return made


def through(x, slope):
    y = slope * x
    return y + (x - y).detach()


def sinkhorn(C, blur, rounds, *, sign=-1.0, n=None, m=None):
    n, m = n or len(C), m or C.shape[1]
    K, v = (sign * C / blur).exp(), torch.ones(C.shape[1])
    for _ in range(rounds):
        u = (1 / n) / (K @ v)
        v = (1 / m) / (K.T @ u)
    return u[:, None] * K * v


def rows_only(C, blur, rounds):
    K = (-C / blur).exp()
    return K / K.sum(1, keepdim=True) / len(C)


def columns_only(C, blur, rounds):
    K = (-C / blur).exp()
    return K / K.sum(0) / C.shape[1]


def step_with_zeros(optimiser, frozen):
    for parameter in frozen:
        parameter.grad.zero_()
    optimiser.step()


def step_and_forget(optimiser, frozen):
    for parameter in frozen:
        parameter.grad = None
    optimiser.step()


def step_and_swap(optimiser, frozen):
    step_and_forget(optimiser, frozen)
    for parameter in frozen:
        parameter.grad = torch.zeros_like(parameter)


@pytest.mark.parametrize(
    ("name", "number", "answer", "reason"),
    [
        ("a1", 1, None, "a number"),
        ("a1", 1, 81, "without a border"),
        ("a1", 1, 40, "itself"),
        ("a1", 1, 33, "diagonal"),
        ("a1", 1, 50, "= 49"),
        ("a1", 2, None, "a tensor"),
        ("a1", 2, torch.zeros(2, 2), "(3, 3)"),
        ("a1", 2, kernel(1, 2), "one to the left"),
        ("a1", 2, kernel(0, 1), "one down"),
        ("a1", 2, kernel(1, 1), "where it is"),
        ("a1", 2, kernel(0, 0), "0 1 2 3"),
        ("a2", 1, None, "a number"),
        ("a2", 1, 6, "without the layer"),
        ("a2", 1, -6, "strength is 0.5"),
        ("a2", 1, 3, "sign changes"),
        ("a2", 1, 0, "multiplied by -0.5"),
        ("a2", 2, lambda x, strength: None, "a tensor"),
        ("a2", 2, lambda x, strength: -strength * x, "nothing changes"),
        ("a2", 2, lambda x, strength: x.detach(), "no gradient"),
        ("a2", 2, lambda x, strength: through(x, 1.0), "unchanged"),
        ("a2", 2, lambda x, strength: through(x, -1.0), "strength is ignored"),
        ("a2", 2, lambda x, strength: through(x, strength), "does not change"),
        ("a2", 2, lambda x, strength: through(x, -2 * strength), "-0.25 times"),
        ("a3", 1, None, "a number"),
        ("a3", 1, -1.3, "never negative"),
        ("a3", 1, 2.614, "half of it"),
        ("a3", 1, 0.653, "squared"),
        ("a3", 1, 1.5, "it costs 1.307"),
        ("a3", 2, lambda mean, deviation, noise: None, "a tensor"),
        ("a3", 2, lambda mean, deviation, noise: torch.normal(mean, deviation).detach(), "no gradient passes"),
        ("a3", 2, lambda mean, deviation, noise: mean + deviation**2 * noise, "the variance"),
        ("a3", 2, lambda mean, deviation, noise: mean + noise + 0 * deviation, "not stretched"),
        ("a3", 2, lambda mean, deviation, noise: mean - deviation * noise, "2 - 3 * 1"),
        ("a3", 2, lambda mean, deviation, noise: mean.detach() + deviation * noise + 0 * mean, "slope in the mean"),
        ("a3", 2, lambda mean, deviation, noise: mean + deviation.detach() * noise + 0 * deviation, "slope in the deviation"),
        ("a4", 1, None, "a number"),
        ("a4", 1, 4, "half of the mass"),
        ("a4", 1, 1, "one by one"),
        ("a4", 1, 5, "not its square"),
        ("a4", 1, 3, "half of 1"),
        ("a4", 2, lambda C, blur, rounds: None, "the plan"),
        ("a4", 2, lambda C, blur, rounds: sinkhorn(C, blur, rounds).T, "one entry a pair"),
        ("a4", 2, lambda C, blur, rounds: sinkhorn(C, blur, rounds, n=1, m=1), "all mass together"),
        ("a4", 2, columns_only, "rows"),
        ("a4", 2, rows_only, "columns"),
        ("a4", 2, lambda C, blur, rounds: sinkhorn(C, blur, rounds, sign=1.0), "with a minus"),
        ("a5", 1, None, "a number"),
        ("a5", 1, 0, "Adam moves on"),
        ("a5", 1, 0.047, "with 0.5"),
        ("a5", 1, 0.0127, "1 - 0.9"),
        ("a5", 1, 0.04737, "root of v"),
        ("a5", 1, 0.1, "0.0670"),
        ("a5", 2, lambda optimiser, frozen: None, "has to move"),
        ("a5", 2, lambda optimiser, frozen: optimiser.step(), "not enough"),
        ("a5", 2, step_with_zeros, "not enough"),
        ("a5", 2, step_and_forget, "is lost"),
        ("a5", 2, step_and_swap, "another one"),
    ],
)
def test_wrong_answers_in_appendices(appendices, name, number, answer, reason):
    meets(appendices[name], number, answer, reason)
