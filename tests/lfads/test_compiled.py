"""The fast paths give the numbers of the plain one, and the compiled kernel is never needed."""

from functools import cache
from pathlib import Path

import pytest
import torch
from lfads_models import NO_CONTROLLER, ODD, batch, loss_and_gradients, scrambled

from nwb_autolfads.lfads.kernels import by_kernel, by_torch, compiled, recurrence
from nwb_autolfads.lfads.masking import MaskedBatch
from nwb_autolfads.lfads.noise import Dropout, Noise
from nwb_autolfads.lfads.observations import Gamma
from nwb_autolfads.lfads.sizes import Sizes

pytestmark = pytest.mark.filterwarnings("error")  # torch warns where a result does not fit the room made for it


@pytest.fixture(params=["torch", "compiled"])
def fast_path(request):
    if request.param == "compiled" and compiled.load().functions is None:
        pytest.skip(f"no compiled kernel here: {compiled.load().status}")
    return request.param


def cast(value, dtype):
    if value is None or isinstance(value, torch.Tensor):
        return None if value is None else value.to(dtype)
    return type(value)(*(cast(part, dtype) for part in value))


@cache
def case(sizes, dtype, dropout):
    """A model, a batch, and the loss and gradients of the plain path."""
    model = scrambled(sizes, members=2).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 0.5
    hidden, noise = batch(sizes, members=2, bins=12, windows=37)
    hidden, noise = cast(hidden, dtype), cast(noise if dropout else noise._replace(dropout=None), dtype)
    assert isinstance(hidden, MaskedBatch)
    assert isinstance(noise, Noise)
    assert isinstance(noise.dropout, Dropout) == dropout
    with recurrence.using("plain"):
        return model, hidden, noise, *loss_and_gradients(model, hidden, noise)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("sizes", [ODD, NO_CONTROLLER, Sizes(12)], ids=["odd", "no controller", "usual"])
@pytest.mark.parametrize("dropout", [True, False], ids=["dropout", "no dropout"])
def test_loss_and_gradients_equal_the_plain_ones(fast_path, sizes, dtype, tolerance, dropout):
    model, hidden, noise, expected_loss, expected = case(sizes, dtype, dropout)
    before = torch.get_num_threads()
    for threads in (1, 2) if fast_path == "compiled" else (1,):  # the kernel cuts a batch up by threads
        torch.set_num_threads(threads)
        try:
            with recurrence.using(fast_path):
                assert recurrence.path_for(hidden.input) == fast_path
                loss, gradients = loss_and_gradients(model, hidden, noise)
        finally:
            torch.set_num_threads(before)
        torch.testing.assert_close(loss, expected_loss, rtol=tolerance, atol=0)
        for name, gradient in gradients.items():
            assert (gradient - expected[name]).norm() <= tolerance * expected[name].norm(), name


@pytest.mark.parametrize("sizes", [ODD, NO_CONTROLLER], ids=["controller", "no controller"])
def test_pass_without_gradients_gives_the_same_numbers(fast_path, sizes):
    model, hidden, noise, *_ = case(sizes, torch.float64, dropout=True)
    with torch.no_grad(), recurrence.using("plain"):
        expected = model.decode(model.encode(hidden.input, noise), noise)
    with torch.no_grad(), recurrence.using(fast_path):
        decoded = model.decode(model.encode(hidden.input, noise), noise)
    for name, series in decoded._asdict().items():
        torch.testing.assert_close(series, getattr(expected, name), rtol=1e-10, atol=1e-12, msg=name)


def test_states_beyond_the_clip_are_clipped_alike(fast_path):
    model, hidden, noise, *_ = case(ODD, torch.float64, dropout=True)
    starts = (model.ic_encoder.h0, model.ci_encoder.h0, model.controller_start, model.ic_to_generator.bias)
    kept = [start.detach().clone() for start in starts]
    try:
        with torch.no_grad():
            for start in starts:
                start.add_(7.0)
        with recurrence.using("plain"):
            expected_loss, expected = loss_and_gradients(model, hidden, noise)
        with recurrence.using(fast_path):
            loss, gradients = loss_and_gradients(model, hidden, noise)
    finally:
        with torch.no_grad():
            for start, value in zip(starts, kept, strict=True):
                start.copy_(value)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-10, atol=0)
    for name, gradient in gradients.items():
        assert (gradient - expected[name]).norm() <= 1e-10 * expected[name].norm(), name


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_gamma_likelihood_and_slopes_equal_the_plain_ones_within_the_bounds_and_beyond(fast_path, dtype, tolerance):
    x = torch.logspace(-4, 0.7, 5, dtype=dtype).view(-1, 1, 1).expand(5, 37, 211)
    readout = torch.cat(torch.broadcast_tensors(*(
        torch.linspace(-12, 6, 37, dtype=dtype).view(1, -1, 1), torch.linspace(-4.5, 7.5, 211, dtype=dtype)
    )), -1).expand(5, 37, 422)  # fmt: skip
    weight = torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    got = {}
    for path in ("plain", fast_path):
        given = readout.clone().requires_grad_()
        with recurrence.using(path):
            nll = Gamma().nll(x, given)
        nll.backward(weight)
        got[path] = nll.detach(), *given.grad.chunk(2, -1)
    log_mean, log_concentration = readout.chunk(2, -1)
    scale = 1 + log_concentration.exp() * (1 + x / log_mean.exp())  # of the terms that are added
    for name, expected, value in zip(("nll", "log mean", "log concentration"), *got.values(), strict=True):
        assert ((value == 0) == (expected == 0)).all(), name
        assert ((value - expected).abs() <= tolerance * scale).all(), name


