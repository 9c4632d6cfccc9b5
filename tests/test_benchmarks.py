"""The benchmark measures what it says; how fast anything is, is not tested."""

import gc
import json
import math

import keras
import numpy as np
import pytest

import bench
import cases
import cell
import first_step
import floor
import measure
import memory
import modes
import plan
import steps
import stepwrap
import tables
import timing
import variants
import workload

MODE = cases.BACKEND  # on TensorFlow the one without XLA, which compiles faster
PEERS = {"optax.lookahead", "torch.nn.utils.clip_grad_norm_"} & set(variants.known())
A_FEW = ["NormalizedOptimizer", "L4Mom", *PEERS]


@pytest.fixture
def tiny(monkeypatch):
    """A size at which a step takes no time."""
    monkeypatch.setitem(workload.SIZES, "tiny", (5, 4, 3))
    monkeypatch.setattr(timing, "SHORTEST", 1e-4)
    return "tiny"


def assert_complete(records, names):
    """A record for each, in which every number is finite."""
    assert [record["variant"] for record in records] == names
    for record in records:
        variant = variants.known()[record["variant"]]
        assert set(record["ratios"]) == set(variant.compared_with)
        spreads = [record["seconds"], record["ratio_to_single_pass"], *record["ratios"].values()]
        assert all(0 < low <= median <= high < math.inf for low, median, high in spreads)
        assert record["first_call_seconds"] > 0 and record["rounds"] == 2


@pytest.mark.parametrize(
    "kind, patterns",
    [
        pytest.param("step", A_FEW, id="step"),
        pytest.param("train", ["NormalizedOptimizer"], id="train", marks=pytest.mark.long),
    ],
)
def test_records_are_complete(tiny, kind, patterns):
    records = measure.records(cell.Cell(MODE, tiny, kind, "one", patterns, (1, 2)), started=0)
    names = [record["variant"] for record in records]
    assert set(names) >= {"Adam", *patterns}
    assert_complete(records, names)
    [bare] = [record for record in records if record["variant"] == "Adam"]
    assert bare["ratios"] == {"Adam": [1, 1, 1]}


@pytest.mark.skipif(cases.BACKEND != "tensorflow", reason="elsewhere gradients are dense")
@pytest.mark.parametrize("kind", cases.others_long(["step", "train"], everyday=["train"]))
def test_records_of_a_table_are_complete(monkeypatch, kind):
    monkeypatch.setitem(workload.TABLES, "tiny", (20, 3))
    monkeypatch.setattr(timing, "SHORTEST", 1e-4)
    patterns = ["NormalizedOptimizer(SGD)"]
    records = measure.records(cell.Cell(MODE, "tiny", kind, "one", patterns, (1, 2)), started=0)
    assert_complete(records, ["Adam", "SGD", *patterns])


@pytest.mark.long
@pytest.mark.skipif(cases.BACKEND == "tensorflow", reason="it takes a minute to compile them")
def test_records_of_all_variants_are_complete(tiny):
    records = measure.records(cell.Cell(MODE, tiny, "step", "all", ["*"], (1, 2)), started=0)
    assert {record["variant"] for record in records} == set(variants.known())
    assert_complete(records, [record["variant"] for record in records])


def test_every_wrapper_of_the_catalogue_is_a_variant():
    names = {name.partition("(")[0] for name in variants.known()}
    assert names >= {stepwrap.wrappers.get(name).__name__ for name in stepwrap.wrappers.names()}


@pytest.mark.skipif(cases.BACKEND == "tensorflow", reason="peers are for JAX and PyTorch")
def test_peers_are_compared_with_the_wrapper_of_the_same_formula():
    pytest.importorskip({"jax": "optax", "torch": "pytorch_optimizer"}[cases.BACKEND])
    known = variants.known()
    peers = [variant for variant in known.values() if variant.group == "peers"]
    assert sum(peer.like is not None for peer in peers) >= 5
    assert all(set(peer.compared_with) <= set(known) for peer in peers)


