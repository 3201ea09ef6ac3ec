"""Posterior averages against the numpy loop of the model, draw by draw."""

import numpy as np
import torch
from numpy_lfads import run

from nwb_autolfads.lfads.inference import infer
from nwb_autolfads.lfads.masking import BlockMasking, CoordinatedDropout, Mask
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.noise import draw_noise
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes
from nwb_autolfads.lfads.streams import Streams

SIZES = Sizes(
    channels=2, ic_encoder=3, ci_encoder=4, initial_condition=2, controller=3, inputs=2, generator=5, factors=3
)


def test_average_is_of_alpha_over_beta_and_the_encoders_run_once(monkeypatch):
    model = LFADS(SIZES, 1, 2, Streams.of([0], 0)).double()
    x = torch.rand(6, 2, 2, dtype=torch.float64) + 0.1
    calls = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda *a: calls.append(1) or encode(*a))
    everything = CoordinatedDropout().masks(x, Streams.of([0], 1))
    posterior = infer(model, Gamma(), x, everything, samples=3, random=Streams.of([0], 5))
    assert len(calls) == 1

    random = Streams.of([0], 5)
    draws = [draw_noise(SIZES, 6, 2, torch.zeros(1, dtype=torch.float64), random, dropout=False) for _ in range(3)]
    ones = {"ic_state": 1.0, "controller_input": np.ones(6), "factors": np.ones(6), "generator": np.ones(7)}
    for b in range(2):
        runs = [
            run(model, 0, x[:, b].numpy(), noise.initial_condition[0, b].numpy(), noise.inputs[0, :, b].numpy(), ones)
            for noise in draws
        ]
        alpha = np.array([np.exp(r["readout"][:, 2:]) for r in runs])
        beta = np.array([np.exp(r["readout"][:, 2:] - r["readout"][:, :2]) for r in runs])
        np.testing.assert_allclose(posterior.mean[:, b], (alpha / beta).mean(0), atol=1e-10)
        np.testing.assert_allclose(posterior.mean_sd[:, b], (alpha / beta).std(0), atol=1e-7)
        np.testing.assert_allclose(posterior.concentration[:, b], alpha.mean(0), atol=1e-10)
        np.testing.assert_allclose(posterior.factors[:, b], np.mean([r["factors"] for r in runs], 0), atol=1e-10)
        np.testing.assert_allclose(posterior.initial_condition[b], runs[0]["ic_mean"], atol=1e-10)
        means, sds = (np.array([r[name] for r in runs]) for name in ("input_mean", "input_sd"))
        np.testing.assert_allclose(posterior.inputs[:, b], means.mean(0), atol=1e-10)
        total_sd = np.sqrt((sds**2).mean(0) + means.var(0))
        np.testing.assert_allclose(posterior.inputs_sd[:, b], total_sd, atol=1e-7)


def test_members_are_averaged_and_what_is_latent_is_that_of_the_first():
    model = LFADS(SIZES, 2, 2, Streams.of([0, 1], 0)).double()
    x = torch.rand(6, 1, 2, dtype=torch.float64) + 0.1
    everything = CoordinatedDropout().masks(x, Streams.of([0], 1))
    posterior = infer(model, Gamma(), x, everything, samples=2, random=Streams.of([0, 1], 5))
    random = Streams.of([0, 1], 5)
    draws = [draw_noise(SIZES, 6, 1, torch.zeros(2, dtype=torch.float64), random, dropout=False) for _ in range(2)]
    ones = {"ic_state": 1.0, "controller_input": np.ones(6), "factors": np.ones(6), "generator": np.ones(7)}
    first, second = (
        [
            run(model, p, x[:, 0].numpy(), each.initial_condition[p, 0].numpy(), each.inputs[p, :, 0].numpy(), ones)
            for each in draws
        ]
        for p in (0, 1)
    )
    means = np.array([np.exp(each["readout"][:, :2]) for each in first + second])
    np.testing.assert_allclose(posterior.mean[:, 0], means.mean(0), atol=1e-10)
    np.testing.assert_allclose(posterior.mean_sd[:, 0], means.std(0), atol=1e-7)
    concentrations = np.array([np.exp(each["readout"][:, 2:]) for each in first + second])
    np.testing.assert_allclose(posterior.concentration[:, 0], concentrations.mean(0), atol=1e-10)
    np.testing.assert_allclose(posterior.factors[:, 0], np.mean([each["factors"] for each in first], 0), atol=1e-10)
    np.testing.assert_allclose(posterior.inputs[:, 0], np.mean([each["input_mean"] for each in first], 0), atol=1e-10)
    np.testing.assert_allclose(posterior.initial_condition[0], first[0]["ic_mean"], atol=1e-10)


def test_each_bin_is_averaged_over_the_views_that_hid_it():
    model = LFADS(SIZES, 1, 2, Streams.of([0], 0)).double()
    x = torch.rand(12, 3, 2, dtype=torch.float64) + 0.1
    masks = list(BlockMasking(block=3, simultaneous=1, folds=3, passes=2).masks(x, Streams.of([0], 1)))
    together = infer(model, Gamma(), x, masks, samples=1, random=Streams.of([0], 5))
    random = Streams.of([0], 5)
    everything = torch.ones(12, 3, 1, dtype=torch.float64)
    apart = [
        infer(model, Gamma(), x, [Mask(mask.input_mask, everything)], samples=1, random=random).mean for mask in masks
    ]
    for t in range(12):
        for b in range(3):
            masking = [
                mean[t, b] for mean, mask in zip(apart, masks, strict=True) if (mask.input_mask[0, t, b] == 0).all()
            ]
            assert len(masking) == 2  # once in each pass
            torch.testing.assert_close(together.mean[t, b], torch.stack(masking).mean(0))


def test_members_with_masks_of_their_own_count_alike_where_each_hid_a_bin():
    model = LFADS(SIZES, 2, 2, Streams.of([0, 1], 0)).double()
    x = torch.rand(12, 3, 2, dtype=torch.float64) + 0.1
    masks = list(BlockMasking(block=3, folds=3, passes=2).masks(x, Streams.of([0], 1), members=2))
    together = infer(model, Gamma(), x, masks, samples=1, random=Streams.of([0, 1], 5))
    random, total = Streams.of([0, 1], 5), torch.zeros(12, 3, 2, dtype=torch.float64)
    for mask in masks:
        every = [Mask(mask.input_mask, torch.zeros(2, 1, 1, 1, dtype=torch.float64)) for _ in range(2)]
        noise = random.seeds
        for p, each in enumerate(every):
            each.weight[p] = 1  # only this member counts
            random.seeds = noise  # the same draws for both
            total += mask.weight[p] * infer(model, Gamma(), x, [each], samples=1, random=random).mean
    torch.testing.assert_close(together.mean, total / 2)