def test_gamma_likelihood_of_what_is_no_number_is_none(fast_path):
    readout = torch.zeros(1, 1, 4, 6)
    readout[0, 0, 0, 1] = readout[0, 0, 1, 3] = torch.nan
    with recurrence.using(fast_path):
        nll = Gamma().nll(torch.ones(1, 1, 4, 3), readout)
    expected = torch.zeros(4, 3, dtype=torch.bool)
    expected[0, 1] = expected[1, 0] = True
    assert torch.equal(nll[0, 0].isnan(), expected)


def test_threads_are_what_they_were_after_training(monkeypatch):
    monkeypatch.setattr(compiled, "threads", 7)
    before = torch.get_num_threads()
    with recurrence.on_threads(2):
        assert compiled.thread_count() == 2
        assert torch.get_num_threads() == (1 if compiled.load().functions else 2)
    assert compiled.threads == 7
    assert torch.get_num_threads() == before


def test_each_path_runs_its_own_time_loops(monkeypatch, fast_path):
    taken = []
    for name, module in (("compiled", by_kernel), ("torch", by_torch)):
        run = module.encoder_forward
        monkeypatch.setattr(
            module, "encoder_forward", lambda *a, name=name, run=run, **k: taken.append(name) or run(*a, **k)
        )
    model, (masked, noise) = scrambled(ODD, members=1), batch(ODD, members=1)
    with recurrence.using(fast_path):
        model.encode(masked.input, noise)
    assert set(taken) == {fast_path}


@pytest.fixture
def status(monkeypatch):
    """What a process that has not looked for its kernel yet says of it."""

    def ask(**environment):
        with monkeypatch.context() as context:
            for name, value in environment.items():
                context.setenv(name, value)
            compiled.load.cache_clear()
            return compiled.load().status

    yield ask
    compiled.load.cache_clear()


def test_machine_without_a_compiler_says_so_and_goes_on(tmp_path, status):
    said = status(PATH=str(tmp_path), CXX="", XDG_CACHE_HOME=str(tmp_path))
    assert said.startswith("no C++ compiler found")


def test_compiler_that_fails_is_named_and_leaves_nothing_behind(tmp_path, status):
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho this compiler is broken >&2\nexit 1\n")
    broken.chmod(0o755)
    said = status(PATH=f"{tmp_path}:/usr/bin:/bin", CXX=str(broken), XDG_CACHE_HOME=str(tmp_path))
    assert "could not compile it: this compiler is broken" in said
    folder = Path(tmp_path, "nwb-autolfads")
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700  # others of the machine could put a library there


def test_kernel_can_be_switched_off(status):
    assert status(NWB_AUTOLFADS_KERNEL="off") == "switched off by NWB_AUTOLFADS_KERNEL=off"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder of its own, and a compiler that only copies what the real one made."""
    built = compiled.load()
    if built.functions is None:
        pytest.skip(f"the kernel was not built: {built.status}")
    counted = tmp_path / "compiled"
    compiler = tmp_path / "copying"
    # The last two arguments are `-o` and the file.
    compiler.write_text(f'#!/bin/sh\necho once >> {counted}\nfor out; do :; done\ncp {built.functions._name} "$out"\n')
    compiler.chmod(0o700)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiled.load.cache_clear()
    yield tmp_path / "cache" / "nwb-autolfads", lambda: len(counted.read_text().splitlines())
    compiled.load.cache_clear()


def loaded_again():
    compiled.load.cache_clear()
    return compiled.load()


def test_a_kernel_is_built_once(cache):
    folder, n_built = cache
    assert loaded_again().functions is not None
    assert loaded_again().functions is not None
    assert n_built() == 1
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_kept_kernel_that_is_not_what_was_built_is_built_again(cache, kept):
    folder, n_built = cache
    loaded_again()
    (library,) = folder.iterdir()
    content = library.read_bytes()
    altered = bytearray(content)
    altered[len(content) // 2] ^= 1
    library.unlink()  # it is mapped into this process, which a change of the file itself would stop
    library.write_bytes(bytes(altered) if kept < 0 else content[:kept])
    assert loaded_again().functions is not None
    assert n_built() == 2
    (library,) = folder.iterdir()
    assert library.read_bytes() == content


def test_a_cache_that_others_can_write_to_is_not_used(cache):
    folder, _ = cache
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    kernel = loaded_again()
    assert kernel.functions is not None
    assert f"for this process only (others can write to {folder})" in kernel.status
    assert list(folder.iterdir()) == []


def test_a_home_that_cannot_be_written_costs_the_cache_and_not_the_kernel(cache, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    kernel = loaded_again()
    assert kernel.functions is not None
    assert "for this process only" in kernel.status
