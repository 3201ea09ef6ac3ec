"""Dropout masks: as many dropped as asked for, and the mean is kept."""

import pytest
import torch
from published_streams import signed, split_mix_64

from nwb_autolfads.lfads.kernels import compiled, recurrence
from nwb_autolfads.lfads.noise import draw_mask, draw_noise
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.streams import Streams


def test_each_member_drops_at_its_own_rate_and_keeps_the_mean():
    rates = torch.tensor([0.0, 0.05, 0.6])
    noise = draw_noise(Sizes(3), 50, 40, rates, Streams.of(range(3), 0), dropout=True)
    for mask in noise.dropout[1:]:
        dropped = (mask == 0).double().mean((1, 2, 3))
        error = (rates * (1 - rates) / mask[0].numel()).sqrt()
        assert dropped[0] == 0
        assert ((dropped - rates).abs() <= 5 * error + 2**-16).all()
        kept = mask.amax((1, 2, 3))
        torch.testing.assert_close(kept, 1 / (1 - rates), rtol=1e-4, atol=0)
        assert set(mask[2].unique().tolist()) == {0.0, kept[2].item()}


def test_masks_of_neighbours_are_independent():
    mask = draw_noise(Sizes(3), 200, 64, torch.tensor([0.5]), Streams.of([0], 1), dropout=True).dropout[3]
    dropped = (mask[0] == 0).double().flatten() - 0.5
    for lag in range(1, 9):  # four neighbours come from one draw
        assert abs(float((dropped[lag:] * dropped[:-lag]).mean()) * 4) < 5 / len(dropped) ** 0.5


@pytest.mark.parametrize("path", ["torch", "compiled"])
def test_masks_are_those_of_the_published_generator_whatever_draws_them(path):
    if path == "compiled" and compiled.load().functions is None:
        pytest.skip(f"no compiled kernel here: {compiled.load().status}")
    rates, seeds = torch.tensor([0.3, 0.5]), (4, 2**63 + 5)
    with recurrence.using(path):
        masks = draw_mask(rates, (1501, 3), Streams(torch.tensor([signed(seed) for seed in seeds]))).flatten(1)
    for seed, rate, mask in zip(seeds, (0.3, 0.5), masks, strict=True):
        stream = split_mix_64(seed)
        words = [next(stream) for _ in range(-(-len(mask) // 4))]
        bits = [word >> shift & 0xFFFF for word in words for shift in (0, 16, 32, 48)][: len(mask)]
        numbers = [b - 2**16 if b >= 2**15 else b for b in bits]
        dropped = [b < round(rate * 2**16) - 2**15 for b in numbers]
        assert (mask == 0).tolist() == dropped