def test_names_elsewhere_are_those_of_variants():
    """Those of other backends' peers are not known here."""
    named = {*floor.BYTES, *variants.HEADLINES, *plan.QUICK}
    peers = ("optax.", "torch.", "pytorch_optimizer.", "momo.")
    assert {name for name in named if not name.startswith(peers)} <= set(variants.known())


def test_patterns_choose_variants():
    assert {v.name for v in variants.chosen(["l4*"])} >= {"L4Wrapper", "L4Adam", "L4Mom"}
    assert {v.name for v in variants.chosen(["headline"])} < set(variants.known())
    with pytest.raises(ValueError, match="No variant matches"):
        variants.chosen(["nothing"])


def test_the_weights_hardly_move(tiny):
    """Else the last steps would be others than the first."""
    problem = workload.Workload(tiny, "train")
    optimizer = variants.adam()
    model = problem.model(optimizer)
    before = model.get_weights()
    batch = [keras.ops.convert_to_numpy(array) for array in problem.batch]
    for _ in range(3):
        model.train_on_batch(*batch)
    moves = [
        np.max(np.abs(one - other)) for one, other in zip(before, model.get_weights(), strict=True)
    ]
    assert 0 < max(moves) < 1e-5


def test_groups_have_all_that_their_members_are_compared_with():
    everything = list(variants.known().values())
    groups = list(measure.in_groups(everything, most=8))
    assert {variant.name for group in groups for variant in group} == set(variants.known())
    for group in groups:
        names = {variant.name for variant in group}
        assert len(names) == len(group) <= 8
        assert all(names >= set(variant.compared_with) for variant in group)


