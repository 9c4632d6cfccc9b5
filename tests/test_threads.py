"""Each of several processes has its share of the CPUs."""

import multiprocessing
import os

import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from stepwrap.experiments import threads
from stepwrap.experiments.threads import share_of_cpus

pytestmark = pytest.mark.backend_free

can_choose = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="processes cannot be kept to some CPUs"
)


@pytest.fixture
def system(monkeypatch):
    """Five CPUs that a process may run on."""

    class System:
        def __init__(self):
            self.cpus, self.environ = frozenset({0, 1, 2, 5, 7}), {}

        def sched_getaffinity(self, process):
            return self.cpus

        def sched_setaffinity(self, process, cpus):
            self.cpus = frozenset(cpus)

        def cpu_count(self):
            return 8

    system = System()
    monkeypatch.setattr(threads, "os", system)
    return system


def shares(system, count):
    found = []
    for index in range(count):
        with share_of_cpus(index, count):
            found.append(set(system.cpus))
    return found


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [{0, 1, 2, 5, 7}]),
        (2, [{0, 2, 7}, {1, 5}]),
        (5, [{0}, {1}, {2}, {5}, {7}]),
        (6, [{0}, {1}, {2}, {5}, {7}, {0}]),
    ],
)
def test_shares_are_equal_and_of_the_cpus_that_there_are(count, expected, system):
    assert shares(system, count) == expected
    assert system.cpus == {0, 1, 2, 5, 7}


@pytest.mark.parametrize(("count", "number"), [(2, "4"), (3, "2"), (9, "1")])
def test_elsewhere_backends_are_told_how_many_threads_to_make(count, number, system, monkeypatch):
    monkeypatch.delattr(type(system), "sched_setaffinity")
    system.environ = {"OMP_NUM_THREADS": "7"}
    with share_of_cpus(0, count):
        assert system.environ == {
            "OMP_NUM_THREADS": "7",
            "TF_NUM_INTRAOP_THREADS": number,
            "TF_NUM_INTEROP_THREADS": number,
        }
    assert system.environ == {"OMP_NUM_THREADS": "7"}


@can_choose
def test_a_process_inherits_the_share():
    cpus = sorted(os.sched_getaffinity(0))
    with share_of_cpus(0, len(cpus)):
        process = multiprocessing.get_context("spawn").Pool(1)
    with process:
        assert process.apply(os.sched_getaffinity, (0,)) == {cpus[0]}
    assert sorted(os.sched_getaffinity(0)) == cpus
