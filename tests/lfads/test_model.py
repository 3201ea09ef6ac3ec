"""The network against numpy loops written from its equations, and a population against its members alone."""

import numpy as np
import pytest
import torch
from lfads_models import NO_CONTROLLER, ODD, batch, scrambled
from numpy_lfads import gru_step, run

from nwb_autolfads.lfads.kernels import compiled, recurrence
from nwb_autolfads.lfads.loss import Penalties, masked_nll, terms, total
from nwb_autolfads.lfads.masking import MaskedBatch
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.networks.gru import GRUWeights
from nwb_autolfads.lfads.noise import Dropout, Noise
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.streams import Streams


@pytest.fixture(params=["plain", "torch", "compiled"], autouse=True)
def path(request):
    """Every test here holds for each path that runs the time loops."""
    if request.param == "compiled" and compiled.load().functions is None:
        pytest.skip(f"no compiled kernel here: {compiled.load().status}")
    with recurrence.using(request.param):
        yield


def of_member(noise, p):
    """The noise of one member, as a population of one."""
    pick = slice(p, p + 1)
    dropout = Dropout(noise.dropout[0][pick], *(mask[pick] for mask in noise.dropout[1:]))
    return Noise(noise.initial_condition[pick], noise.inputs[pick], dropout)


def test_gru_cell_equals_a_numpy_loop_and_clips_at_five():
    random = torch.Generator().manual_seed(0)
    cell = GRUWeights((2,), 3, 4, (1, 1), Streams.of(range(2), 0)).double()
    x = torch.randn(2, 6, 5, 3, generator=random, dtype=torch.float64)
    h0 = 20 * torch.randn(2, 5, 4, generator=random, dtype=torch.float64)
    states = cell(x, h0).detach().numpy()
    weights = [p.detach().numpy() for p in (cell.W, cell.U_zr, cell.U_n, cell.b[:, 0])]
    for g in range(2):
        for b in range(5):
            h = h0[g, b].numpy()
            for t in range(6):
                h = gru_step(x[g, t, b].numpy(), h, *(w[g] for w in weights))
                np.testing.assert_allclose(states[g, t, b], h, atol=1e-12)
    assert np.abs(states[:, 0]).max() == 5


def test_gru_gradient_equals_finite_differences():
    cell = GRUWeights((2,), 2, 3, (2, 3), Streams.of(range(2), 0)).double()
    x = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    h0 = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)
    parameters = tuple(cell.parameters())
    assert torch.autograd.gradcheck(lambda x, h0, *_: cell(x, h0), (x, h0, *parameters))


@pytest.mark.parametrize("sizes", [ODD, NO_CONTROLLER], ids=["controller", "no controller"])
def test_network_equals_a_numpy_loop(sizes):
    model = scrambled(sizes, members=2)
    hidden, noise = batch(sizes, members=2)
    encoded = model.encode(hidden.input, noise)
    decoded = model.decode(encoded, noise)
    for p in range(2):
        for b in range(3):
            masks = {
                "ic_state": noise.dropout.ic_state[p, b].numpy(),
                "controller_input": noise.dropout.controller_input[p, :, b].numpy(),
                "factors": noise.dropout.factors[p, :, b].numpy(),
                "generator": noise.dropout.generator[p, :, b].numpy(),
            }
            draws = noise.initial_condition[p, b].numpy(), noise.inputs[p, :, b].numpy()
            expected = run(model, p, hidden.input[p, :, b].numpy(), *draws, masks)
            for name in ("ic_mean", "ic_sd"):
                np.testing.assert_allclose(getattr(encoded, name)[p, b].detach(), expected[name], atol=1e-12)
            for name in ("factors", "readout"):
                np.testing.assert_allclose(getattr(decoded, name)[p, :, b].detach(), expected[name], atol=1e-12)
            if sizes.inputs:
                seen = encoded.controller_input * noise.dropout.controller_input
                np.testing.assert_allclose(seen[p, :, b].detach(), expected["controller_input"], atol=1e-12)
                for name in ("input_mean", "input_sd", "input_sample"):
                    np.testing.assert_allclose(getattr(decoded, name)[p, :, b].detach(), expected[name], atol=1e-12)