class Clock:
    """Time that passes when a function says so."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def function(self, name, *durations):
        """One that takes these durations in turn."""

        def run():
            self.now += durations[self.calls.count(name) % len(durations)]
            self.calls.append(name)

        return run


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing.time, "perf_counter", clock)
    monkeypatch.setattr(timing.time, "monotonic", clock)
    return clock


def test_timings_are_of_whole_cycles_and_long_enough(clock):
    functions = {"even": clock.function("even", 0.003), "sixth": clock.function("sixth", 0, 0, 0.9)}
    seconds = timing.in_turn(functions, {"even": 1, "sixth": 3}, clock, (4, 4), math.inf)
    np.testing.assert_allclose(seconds["even"], [0.003] * 4)
    np.testing.assert_allclose(seconds["sixth"], [0.3] * 4)
    assert clock.calls.count("even") == 1 + 4 * math.ceil(timing.SHORTEST / 0.003)
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_variants_take_turns_in_random_order(clock):
    functions = {name: clock.function(name, 1.0) for name in "abc"}
    timing.in_turn(functions, dict.fromkeys("abc", 1), clock, (20, 20), math.inf)
    rounds = np.reshape(clock.calls[3:], (20, 3))
    assert all(set(order) == set("abc") for order in rounds)
    assert len({"".join(order) for order in rounds}) > 3


def test_ratios_are_taken_within_rounds(clock):
    """A machine that becomes slower does not change them."""
    slower = [1.0, 1.0, 2.0, 4.0, 8.0]  # the first is the call that decides how many make a timing
    bare = clock.function("bare", *slower)
    wrapped = clock.function("wrapped", *(1.5 * duration for duration in slower))
    functions = {"bare": bare, "wrapped": wrapped}
    seconds = timing.in_turn(functions, dict.fromkeys(functions, 1), clock, (4, 4), math.inf)
    assert timing.quartiles(seconds["wrapped"] / seconds["bare"]) == [1.5, 1.5, 1.5]
    assert timing.quartiles(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == [2, 3, 4]


def test_rounds_end_at_the_deadline_but_not_before_the_least(clock):
    def rounds(deadline):
        function = clock.function("one", 1.0)
        clock.now = 0.0
        seconds = timing.in_turn({"one": function}, {"one": 1}, clock, (2, 9), deadline)
        return len(seconds["one"])

    assert [rounds(deadline) for deadline in (0.0, 5.5, math.inf)] == [2, 4, 9]


def test_memory_is_counted_in_copies_of_the_model(tiny):
    records = memory.records(cell.Cell(MODE, tiny, "memory", "one", ["Lookahead", "L4Mom"]))
    copies = {record["variant"]: record for record in records}
    assert set(copies) == {"Adam", "SGD(momentum=0.9)", "Lookahead", "L4Mom"}
    assert 2 < copies["Adam"]["state"] < 2.2  # and a few scalars
    assert 1 < copies["Lookahead"]["state_over_base"] < 1.1  # and a scalar
    assert copies["Adam"]["temporary_over_base"] in (0, None)


def test_size_of_counts_bytes():
    shapes = [(3, 4), (5,), ()]
    assert steps.size_of([keras.Variable(np.zeros(shape, "float32")) for shape in shapes]) == 72


def test_the_single_pass_reads_four_arrays_and_writes_three(tiny, monkeypatch):
    problem = workload.Workload(tiny, "step")
    arrays = iter([[np.full(3, value)] for value in (1.0, 2.0, 3.0, 4.0)])
    seen = []
    monkeypatch.setattr(
        workload.Workload, "weights", lambda self: seen.append(next(arrays)) or seen[-1]
    )
    floor.single_pass(problem)()
    assert [float(array[0]) for [array] in seen] == [1, 3, -3, -4]
    assert floor.ratio(variants.known()["ClippedOptimizer"]) == round(32 / 28, 3)
    assert floor.ratio(variants.known()["Adam, a second time"]) is None


def test_the_time_that_is_left_is_shared():
    cells = plan.cells("usual", [MODE])
    first, last = plan.with_share(cells, 0, 100.0), plan.with_share(cells, len(cells) - 1, 7.0)
    total = sum(plan.WEIGHTS[tuple(one.variants)] for one in cells)
    assert first.seconds == 100 * plan.WEIGHTS[tuple(cells[0].variants)] / total
    assert last.seconds == 7
    assert plan.with_share(cells, 0, -1.0).seconds == 0


def test_a_complete_run_has_everything_and_a_fast_one_little():
    fast, usual, complete = (
        {(one.kind, one.threads, one.size) for one in plan.cells(depth, [MODE])}
        for depth in ("fast", "usual", "all")
    )
    assert fast < usual < complete
    on_tables = 2 * len(workload.TABLES) if cases.BACKEND == "tensorflow" else 0
    assert len(complete) == 2 * 2 * 4 + 1 + on_tables
    assert all(one.variants == ("l4*",) for one in plan.cells("usual", [MODE], ["l4*"]))


def made_up(**changed):
    """A record as `measure` makes it."""
    record = {
        "mode": "jax",
        "size": "S",
        "kind": "step",
        "threads": "one",
        "variant": "Adam",
        "group": "bare",
        "like": None,
        "floor": 1.0,
        "rounds": 7,
        "seconds": [1e-4, 2e-4, 3e-4],
        "first_call_seconds": 0.5,
        "ratios": {"Adam": [1.0, 1.0, 1.0]},
        "ratio_to_single_pass": [2.0, 2.5, 3.0],
    }
    return record | changed


def results():
    """Of a benchmark that was too short."""
    wrapped = made_up(
        variant="Lookahead", group="weights", floor=1.05, ratios={"Adam": [1.05, 1.1, 1.2]}
    )
    slow = made_up(variant="L4Adam", group="steps", ratios={"Adam": [110.0, 116.0, 120.0]})
    peer = made_up(
        variant="optax.lookahead",
        group="peers",
        like="Lookahead",
        floor=None,
        ratios={"Adam": [2.0, 2.1, 2.2], "optax.adam": [1.9] * 3, "Lookahead": [1.9] * 3},
    )
    on_torch = made_up(mode="torch")
    memory = {"variant": "Lookahead", "group": "weights", "kind": "memory", "mode": "torch"}
    memory |= {"size": "M", "threads": "one", "state": 3.0, "temporary": None}
    memory |= {"state_over_base": 1.0, "temporary_over_base": None}
    about = {"machine": "a machine", "jax": "1.0", "torch": None}
    records = [made_up(), wrapped, slow, peer, on_torch, memory]
    return {"about": about, "records": records}


def test_tables_and_picture_are_written(tmp_path):
    bench.write(results(), tmp_path)
    names = ["bench.json", "bench.md", "bench.png", "bench.svg", "bench_tables.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8")) == results()
    summary = (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert "| `Lookahead` | 1.10 |  |\n" in summary
    text = (tmp_path / "bench_tables.md").read_text(encoding="utf-8")
    assert "|  | floor | S: 200 µs, 7 rounds |\n" in text
    assert "| `Lookahead` | 1.05 | 1.10 (1.05 to 1.20) |\n" in text
    assert "| `L4Adam` | 1.00 | 116 (110 to 120) |\n" in text
    assert "| S | 2.50 (2.00 to 3.00) | 2.50 (2.00 to 3.00) |\n" in text
    assert "| `Lookahead` | 1.00 + – |\n" in text


def test_the_first_step_is_timed_for_every_stack(monkeypatch):
    monkeypatch.setattr(first_step.dense, "__defaults__", (1,))
    assert set(first_step.STACKS) >= set(first_step.stacks_for(cases.BACKEND))
    assert first_step.first_step("dense", "four") > 0
    assert set(first_step.optimizers()) == set(first_step.STACKS)


def test_what_was_measured_before_stays_in_the_table_of_first_steps(tmp_path, monkeypatch):
    where = ["--output", str(tmp_path), "--models", "dense"]
    monkeypatch.setattr(first_step.bench, "is_there", lambda mode: True)
    for seconds, backends in ((2.0, ["tensorflow", "jax"]), (3.0, ["jax"])):
        times = {"bare": seconds, "one": 5.0, "four": 9.0, "off": 2.5}
        monkeypatch.setattr(first_step, "in_a_process", lambda *_, times=times: times[_[2]])
        first_step.main([*where, "--backends", *backends])
    table = (tmp_path / "first_step_table.md").read_text(encoding="utf-8")
    assert "TensorFlow | 2.0 s | 5.0 s (2.5) | 9.0 s (4.5) | 2.5 s (1.2) |\n" in table
    assert "JAX | 3.0 s | 5.0 s (1.7) | 9.0 s (3.0) |  |\n" in table


def test_a_result_without_records_is_written_too(tmp_path):
    """An interrupted benchmark leaves what it has."""
    bench.write({"about": {"machine": "a machine"}, "records": []}, tmp_path)
    assert (tmp_path / "bench.png").exists()


def test_bars_in_names_do_not_end_a_cell():
    assert tables.markdown(["a"], [["b | c"]]).splitlines()[2] == "| b \\| c |"


def test_a_backend_that_is_not_installed_is_left_out_with_a_line(monkeypatch, capsys):
    monkeypatch.setitem(modes.MODES, "none", modes.Mode("No backend", "no_such_backend"))
    assert not bench.is_there("none") and bench.is_there(MODE)
    assert capsys.readouterr().out == "No backend is left out: no_such_backend is not installed.\n"


def command(folder, *arguments):
    """The records of a run for one mode and size."""
    where = ["--modes", MODE, "--sizes", "S", "--kinds", "step", "--output", str(folder)]
    bench.main([*where, *arguments])
    return json.loads((folder / "bench.json").read_text(encoding="utf-8"))["records"]


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which starts fastest
def test_the_command_measures_in_processes_of_their_own(tmp_path, capsys):
    records = command(tmp_path, "--variants", "OptimizerWrapper", "--rounds", "1")
    assert [(record["threads"], record["variant"]) for record in records] == [
        ("one", "Adam"),
        ("one", "OptimizerWrapper"),
        ("all", "Adam"),
        ("all", "OptimizerWrapper"),
    ]
    assert f"{MODE}, S, step, threads: all: 1 rounds" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.skipif(cases.BACKEND != "torch", reason="it fails before there is a backend")
def test_a_cell_that_fails_shows_why(tmp_path, capsys):
    with pytest.raises(SystemExit, match=f"Not measured: {MODE}, S, step, threads: one"):
        command(tmp_path, "--threads", "one", "--variants", "nothing")
    assert "No variant matches ['nothing']" in capsys.readouterr().err
