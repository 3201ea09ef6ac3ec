"""Dropout masks: as many dropped as asked for, and the mean is kept."""

import torch

from nwb_autolfads.lfads.noise import draw_noise
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
