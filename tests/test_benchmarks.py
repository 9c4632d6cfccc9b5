"""The benchmark measures what it says; how fast anything is, is not tested."""

import gc
import json
import math
import re

import keras
import numpy as np
import pytest

import bench
import cases
import cell
import first_step
import floor
import gpu
import measure
import memory
import modes
import plan
import scaling
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
    assert copies["Adam"]["peak_ratio"] in (1, None)


@pytest.mark.long
def test_the_memory_of_every_variant_is_counted(tiny):
    records = memory.records(cell.Cell(MODE, tiny, "memory", "one", ["*"]))
    assert {record["variant"] for record in records} == set(variants.known())
    by_name = {record["variant"]: record for record in records}
    for name, record in by_name.items():
        assert record["state_over_base"] >= 0 or record["group"] in ("bare", "peers")
        if record["peak_ratio"] is not None:
            base = by_name[variants.known()[name].bases[0]]
            expected = memory.peak(record) / memory.peak(base)
            assert record["peak_ratio"] == pytest.approx(expected, rel=1e-3)


def test_the_peak_is_of_weights_gradients_state_and_the_rest():
    bare, wrapped = {"state": 2, "temporary": 0}, {"state": 3, "temporary": 1}
    assert memory.peak(wrapped) / memory.peak(bare) == 1.5
    assert tables._copies({**wrapped, "state_over_base": 1, "temporary_over_base": 1}) == (
        "1.00 + 1.00"
    )
    record = {"state_over_base": 1, "temporary_over_base": -0.5, "peak_ratio": 1.25}
    assert tables._copies(record) == "1.00 − 0.50 (1.25)"


def test_a_table_says_which_peer_is_faster():
    def ratio(name, size, *quartiles):
        ratios = {"Adam": [1, 1, 1], "Lookahead": list(quartiles)}
        return made_up(variant=name, size=size, group="peers", like="Lookahead", ratios=ratios)

    records = [
        ratio("slow", "S", 1.1, 1.2, 1.3),
        ratio("slow", "L", 1.9, 2.0, 2.1),
        ratio("quick", "S", 0.7, 0.8, 0.9),
        ratio("quick", "L", 0.7, 0.8, 1.1),
        made_up(),
    ]
    lines = tables.peers({"records": records}).splitlines()
    assert "| `slow` | JAX | `Lookahead` | 1.20 / 2.00 | the wrapper |" in lines
    assert "| `quick` | JAX | `Lookahead` | 0.80 / 0.80 | the other at S, neither at L |" in lines
    assert len(lines) == 6


def test_packages_of_peers_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    lines = bench.missing_peers(["torch", "tensorflow"])
    assert [line.partition(" ")[0] for line in lines] == ["pytorch_optimizer", "momo"]
    assert lines[1] == "momo is left out: the package momo-opt is not installed."


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
    assert len(complete) == 2 * 2 * 5 + 1 + on_tables
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
    names = ["bench.json", "bench.md", "bench.png", "bench.svg"]
    names = sorted([*names, "bench_peers.md", "bench_tables.md"])
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
    assert first_step.first_step("dense", "five") > 0
    assert set(first_step.optimizers()) == set(first_step.STACKS)


def test_scales_are_as_large_as_they_say():
    for weights, size in workload.SCALES["weights"].items():
        assert workload.Workload(size, "step").parameters == pytest.approx(weights, rel=0.01)
    for variables, size in workload.SCALES["variables"].items():
        assert len(workload.Workload(size, "step").shapes) == variables


def test_the_cost_of_a_weight_and_of_a_variable_is_written(tmp_path, monkeypatch):
    def measured(cell):
        return [
            made_up(variant=name, mode=cell.mode, size=cell.size, seconds=[1, 2 * number, 3])
            for number, name in enumerate([*scaling.VARIANTS, variants.AGAIN], 1)
        ]

    monkeypatch.setattr(scaling.bench, "measured", measured)
    monkeypatch.setattr(scaling.bench, "is_there", lambda mode: True)
    scaling.main(["--modes", "jax", "--most", "1e6", "--output", str(tmp_path)])
    scaling.main(["--modes", "torch", "--axes", "variables", "--output", str(tmp_path)])
    records = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert len(records) == len(scaling.VARIANTS) * (2 + 5 + 5)
    assert scaling.AGAIN == variants.AGAIN
    table = (tmp_path / "scaling_table.md").read_text(encoding="utf-8")
    assert "|  | 300,000 weights | 1,000,000 weights |\n" in table
    assert f"| `Adam`, JAX | {2e9 / 3e5:.3g} | 2e+03 |\n" in table
    assert "| `Adam`, PyTorch | 50 | 16.7 | 5 | 1.67 | 0.5 |\n" in table
    assert (tmp_path / "scaling.svg").exists() and (tmp_path / "scaling.png").exists()


