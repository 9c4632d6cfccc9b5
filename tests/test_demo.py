"""The command line, run as a user does."""

import os
import subprocess
import sys

import pytest

from stepwrap.experiments import command_line

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "stepwrap", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_demo(tmp_path):
    result = run("demo", "--epochs", "1", "--seeds", "2", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "NormalizedOptimizer(RMSprop())" in result.stdout
    assert "over 2 seeds" in result.stdout
    assert "identical in all" in result.stdout
    output = tmp_path / "output" / "demo"
    assert (output / "digits_loss.png").read_bytes().startswith(b"\x89PNG")
    rows = (output / "digits_table.md").read_text().splitlines()
    assert len(rows) == 2 + 6
    assert all(row.count("|") == 4 for row in rows)


def test_an_output_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("demo", "--output", "file", cwd=tmp_path)
    assert result.returncode == 1
    assert "Cannot write to the output folder" in result.stdout
    assert "--output" in result.stdout


@pytest.mark.parametrize("arguments", [["--epochs", "0"], ["--seeds", "-1"], ["--seeds", "x"]])
def test_numbers_that_make_no_sense(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["demo", *arguments])
    assert stop.value.code == 2
    assert "must be a whole number above 0" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dmo"]])
def test_an_unknown_command(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "demo" in error or "COMMAND" in error
