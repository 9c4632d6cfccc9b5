"""Progress that is shown while training goes on, and the time that is said to be left."""

import io

import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import rich.console

from stepwrap.experiments import progress
from stepwrap.experiments.progress import Progress
from stepwrap.experiments.time_left import TimeLeft

pytestmark = pytest.mark.backend_free

RUNS = {("sgd", 0): 4, ("sgd", 1): 4, ("adam", 0): 4, ("adam", 1): 4}


@pytest.fixture
def clock(monkeypatch):
    """The time, which stands still."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def console(**options):
    return rich.console.Console(file=io.StringIO(), width=80, **options)


def left_after(epochs, processes=1, runs=RUNS):
    left = TimeLeft(runs, processes)
    for name, seed, seconds in epochs:
        left.epoch((name, seed), seconds)
    return left


# The time that is left.


def test_before_the_first_epoch_nothing_is_known():
    assert left_after([]).seconds() is None


def test_each_optimizer_counts_with_its_own_speed():
    known = left_after([("sgd", 0, 10.0), ("sgd", 0, 20.0), ("adam", 0, 100.0)])
    assert known.seconds() == (2 + 4) * 15 + (3 + 4) * 100
    assert (known.epochs_done, known.epochs) == (3, 16)


def test_an_optimizer_that_was_not_trained_yet_is_taken_for_the_mean_of_the_others():
    assert left_after([("sgd", 0, 10.0)]).seconds() == 15 * 10
    runs = {**RUNS, ("rmsprop", 0): 2}
    known = left_after([("sgd", 0, 10.0), ("sgd", 0, 10.0), ("adam", 0, 100.0)], runs=runs)
    assert known.seconds() == 6 * 10 + 7 * 100 + 2 * 55


def test_processes_share_the_work_but_not_a_run():
    assert left_after([("sgd", 0, 10.0)], processes=3).seconds() == 15 * 10 / 3
    alone = left_after([("sgd", 0, 10.0)], processes=3, runs={("sgd", 0): 9, ("adam", 0): 1})
    assert alone.seconds() == 8 * 10


def test_a_run_that_ends_early_leaves_nothing():
    known = left_after([("sgd", 0, 10.0)])
    known.end(("sgd", 0))
    assert (known.epochs_done, known.seconds()) == (4, 12 * 10)
    for run in RUNS:
        known.end(run)
    assert (known.epochs_done, known.seconds()) == (16, 0)


# What is shown.


def test_where_there_is_no_terminal_there_is_a_line_now_and_then(clock):
    out = console()
    with Progress(out, {("sgd", 0): 40, ("sgd", 1): 40}, 2) as shown:
        shown.show("[2] runs")
        for _ in range(20):
            clock[0] += 50
            shown.epoch("sgd", 0, 50.0)
        clock[0] += 5000
        shown.epoch("sgd", 1, 5000.0)
        shown.end("sgd", 0)
        shown.end("sgd", 1)
    lines = out.file.getvalue().splitlines()
    assert lines[0] == "[2] runs: 3 % of the epochs done, about 33 min left"
    assert lines[-1] == "[2] runs: 26 % of the epochs done, about 3 h 6 min left"
    assert len(lines) == 7


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.2, "3 s"), (89, "89 s"), (91, "2 min"), (7199, "2 h 0 min")]
)
def test_durations_are_as_exact_as_an_estimate(seconds, words, clock):
    out = console()
    with Progress(out, {("sgd", 0): 2}) as shown:
        clock[0] += progress.SECONDS_BETWEEN_LINES
        shown.epoch("sgd", 0, seconds)
    assert out.file.getvalue() == f": 50 % of the epochs done, about {words} left\n"


def test_quiet_is_quiet(clock):
    out = console(quiet=True)
    with Progress(out, RUNS) as shown:
        clock[0] += 1000
        shown.epoch("sgd", 0, 1000.0)
    assert out.file.getvalue() == ""


def test_on_a_terminal_there_is_a_bar_whose_time_runs_down(clock):
    out = console(force_terminal=True)
    with Progress(out, {("sgd", 0): 4}) as shown:
        shown.show("sgd, seed 0")
        shown.epoch("sgd", 0, 1500.0)
        clock[0] += 60
    text = out.file.getvalue()
    assert "sgd, seed 0" in text
    assert "25%" in text
    assert "1:14:00" in text
