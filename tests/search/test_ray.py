"""A population that a Ray cluster trains ends with the numbers of one that is trained here, whatever happens to it."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from populations import SMALL, recording, search_of, small_engine

from nwb_autolfads.errors import ConfigError, TrainingError
from nwb_autolfads.lfads.kernels import compiled
from nwb_autolfads.search.checkpoint import RunDirectory
from nwb_autolfads.search.engines.placement import Placement

ray = pytest.importorskip("ray", reason="Ray is in the extra 'ray': `make interop`")

pytestmark = pytest.mark.slow

TRAINING = {"members": 6, "max_epochs": 7, "burn_in_epochs": 1, "generation_epochs": 2, "steps_per_epoch": 4}
SLOW = TRAINING | {"steps_per_epoch": 60}


def learning(**training):
    """Give what an engine is made from, as `Placement.engine_for` takes it."""
    local = small_engine(**TRAINING | training)
    return (local.windows.sessions, 40, SMALL, local.observation, local.masking, local.config, 0)


def finished(engine):
    search_of(engine).run()
    return engine


@pytest.fixture(scope="module", autouse=True)
def _no_usage_is_told():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


@pytest.fixture(scope="module")
def expected():
    if compiled.load().functions is None:
        pytest.skip(f"no compiled kernel here, without which shards differ by rounding: {compiled.load().status}")
    return {steps: finished(small_engine(**TRAINING | {"steps_per_epoch": steps})) for steps in (4, 60)}


def started(attempts=3):
    """Start a cluster of a head and two nodes; on a busy machine Ray gives a node up before it has come."""
    from ray.cluster_utils import Cluster

    made = Cluster()
    try:
        made.add_node(num_cpus=0)
        nodes = [made.add_node(num_cpus=2) for _ in range(2)]
        made.wait_for_nodes()
    except Exception as error:
        made.shutdown()
        if attempts == 1 or "timed out during startup" not in str(error):
            raise
        return started(attempts - 1)
    return made, nodes


@pytest.fixture
def cluster():
    made, nodes = started()
    yield made, nodes
    ray.shutdown()
    made.shutdown()


def assert_same(found, expected):
    assert found.history == expected.history
    assert found.epoch == expected.epoch
    for name, whole in expected.state().members.items():
        assert torch.equal(found.state().members[name], whole), name


def finished_though(engine, happens):
    """Train to the end, while something happens once in the middle of a generation; give what was said."""
    said, happened = [], []

    def look(progress):
        said.append(progress.message)
        if progress.epoch >= 1 and progress.shards and not happened:
            happened.append(happens())

    search_of(engine).run(look)
    assert happened, "training was over too soon"
    return said


@pytest.mark.parametrize("workers", [1, 3, 6])
def test_shards_on_several_nodes_end_with_the_same_numbers(cluster, expected, workers):
    made, _ = cluster
    if workers > 4:
        made.add_node(num_cpus=2)
    with Placement(engine="ray", workers=workers, address=made.address).engine_for(*learning()) as engine:
        finished(engine)
    assert_same(engine, expected[4])
    assert engine.traffic.returned > 0


def send_first_worker(engine, number):
    os.kill(ray.get(engine._crew.hands[0].actor.process.remote()), number)


def test_a_worker_that_is_killed_costs_no_number(cluster, expected):
    made, _ = cluster
    with Placement(engine="ray", workers=3, address=made.address).engine_for(*learning(**SLOW)) as engine:
        said = finished_though(engine, lambda: send_first_worker(engine, signal.SIGKILL))
    assert any("was lost" in line and "are trained again" in line for line in said), said
    assert_same(engine, expected[60])


def test_nodes_that_go_and_come_cost_no_number(cluster, expected):
    made, nodes = cluster

    def change():
        made.remove_node(nodes[0])
        made.add_node(num_cpus=2)

    with Placement(engine="ray", address=made.address).engine_for(*learning(**SLOW)) as engine:
        said = finished_though(engine, change)
    assert any("was lost" in line for line in said), said
    assert_same(engine, expected[60])


def test_a_worker_that_does_nothing_is_given_up(cluster, expected):
    made, _ = cluster
    with Placement(engine="ray", workers=3, address=made.address).engine_for(*learning(**SLOW)) as engine:
        engine.patience_s = 3.0
        said = finished_though(engine, lambda: send_first_worker(engine, signal.SIGSTOP))
    assert any("has done nothing for 3 s" in line for line in said), said
    assert_same(engine, expected[60])


def test_the_place_of_a_worker_that_is_given_up_is_free_for_the_next(expected):
    with Placement(engine="ray", workers=1).engine_for(*learning(**SLOW)) as engine:
        engine._crew.cluster = replace(engine._crew.cluster, threads=int(ray.cluster_resources()["CPU"]))
        engine.patience_s = 3.0
        stopped = []

        def stop_first_worker():
            stopped.append(ray.get(engine._crew.hands[0].actor.process.remote()))
            os.kill(stopped[0], signal.SIGSTOP)

        said = finished_though(engine, stop_first_worker)
        assert [hand.number for hand in engine._crew.hands] == [2]
        assert not Path(f"/proc/{stopped[0]}").exists()
    assert any("worker 1 on" in line and "has done nothing for 3 s" in line for line in said), said
    assert_same(engine, expected[60])


@pytest.mark.parametrize(
    ("number", "fate"), [(signal.SIGKILL, "was lost"), (signal.SIGSTOP, "has done nothing for 15 s")]
)
def test_who_waits_for_a_member_is_not_called_lost_where_the_worker_is_that_was_to_give_it(cluster, number, fate):
    made, _ = cluster
    local = small_engine(**TRAINING)
    with Placement(engine="ray", workers=2, address=made.address).engine_for(*learning()) as engine:
        if number == signal.SIGSTOP:  # else nobody is to be waited for, however busy the machine is
            engine.patience_s = 15.0
        for each in (local, engine):
            each.train(1)
        giver, waiting = engine._crew.hands
        assert (giver.holds, waiting.holds) == ((0, 1, 2), (3, 4, 5))
        process = ray.get(giver.actor.process.remote())
        os.kill(process, signal.SIGSTOP)  # so that it cannot give the member before it is gone
        for each in (local, engine):
            each.copy_member(0, 5)
        os.kill(process, number)
        said = engine.train(1)
        local.train(1)
        again = "are trained again from epoch 2."
        assert sorted(said) == sorted([
            f"{giver.name} {fate}; members 0 to 2 {again}",
            f"{giver.name} was lost before {waiting.name} was given a member; members 3 to 5 {again}",
        ])  # fmt: skip
        assert waiting in engine._crew.hands
    assert_same(engine, local)


def drive(folder, address):
    """Train with a run directory, as a program of its own."""
    with Placement(engine="ray", workers=2, address=address).engine_for(*learning(**SLOW)) as engine:
        search, directory = search_of(engine), RunDirectory(folder, '{"run": 1}')
        directory.restore(engine, search)
        search.run(keep=lambda: directory.save(engine, search))
        return engine


def test_a_driver_that_is_killed_goes_on_where_it_was(cluster, expected, tmp_path):
    made, _ = cluster
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
    program += f"from search.test_ray import drive; drive({str(tmp_path)!r}, {made.address!r})"
    process = subprocess.Popen([sys.executable, "-c", program])
    while process.poll() is None and not (tmp_path / "history.csv").exists():
        time.sleep(0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert_same(drive(str(tmp_path), made.address), expected[60])


def test_members_that_are_lost_again_and_again_end_the_run(cluster, monkeypatch):
    made, _ = cluster
    with Placement(engine="ray", workers=1, address=made.address).engine_for(*learning(**SLOW)) as engine:
        monkeypatch.setattr(
            engine, "_answer", lambda answer, hand: (engine._crew.lose(hand), f"{hand.name} was lost")[1]
        )
        with pytest.raises(
            TrainingError, match="5 workers were lost with them in one generation, at last worker 5 on "
        ):
            engine.train(1)


def test_an_address_where_nothing_answers_is_refused_and_a_cluster_of_this_machine_is_started_and_stopped(expected):
    placement = Placement(engine="ray", address="127.0.0.1:9")
    with pytest.raises(ConfigError) as refused, placement.engine_for(*learning()):
        pass
    assert "no Ray cluster answers at 127.0.0.1:9" in str(refused.value)
    assert "without --address and RAY_ADDRESS, this machine alone is used" in str(refused.value)
    with Placement(engine="ray", workers=2).engine_for(*learning()) as engine:
        finished(engine)
    assert_same(engine, expected[4])
    assert not ray.is_initialized()


def test_data_has_not_changed_on_its_way():
    assert torch.equal(learning()[0][0].data, recording())
