"""Where a population is trained: what is asked for is there, or refused with the way out."""

from dataclasses import replace

import pytest
import torch
from messages import assert_refused
from populations import small_engine
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import nwb_autolfads as nal
from nwb_autolfads.errors import ConfigError
from nwb_autolfads.lfads.loss import terms, total
from nwb_autolfads.lfads.masking import BlockMasking, CoordinatedDropout, TemporalShift
from nwb_autolfads.lfads.model import LFADS
from nwb_autolfads.lfads.noise import draw_noise
from nwb_autolfads.lfads.streams import Streams
from nwb_autolfads.search.adam import PopulationAdam
from nwb_autolfads.search.engines.address import of_cluster
from nwb_autolfads.search.engines.placement import Placement, device_of

LEAVE = "Add --engine ray, or leave --{} out."


@pytest.mark.parametrize(
    ("asked", "problem", "way_out"),
    [
        ({"engine": "slurm"}, "training: engine is 'slurm'", "Use one of local, ray."),
        ({"device": "tpu"}, "training: device is 'tpu'", "Use one of auto, cpu, cuda."),
        (
            {"workers": 2},
            "training: workers is 2, and nothing but the engine ray has workers",
            LEAVE.format("workers"),
        ),
        (
            {"address": "auto"},
            "training: address is 'auto', and nothing but the engine ray has address",
            LEAVE.format("address"),
        ),
        ({"engine": "ray", "workers": 0}, "training: workers is 0", "Give 1 to 1024."),
        ({"engine": "ray", "address": "file:///x"}, "training: address is 'file:///x'", "Give HOST:PORT, or auto."),
        ({"engine": "ray", "address": "head:65536"}, "training: address is 'head:65536'", "Give HOST:PORT, or auto."),
        ({"engine": "ray", "address": ""}, "training: address is ''", "Give HOST:PORT, or auto."),
    ],
)
def test_what_cannot_be_is_refused(asked, problem, way_out):
    with assert_refused(ConfigError, problem, way_out):
        nal.AutoLFADS(**asked)
    assert Placement(engine="ray", address="head-node:6379", workers=3).workers == 3


@pytest.mark.parametrize("value", ["ray://head:10001", "local", "head", "head:65536", "/tmp/socket:1", "a\x1b[2J:1"])
@pytest.mark.parametrize("address", [None, "auto"])
def test_the_address_of_rays_variable_is_held_to_the_same_form_and_named(monkeypatch, value, address):
    monkeypatch.setenv("RAY_ADDRESS", value)
    with assert_refused(ConfigError, f"training: RAY_ADDRESS is {value!r}", "Give HOST:PORT, or auto."):
        nal.AutoLFADS(engine="ray", address=address)
    nal.AutoLFADS()  # it is nobody's business without Ray
    assert of_cluster("head:6379") == "head:6379"  # which the command line says comes first


@pytest.mark.parametrize("address", ["auto", "head-node:6379", "10.0.0.1:65535", "[::1]:6379"])
def test_rays_variable_is_taken_where_no_other_address_is_given(monkeypatch, address):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert (of_cluster(None), of_cluster("auto"), of_cluster(address)) == (None, "auto", address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert (of_cluster(None), of_cluster("auto"), of_cluster("other:1")) == (address, address, "other:1")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused():
    assert device_of("auto") == torch.device("cpu")
    with assert_refused(
        ConfigError,
        f"training: a GPU was asked for (cuda), and torch {torch.__version__} sees none",
        "Leave --device out to train on the processor; `nwb-autolfads doctor` says what torch sees.",
    ):
        device_of("cuda")


class Watch(TorchDispatchMode):
    """Notes where every tensor is made."""

    def __init__(self):
        super().__init__()
        self.devices = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves(made) if isinstance(each, torch.Tensor)]
        self.devices |= {each.device.type for each in tensors if each.dim()}  # a number may come from anywhere
        return made


def step(masking, device):
    """Compute the gradients of a step with data on a device; return where its tensors were made."""
    here = small_engine(masking=masking)
    members, sizes = len(here.members), here.model.sizes
    with torch.device(device):
        model = LFADS(sizes, members, here.observation.parameters, None)
    random = Streams(torch.zeros(members, dtype=torch.int64, device=device))
    optimiser = PopulationAdam(model.parameters(), max_norm=200.0)
    hyperparameters = here.hyperparameters.to(torch.device(device))
    windows = torch.empty(here.window, 8, sizes.channels, device=device)
    with Watch() as watch:
        batch = masking.draw(windows, hyperparameters.mask_rate, random)
        bins = here.window - 2 * masking.margin
        noise = draw_noise(sizes, bins, 8, hyperparameters.dropout, random, dropout=True)
        parts = terms(model, here.observation, batch, noise, hyperparameters.penalties)
        total(parts, hyperparameters.penalties, 1.0).sum().backward()
        assert {parameter.grad.device.type for parameter in model.parameters()} == {device}
        optimiser.step(hyperparameters.learning_rate)
    return watch.devices


MASKINGS = [CoordinatedDropout(TemporalShift(1.0, 2)), BlockMasking(8)]


@pytest.mark.parametrize(
    "masking", [pytest.param(MASKINGS[0], marks=pytest.mark.slow), MASKINGS[1]], ids=["elements", "blocks"]
)
def test_no_tensor_of_a_step_is_made_on_another_device_than_the_data(masking):
    assert step(masking, "meta") == {"meta"}


@pytest.mark.parametrize("masking", MASKINGS, ids=["elements", "blocks"])
def test_no_step_of_an_epoch_asks_for_a_number_that_is_on_the_device(masking):
    engine = on_meta(small_engine(masking=masking))
    nll, finite = engine._train_epoch()  # a number of the meta device cannot be had: asking for one is an error
    assert (nll.device.type, finite.device.type) == ("meta", "meta")
    assert engine.steps_done == engine.steps_per_epoch


def test_a_number_that_is_asked_for_in_a_step_would_be_seen(monkeypatch):
    step = PopulationAdam.step
    monkeypatch.setattr(PopulationAdam, "step", lambda *a: bool(step(*a).all()))
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        on_meta(small_engine())._train_epoch()


def on_meta(engine):
    """Put the members of a population, and what they learn from, onto the device that has no numbers."""
    meta = torch.device("meta")
    engine.windows.sessions = [replace(each, data=each.data.to(meta)) for each in engine.windows.sessions]
    engine.model = engine.model.to(meta)
    engine.optimiser = PopulationAdam(engine.model.parameters(), max_norm=200.0)
    engine.hyperparameters = engine.hyperparameters.to(meta)
    engine.score, engine.restarts = engine.score.to(meta), engine.restarts.to(meta)
    return engine


def test_a_tensor_on_another_device_would_be_seen(monkeypatch):
    uniform = Streams.uniform
    monkeypatch.setattr(Streams, "uniform", lambda *a, **k: uniform(*a, **k) + torch.zeros(1).sum())
    assert step(MASKINGS[0], "meta") == {"meta", "cpu"}
