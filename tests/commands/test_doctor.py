"""What the doctor says of devices and clusters, with and without them; it imports no Ray and asks no cluster."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from nwb_autolfads.commands import doctor

RAY = "2.50.1"


@pytest.fixture
def ray_is_installed(monkeypatch):
    found = doctor.version
    monkeypatch.setattr(doctor, "version", lambda package: RAY if package == "ray" else found(package))


def fact(subject):
    return {fact.subject: fact for fact in doctor.examine()}[subject]


def test_the_address_that_ray_would_join_is_shown(monkeypatch, ray_is_installed):
    monkeypatch.setenv("RAY_ADDRESS", "head-node:6379")
    assert fact("Ray cluster").found == f"Ray {RAY}; RAY_ADDRESS is head-node:6379: --engine ray joins that cluster"


def test_an_address_cannot_move_the_cursor_of_the_terminal(monkeypatch, ray_is_installed):
    monkeypatch.setenv("RAY_ADDRESS", "\x1b[2Jhead:1")
    told = r"--engine ray would refuse it: training: RAY_ADDRESS is '\x1b[2Jhead:1'. Give HOST:PORT, or auto."
    assert (fact("Ray cluster").found, fact("Ray cluster").advice) == ("", told)


@pytest.mark.parametrize("empty", [None, ""])
def test_without_an_address_a_cluster_of_this_machine_would_be_started(monkeypatch, ray_is_installed, empty):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if empty is not None:
        monkeypatch.setenv("RAY_ADDRESS", empty)
    expected = "RAY_ADDRESS is not set: --engine ray starts a cluster of this machine, unless --address names another"
    assert fact("Ray cluster").found == f"Ray {RAY}; {expected}"


def test_without_ray_it_is_said_how_to_get_it(monkeypatch):
    def missing(package):
        raise doctor.PackageNotFoundError(package)

    monkeypatch.setattr(doctor, "version", missing)
    found = fact("Ray cluster")
    assert (found.found, found.advice, found.healthy) == ("", "pip install 'nwb-autolfads[ray]'", True)


def test_every_gpu_that_torch_sees_is_named_with_its_memory(monkeypatch):
    cards = [SimpleNamespace(name="NVIDIA A", total_memory=80 * 2**30), SimpleNamespace(name="B", total_memory=2**34)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: cards[index])
    assert fact("accelerator").found == "CUDA: NVIDIA A (80 GiB), B (16 GiB)"


@pytest.mark.parametrize(("apple", "begins"), [(True, "Apple MPS, which is not used; training"), (False, "none; ")])
def test_without_a_gpu_the_processor_trains(monkeypatch, apple, begins):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)
    found = fact("accelerator").found
    assert found.startswith(begins)
    assert found.endswith(f"training runs on {torch.get_num_threads()} processor threads")


@pytest.mark.slow
def test_no_cluster_is_started_or_joined_and_ray_is_not_imported():
    code = "import sys; from nwb_autolfads.commands.doctor import examine; examine(); print('ray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