def test_what_was_measured_before_stays_in_the_table_of_first_steps(tmp_path, monkeypatch):
    where = ["--output", str(tmp_path), "--models", "dense"]
    monkeypatch.setattr(first_step.bench, "is_there", lambda mode: True)
    for seconds, backends in ((2.0, ["tensorflow", "jax"]), (3.0, ["jax"])):
        times = {"bare": seconds, "one": 5.0, "l4": 5.0, "four": 9.0, "five": 9.0, "off": 2.5}
        monkeypatch.setattr(first_step, "in_a_process", lambda *_, times=times: times[_[2]])
        first_step.main([*where, "--backends", *backends])
    table = (tmp_path / "first_step_table.md").read_text(encoding="utf-8")
    assert "TensorFlow | 2.0 s | 5.0 s (2.5) | 5.0 s (2.5) | 9.0 s (4.5) |" in table
    assert "9.0 s (4.5) | 2.5 s (1.2) |\n" in table
    assert "JAX | 3.0 s | 5.0 s (1.7) | 5.0 s (1.7) | 9.0 s (3.0) | 9.0 s (3.0) |  |\n" in table


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


# On a GPU.


def test_the_benchmark_for_gpus_measures_what_the_others_do():
    """It stands alone, and so has sizes and floors of its own."""
    assert {size: gpu.SIZES[size] for size in ("S", "N", "L")} == {
        size: workload.SIZES[size] for size in ("S", "N", "L")
    }
    assert gpu.Problem("100M", "step", "float32").weights == pytest.approx(1e8, rel=0.01)
    assert variants.FIVE == gpu.FIVE and variants.RATE == 1e-6
    floors = {text: 4 * numbers for text, numbers in gpu.NUMBERS.items()}
    assert floors.pop(gpu.ADAM) == floor.BYTES["Adam"]
    assert floors.pop(gpu.MOMENTUM) == floor.BYTES["SGD(momentum=0.9)"]
    assert floors.pop("l4mom(fraction=1e-06)") == floor.BYTES["L4Mom"]
    for text, numbers in floors.items():
        name, arguments = re.fullmatch(r"(?:.* \| )?(\w+)(.*)", text).groups()
        wrapper = "Adam" if name == "adam" else stepwrap.wrappers.get(name).__name__
        arguments = arguments.replace("1e-06, ", "").replace("(fraction=1e-06)", "")
        assert numbers == pytest.approx(floor.BYTES[wrapper + arguments])


def test_every_wrapper_can_be_measured_on_a_gpu():
    optimizers = [stepwrap.parse(text) for text in gpu.texts(["*"])]
    measured = {type(optimizer) for optimizer in optimizers}
    assert measured >= {stepwrap.wrappers.get(name) for name in stepwrap.wrappers.names()}
    with pytest.raises(SystemExit, match="No optimizer matches"):
        gpu.texts(["nothing"])


@pytest.mark.skipif(cases.BACKEND == "tensorflow", reason="it is for JAX and PyTorch")
@pytest.mark.parametrize("kind", cases.others_long(["step", "train"], everyday=["step"]))
def test_the_benchmark_for_gpus_works_without_one(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "SHORTEST", 1e-4)
    monkeypatch.setattr(gpu, "COPIED", 2**10)
    for variable in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.setenv(variable, "")
    where = ["--sizes", "tiny", "--rounds", "2", "--output", str(tmp_path)]
    gpu.main([cases.BACKEND, "--cpu", "--stacks", "normalized", "--kinds", kind, *where])
    [path] = tmp_path.glob("*.json")
    records = json.loads(path.read_text(encoding="utf-8"))["records"]
    assert {(r["kind"], r["dtype"], r["optimizer"]) for r in records} == {
        (kind, dtype, "adam(1e-06) | normalized") for dtype in ("float32", "bfloat16")
    }
    for record in records:
        assert all(0 < number < math.inf for number in (*record["ratio"], *record["seconds"]))
        assert record["floor"] == (round(8 / 7, 3) if record["kind"] == "step" else None)
    sizes = {record["dtype"]: record["base_bytes"] for record in records}
    assert sizes == {"float32": 7 * 4 * 59, "bfloat16": 7 * 2 * 59}
    heads = {"step": "|  | floor | tiny, float32 |", "train": "|  | tiny, float32 |"}
    assert heads[kind] in capsys.readouterr().out


@pytest.mark.skipif(cases.BACKEND == "tensorflow", reason="it is for JAX and PyTorch")
def test_the_benchmark_for_gpus_does_not_take_a_processor_for_one(monkeypatch):
    monkeypatch.setattr(gpu, "device", lambda: None)
    with pytest.raises(SystemExit, match="sees no GPU here"):
        gpu.main([cases.BACKEND])


def test_the_gpu_and_its_speed_are_in_the_tables():
    record = {"kind": "step", "size": "L", "dtype": "bfloat16", "optimizer": gpu.ADAM}
    record |= {"ratio": [0.9, 1, 1.1], "floor": 1.0, "base_seconds": [1e-4, 2e-4, 3e-4]}
    record |= {"base_bytes": 28e6, "base_first_call_seconds": 0.5}
    about = {"device": "NVIDIA X", "gigabytes_per_second": 280.0}
    text = gpu.tables({"about": about, "records": [record]})
    assert text.startswith("# What wrapping costs on one device: NVIDIA X\n")
    assert "| `adam(1e-06)` | 1.00 | 1.00 (0.90 to 1.10) |\n" in text
    assert "| L, bfloat16 | 200 µs | 100.0 µs | 0.50 s |\n" in text
