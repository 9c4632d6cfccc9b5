"""The command `stepwrap`, every subcommand and every error."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import stepwrap
import stepwrap.__main__ as program
from cases import BACKEND
from pretended_training import pretend_training
from stepwrap import optimizers, wrappers
from stepwrap.command import arguments as command_arguments
from stepwrap.command import messages as hidden_messages
from stepwrap.experiments import command_line
from stepwrap.experiments.reproductions import catalogue as reproductions
from stepwrap.experiments.tasks import catalogue as tasks

pytestmark = pytest.mark.backend_free

COMPARE = ["compare", "sgd(0.1)", "adam | normalized", "--epochs", "2", "--seeds", "2"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in, and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def trained(monkeypatch):
    """The seeds that were trained, in pretence, in order."""
    return pretend_training(monkeypatch)


def failed(capsys, *arguments):
    """What a command that is refused says."""
    assert command_line.main(arguments) == 2
    return capsys.readouterr().err


def refused(capsys, *arguments):
    """What a command says that cannot be understood."""
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    return capsys.readouterr().err


def started(*arguments):
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "stepwrap", *arguments],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# Each subcommand.


def test_compare(trained, here, capsys):
    assert command_line.main(COMPARE) == 0
    assert trained == [0, 1, 0, 1]
    shown = capsys.readouterr().out
    assert "digits-mlp, 2 epochs, mean ± deviation over 2 seeds" in shown
    assert "adam | normalized" in shown
    folder = here / "output" / "compare"
    assert (folder / "results.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "steps.svg").read_text().startswith("<?xml")
    about = json.loads((folder / "run.json").read_text())
    assert about["settings"]["task"] == "digits-mlp"
    # The same again trains nothing.
    trained.clear()
    assert command_line.main(COMPARE) == 0
    assert trained == []
    assert "4 of 4 runs are in" in capsys.readouterr().out


def test_sweep(trained, here, capsys):
    arguments = ["sweep", "adam(LR)", "--lr", "1e-3:1e-1:log3", "--epochs", "2", "--output", "s"]
    assert command_line.main(arguments) == 0
    assert trained == [0, 1, 2] * 3
    assert "LR = 0.01" in capsys.readouterr().out
    assert (here / "s" / "results.png").exists()


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("tasks", tasks.names()),
        ("wrappers", wrappers.names()),
        ("optimizers", optimizers.names()),
        ("reproductions", reproductions.names()),
    ],
)
def test_lists(command, names, capsys):
    assert command_line.main([command]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all(len(line.split()) > 1 for line in lines)  # each says what it is


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which starts fastest
def test_the_demo_trains_six_stacks_and_continues_a_saved_model(here):
    # In a process of its own, as a user runs it.
    with started("demo", "--epochs", "1", "--seeds", "1") as process:
        shown, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "rmsprop | normalized" in shown
    assert "identical in all" in shown
    rows = (here / "output" / "demo" / "table.md").read_text().splitlines()
    assert len(rows) == 2 + 6


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which starts fastest
@pytest.mark.skipif(sys.platform == "win32", reason="its signals are others")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_interrupted_it_goes_on_with_what_is_missing(how, here):
    how = getattr(signal, how)
    arguments = ["compare", "sgd", "adam", "--epochs", "20", "--seeds", "2"]
    records = here / "output" / "compare" / "records"
    process = started(*arguments, "--jobs", "2")
    while not list(records.glob("*.npz")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how), errors
    if how == signal.SIGINT:
        assert "The same command continues from here" in errors
        assert "Traceback" not in errors
    kept = {path: path.stat().st_mtime_ns for path in records.glob("*.npz")}
    assert 0 < len(kept) < 4

    with started(*arguments) as process:
        shown, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert f"{len(kept)} of 4 runs are in" in shown
    assert len(list(records.glob("*.npz"))) == 4
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.long
@pytest.mark.backend_free("torch")  # which starts fastest
def test_another_backend_is_started_anew(here):
    other = "jax" if BACKEND == "tensorflow" else "tensorflow"
    pytest.importorskip(other)
    with started(*COMPARE, "--epochs", "1", "--samples", "64", "--backend", other) as process:
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    settings = json.loads((here / "output" / "compare" / "run.json").read_text())["settings"]
    assert other in settings["versions"]


# Every error.


def test_an_unknown_task(capsys):
    assert "Did you mean 'digits-cnn'" in failed(capsys, *COMPARE, "--task", "digit-cnn")


def test_an_unknown_optimizer(capsys):
    error = failed(capsys, "compare", "rmspropp")
    assert "Did you mean 'rmsprop'" in error
    assert "^" in error


def test_a_stack_that_does_not_parse(capsys):
    error = failed(capsys, "compare", "adam(1e-3) | normalized(")
    lines = error.splitlines()
    place = next(line for line in lines if set(line.strip()) == {"^"})
    assert "adam(1e-3) | normalized(" in lines[lines.index(place) - 1]


def test_an_unknown_reproduction(capsys):
    assert "Did you mean 'l4-mnist'" in failed(capsys, "reproduce", "l4-mnits")


@pytest.mark.parametrize(
    "option",
    [["--epochs", "0"], ["--seeds", "0"], ["--seeds", "-1"], ["--jobs", "x"], ["--samples", "0"]],
)
def test_numbers_that_make_no_sense(option, capsys):
    assert "must be a whole number above 0" in refused(capsys, *COMPARE, *option)


def test_learning_rates_that_make_no_sense(capsys):
    error = refused(capsys, "sweep", "adam(LR)", "--lr", "1e-4:1e-1")
    assert "FROM:TO:logN" in error


def test_a_sweep_without_a_place_for_the_learning_rate(capsys):
    assert "has no `LR`" in failed(capsys, "sweep", "adam(1e-3)", "--lr", "0.1")


def test_a_data_folder_without_the_file(here, capsys):
    error = failed(capsys, *COMPARE, "--task", "cifar-cnn", "--data", str(here))
    assert str(here / "cifar10.npz") in error
    assert str(here / "cifar10_subset.npz") in error


@pytest.mark.backend_free("torch")  # which is the fastest
def test_an_output_folder_with_another_run(trained, capsys):
    command_line.main(COMPARE)
    error = failed(capsys, *COMPARE, "--epochs", "3")
    assert "another run" in error
    assert "--force" in error
    assert command_line.main([*COMPARE, "--epochs", "3", "--force"]) == 0


def test_an_output_folder_that_cannot_be_written(trained, here, capsys):
    (here / "file").write_text("")
    assert "Cannot write" in failed(capsys, *COMPARE, "--output", "file")
    assert trained == []


@pytest.mark.parametrize("arguments", [[], ["comprae"]])
def test_an_unknown_command(arguments, capsys):
    assert "COMMAND" in refused(capsys, *arguments)


def test_a_mistyped_command_is_told_the_nearest(capsys):
    assert "Did you mean 'compare'?" in refused(capsys, "compre", "sgd")
    assert "Did you mean" not in refused(capsys, "xyz")


# Before Keras.


def without_keras(*program):
    """What a program says where importing Keras fails."""
    return subprocess.run(
        [sys.executable, *program],
        env={**os.environ, "KERAS_BACKEND": "none"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_and_mistakes_do_not_load_keras(here):
    (here / "stepwrap").write_text("from stepwrap.__main__ import main\nraise SystemExit(main())\n")
    for start in (["-m", "stepwrap"], ["stepwrap"]):
        for arguments in (["--help"], ["compare", "--help"], ["--version"]):
            done = without_keras(*start, *arguments)
            assert (done.returncode, done.stderr) == (0, "")
            assert "stepwrap" in done.stdout
        for arguments in (["compre"], ["compare"], ["sweep", "sgd(LR)", "--lr", "x"]):
            done = without_keras(*start, *arguments)
            assert done.returncode == 2
            assert "Traceback" not in done.stderr


def test_the_backend_is_chosen_before_keras_reads_it(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "none")
    monkeypatch.setattr(sys, "argv", ["-m", "compare", "sgd", "--backend", BACKEND])
    command_arguments.prepare()
    assert os.environ["KERAS_BACKEND"] == BACKEND


@pytest.mark.parametrize(
    ("argv", "of_python", "are"),
    [
        (["-m", "demo"], ["python", "-m", "stepwrap", "demo"], True),
        (["-m"], ["python", "-m", "pytest", "stepwrap"], False),
        (["/bin/stepwrap", "demo"], ["python", "/bin/stepwrap", "demo"], True),
        (["/bin/stepwrap", "demo"], ["python", "-c", "spawn_main()"], False),  # with --jobs
        (["mine.py", "stepwrap"], ["python", "mine.py", "stepwrap"], False),
        ([""], ["python"], False),
    ],
)
def test_other_programs_keep_their_arguments(argv, of_python, are, monkeypatch):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", of_python)
    assert command_arguments.are_of_this_process() == are


HIDING = """
import os, runpy, sys
module = runpy.run_path(sys.argv[1])
module["hide"]()
os.write(2, b"noise of a library\\n")
print("of Python", file=sys.stderr)
exec(sys.argv[2])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is hidden")
@pytest.mark.parametrize(
    ("end", "status"),
    [("module['forget']()", 0), ("raise RuntimeError('x')", 1), ("os.abort()", -signal.SIGABRT)],
)
def test_what_libraries_write_is_shown_only_if_something_fails(end, status):
    done = subprocess.run(
        [sys.executable, "-c", HIDING, hidden_messages.__file__, end],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status
    lines = done.stderr.splitlines()
    assert lines[0] == "of Python"
    assert ("RuntimeError: x" in lines) == (status == 1)
    if status == 0:
        assert len(lines) == 1
    else:
        assert lines[-2:] == ["Meanwhile libraries wrote:", "noise of a library"]


def test_a_backend_that_is_not_installed(monkeypatch, capsys):
    other = "jax" if BACKEND == "tensorflow" else "tensorflow"
    monkeypatch.setattr(command_arguments.importlib.util, "find_spec", lambda name: None)
    error = refused(capsys, *COMPARE, "--backend", other)
    assert f'pip install ".[{other}]"' in error


def test_an_error_shows_where_it_comes_from_if_asked(capsys):
    with pytest.raises(ValueError, match="is no base optimizer"):
        command_line.main(["compare", "adamm", "--traceback"])


@pytest.mark.parametrize("extra", ["matplotlib", "rich", "sklearn"])
def test_an_extra_that_is_missing_is_named(extra, monkeypatch, capsys):
    for name in list(sys.modules):
        if name.startswith("stepwrap.experiments"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, extra, None)  # as if it were not there
    monkeypatch.delattr(stepwrap, "experiments")
    assert program.main() == 2
    error = capsys.readouterr().err
    assert f"stepwrap.experiments needs {extra}. In the clone of stepwrap, run: " in error
    assert 'pip install ".[experiments]"' in error


# Reproductions.


def test_of_all_reproductions_those_without_data_are_named(monkeypatch, here, capsys):
    def needs_data(laboratory):
        """One without data."""
        raise FileNotFoundError("no mnist.npz")

    done = []
    entries = {"first": needs_data, "second": lambda laboratory: done.append(laboratory.output)}
    monkeypatch.setattr(reproductions, "names", lambda: list(entries))
    monkeypatch.setattr(reproductions, "get", entries.get)
    assert command_line.main(["reproduce", "all", "--fast"]) == 2
    shown, error = capsys.readouterr()
    assert shown.splitlines() == ["Reproduction 1 of 2: first", "Reproduction 2 of 2: second"]
    assert "stepwrap reproduce first: no mnist.npz" in error
    assert done == [pathlib.Path("output", "reproduce", "second-fast")]
