"""Work in several processes: results as they come, a death that costs one item, processors shared out."""

import os

import pytest

from nwb_autolfads.commands.many.processes import in_processes, threads_each


def test_a_process_that_dies_costs_its_item_only(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    items = ["1 + 1", "__import__('os')._exit(7)", "__import__('os').environ['OMP_NUM_THREADS']", "2 + 2"]
    found = dict(in_processes(eval, items, lambda item, how: (item[-8:], how), jobs=2))
    assert found == {0: 2, 1: ("_exit(7)", "its process ended with code 7"), 2: "1", 3: 4}
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_a_process_that_is_killed_is_said_to_lack_memory_perhaps():
    items = ["__import__('os').kill(__import__('os').getpid(), 9)"]
    found = dict(in_processes(eval, items, lambda _, how: how, jobs=1))
    assert found == {0: "its process was killed; perhaps there was not enough memory: try fewer --jobs"}


@pytest.mark.parametrize(
    ("given", "there", "jobs", "each"), [("", 8, 2, 4), ("2", 8, 2, 2), ("", 2, 5, 1), ("", 7, 2, 3)]
)
def test_all_processes_together_use_each_processor_once(monkeypatch, given, there, jobs, each):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr(os, "cpu_count", lambda: there)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(there)), raising=False)
    assert threads_each(jobs) == each