def test_controller_never_sees_the_bin_it_acts_on():
    model = scrambled(ODD, members=1)
    hidden, noise = batch(ODD, members=1)
    changed = hidden.input.clone()
    changed[:, 4] += 1
    before, after = (model.encode(x, noise).controller_input for x in (hidden.input, changed))
    same = (before == after).all(dim=-1).all(dim=-1)[0]
    assert same.tolist() == [t == 4 for t in range(8)]


@pytest.mark.parametrize("sizes", [ODD, NO_CONTROLLER], ids=["controller", "no controller"])
def test_member_of_a_population_has_the_loss_and_gradients_it_has_alone(sizes):
    members = 3
    model = scrambled(sizes, members)
    hidden, noise = batch(sizes, members)
    penalties = Penalties(*(torch.linspace(a, 2 * a, members, dtype=torch.float64) for a in (1e-3, 2e-3, 0.1, 0.2)))
    losses = total(terms(model, Gamma(), hidden, noise, penalties), penalties, ramp=0.7)
    losses.sum().backward()
    for p in range(members):
        alone = LFADS(sizes, 1, Gamma.parameters, None).double()
        alone.load_state_dict({name: value[p : p + 1] for name, value in model.state_dict().items()})
        own = Penalties(*(scale[p : p + 1] for scale in penalties))
        part = MaskedBatch(*(series[p : p + 1] for series in hidden))
        loss = total(terms(alone, Gamma(), part, of_member(noise, p), own), own, ramp=0.7)
        loss.sum().backward()
        torch.testing.assert_close(losses[p : p + 1], loss, rtol=1e-10, atol=1e-10)
        in_population = dict(model.named_parameters())
        for name, parameter in alone.named_parameters():
            torch.testing.assert_close(in_population[name].grad[p : p + 1], parameter.grad, rtol=1e-10, atol=1e-10)


def test_loss_is_the_published_sum_of_its_terms():
    model = scrambled(ODD, members=2)
    with torch.no_grad():
        model.readout.weight *= 0.1  # keeps log mean and log concentration within their bounds
    hidden, noise = batch(ODD, members=2)
    penalties = Penalties(*(torch.tensor([a, 3 * a], dtype=torch.float64) for a in (1e-3, 2e-3, 0.1, 0.2)))
    batch_terms = terms(model, Gamma(), hidden, noise, penalties)
    decoded = model.decode(model.encode(hidden.input, noise), noise)
    log_mean, log_concentration = decoded.readout.chunk(2, dim=-1)
    gamma = torch.distributions.Gamma(log_concentration.exp(), (log_concentration - log_mean).exp())
    nll = (-gamma.log_prob(hidden.target) * hidden.weight).mean((1, 2, 3))
    torch.testing.assert_close(batch_terms.nll, nll)
    weights = [(model.generator.U_zr, model.generator.U_n), (model.controller.U_zr, model.controller.U_n)]
    count = sum(U[0].numel() for pair in weights for U in pair)
    for p in range(2):
        l2 = sum(
            scale[p] * 0.5 * sum((U[p] ** 2).sum() for U in pair)
            for scale, pair in zip(penalties[2:], weights, strict=True)
        )
        torch.testing.assert_close(batch_terms.l2[p], l2 / count)
        loss = 1e4 * (
            nll[p]
            + 0.3 * l2 / count
            + 0.3 * penalties[0][p] * batch_terms.kl_initial_condition[p]
            + 0.3 * penalties[1][p] * batch_terms.kl_inputs[p]
        )
        torch.testing.assert_close(total(batch_terms, penalties, ramp=0.3)[p], loss)


def test_score_counts_hidden_elements_only():
    model = scrambled(ODD, members=1)
    hidden, _ = batch(ODD, members=1)
    elsewhere = hidden._replace(target=torch.where(hidden.weight > 0, hidden.target, 50.0))
    assert torch.equal(masked_nll(model, Gamma(), hidden), masked_nll(model, Gamma(), elsewhere))
    counted = hidden._replace(target=torch.where(hidden.weight > 0, 50.0, hidden.target))
    assert not torch.equal(masked_nll(model, Gamma(), hidden), masked_nll(model, Gamma(), counted))
