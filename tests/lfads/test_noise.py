"""Dropout masks: as many dropped as asked for, and the mean is kept."""

import pytest
import torch

from nwb_autolfads.lfads.kernels import compiled, recurrence
from nwb_autolfads.lfads.noise import draw_mask, draw_noise
from nwb_autolfads.lfads.sizes import Sizes


def test_each_member_drops_at_its_own_rate_and_keeps_the_mean():
    rates = torch.tensor([0.0, 0.05, 0.6])
    noise = draw_noise(Sizes(3), 50, 40, rates, torch.Generator().manual_seed(0), dropout=True)
    for mask in noise.dropout[1:]:
        dropped = (mask == 0).double().mean((1, 2, 3))
        error = (rates * (1 - rates) / mask[0].numel()).sqrt()
        assert dropped[0] == 0
        assert ((dropped - rates).abs() <= 5 * error + 2**-16).all()
        kept = mask.amax((1, 2, 3))
        torch.testing.assert_close(kept, 1 / (1 - rates), rtol=1e-4, atol=0)
        assert set(mask[2].unique().tolist()) == {0.0, kept[2].item()}


def test_masks_of_neighbours_are_independent():
    mask = draw_noise(Sizes(3), 200, 64, torch.tensor([0.5]), torch.Generator().manual_seed(1), dropout=True).dropout[3]
    dropped = (mask[0] == 0).double().flatten() - 0.5
    for lag in range(1, 9):  # four neighbours come from one draw
        assert abs(float((dropped[lag:] * dropped[:-lag]).mean()) * 4) < 5 / len(dropped) ** 0.5


def split_mix_64(seed):
    """The generator as published (Steele et al. 2014), in whole numbers of Python."""
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) % 2**64
        z = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        yield z ^ (z >> 31)


@pytest.mark.parametrize("path", ["torch", "compiled"])
def test_masks_are_those_of_the_published_generator_whatever_draws_them(path):
    if path == "compiled" and compiled.load().functions is None:
        pytest.skip(f"no compiled kernel here: {compiled.load().status}")
    rates, random, same = torch.tensor([0.3, 0.5]), torch.Generator().manual_seed(4), torch.Generator().manual_seed(4)
    with recurrence.using(path):
        masks = draw_mask(rates, (1501, 3), random).flatten(1)
    stream = split_mix_64(int(torch.randint(-(2**63), 2**63 - 1, (), generator=same)) % 2**64)
    for rate, mask in zip((0.3, 0.5), masks, strict=True):
        words = [next(stream) for _ in range(-(-len(mask) // 4))]
        bits = [word >> shift & 0xFFFF for word in words for shift in (0, 16, 32, 48)][: len(mask)]
        signed = [b - 2**16 if b >= 2**15 else b for b in bits]
        dropped = [b < round(rate * 2**16) - 2**15 for b in signed]
        assert (mask == 0).tolist() == dropped
