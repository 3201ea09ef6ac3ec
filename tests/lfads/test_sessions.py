"""A model of several sessions: what each has of its own, what all share, and where the maps of each start."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from lfads_models import ODD, batch, scrambled

from nwb_autolfads.lfads.alignment import (
    Standardised,
    components_of_averages,
    components_of_covariance,
    start_maps,
)
from nwb_autolfads.lfads.kernels import recurrence
from nwb_autolfads.lfads.loss import Penalties, terms, total
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.streams import Streams

THREE = replace(ODD, others=(5, 2), components=4)
CHANNELS = (3, 5, 2)


def loss(model, session, path):
    masked, noise = batch(replace(ODD, channels=CHANNELS[session]), members=2)
    some = torch.full((2,), 0.1, dtype=torch.float64)
    penalties = Penalties(some, some, some, some)
    with recurrence.using(path):
        return total(terms(model.of_session(session), Gamma(), masked, noise, penalties), penalties, 1.0)


@pytest.mark.parametrize("kind", ["linear", "logarithmic"])
@pytest.mark.parametrize("session", [0, 1, 2])
def test_the_read_in_folded_into_the_encoders_gives_the_loss_and_gradients_of_the_read_in_by_itself(kind, session):
    found = {}
    for path in ("plain", "torch", "compiled"):
        model = scrambled(replace(THREE, input_transform=kind), members=2)
        value = loss(model, session, path)
        value.sum().backward()
        found[path] = value.detach(), {name: p.grad for name, p in model.named_parameters()}
    for path in ("torch", "compiled"):
        torch.testing.assert_close(found[path][0], found["plain"][0], rtol=1e-9, atol=1e-9)
        for name, gradient in found["plain"][1].items():
            other = found[path][1][name]
            if gradient is None:
                assert other is None or not other.any(), name
            else:
                torch.testing.assert_close(other, gradient, rtol=1e-7, atol=1e-7, msg=name)


def test_a_session_moves_what_is_its_own_and_what_is_shared_and_nothing_of_another():
    model = scrambled(THREE, members=2)
    loss(model, 1, "torch").sum().backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"others.0.read_in.weight", "others.0.readout.weight", "generator.U_n", "ic_encoder.gru.W"} <= moved
    assert not {name for name in moved if name.startswith(("others.1.", "read_in.", "readout."))}


def test_one_session_has_the_tensors_and_the_first_weights_of_before():
    one = LFADS(ODD, 2, 2, Streams.of([0, 1], 5))
    assert one.read_in is None
    assert not [name for name in one.state_dict() if name.startswith(("others", "read_in"))]
    several = LFADS(replace(ODD, others=(5,)), 2, 2, Streams.of([0, 1], 5))
    for name, value in one.state_dict().items():
        assert torch.equal(several.state_dict()[name], value)


def mixed(samples=4000, seed=0):
    """Six muscles that three latent processes drive, their logarithms."""
    random = np.random.default_rng(seed)
    latent = np.stack([np.convolve(random.standard_normal(samples), np.hanning(50), "same") for _ in range(3)], 1)
    latent = (latent - latent.mean(0)) / latent.std(0) * [2.0, 1.4, 1.0]
    weights = np.linalg.qr(random.standard_normal((6, 6)))[0][:3]
    return torch.from_numpy(latent @ weights + 0.1 * random.standard_normal((samples, 6))).float(), latent


MUSCLES = (("a", "b", "c", "d", "e"), ("f", "b", "d", "e", "a"), ("c", "f", "e", "b"))


def sessions_of(logarithm):
    columns = [[ord(name) - ord("a") for name in names] for names in MUSCLES]
    return [Standardised.of(logarithm[:, each].exp(), "logarithmic") for each in columns]


def test_components_of_the_covariance_are_the_same_in_sessions_of_other_muscles_in_another_order():
    data = sessions_of(mixed()[0])
    weights = components_of_covariance([each.values for each in data], MUSCLES, 5)
    scores = [each.values @ W for each, W in zip(data, weights, strict=True)]
    for k in range(3):
        alike = torch.corrcoef(torch.stack([score[:, k] for score in scores]))
        assert alike.min() > 0.8, (k, alike)
    assert [tuple(W.shape) for W in weights] == [(5, 5), (5, 5), (4, 5)]


def test_components_of_averages_follow_what_all_sessions_do_after_the_event():
    logarithm, _ = mixed(200)
    data = [each.values for each in sessions_of(logarithm)]
    weights = components_of_averages(data, 5)
    for k in range(3):
        alike = torch.corrcoef(torch.stack([y @ W for y, W in zip(data, weights, strict=True)], 0)[:, :, k])
        assert alike.min() > 0.9, (k, alike)


def test_sessions_without_a_muscle_in_common_get_components_of_their_own():
    logarithm, _ = mixed()
    data = [Standardised.of(logarithm[:, at].exp(), "logarithmic") for at in ([0, 1, 2], [3, 4, 5])]
    weights = components_of_covariance([each.values for each in data], (("a", "b", "c"), ("d", "e", "f")), 3)
    for each, W in zip(data, weights, strict=True):
        covariance = np.cov(each.values.numpy().T)
        largest = np.linalg.eigh(covariance)[1][:, -1]
        assert abs(np.corrcoef((each.values @ W)[:, 0], each.values @ torch.from_numpy(largest).float())[0, 1]) > 0.99


@pytest.mark.parametrize("kind", ["linear", "logarithmic"])
def test_maps_start_so_that_encoders_are_given_components_and_a_muscle_means_the_same_in_all_sessions(kind):
    logarithm = mixed()[0]
    columns = [[ord(name) - ord("a") for name in names] for names in MUSCLES]
    raw = [logarithm[:, each].exp() for each in columns]
    data = [Standardised.of(x, kind) for x in raw]
    sizes = replace(ODD, channels=5, others=(5, 4), components=5, input_transform=kind)
    model = LFADS(sizes, 2, 2, Streams.of([0, 1], 0))
    for number, x in enumerate(raw):
        model.of_session(number).input_transform.fit(x)
    weights = components_of_covariance([each.values for each in data], MUSCLES, 5)
    start_maps(model, data, weights)
    sizes = []
    for number, (x, each, W) in enumerate(zip(raw, data, weights, strict=True)):
        maps, windows = model.of_session(number), x.view(1, -1, 1, x.shape[1]).expand(2, -1, -1, -1)
        given = maps.read_in(maps.input_transform(windows, torch.ones(1, 1, 1, 1)))[0, :, 0, :5]
        for k in range(3):
            assert torch.corrcoef(torch.stack([given[:, k], (each.values @ W)[:, k]]))[0, 1] > 0.9999
        sizes.append(given.square().mean(0))
    torch.testing.assert_close(torch.stack(sizes).mean(0)[:3], torch.ones(3), atol=1e-3, rtol=0)
    first, second = (model.of_session(number).readout.weight[:, :, :5] for number in (0, 1))
    like = torch.nn.functional.cosine_similarity
    b, same, other = first[:, :, 1], second[:, :, 1], second[:, :, 0]
    assert like(b, same).min() > max(0.85, like(b, other).max())
