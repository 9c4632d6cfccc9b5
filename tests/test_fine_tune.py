"""The example that fine-tunes a network."""

import importlib.util
import pathlib

import keras
import numpy as np
import pytest

import cases

EXAMPLE = pathlib.Path(__file__).parent.parent / "examples" / "fine_tune.py"


@pytest.fixture(scope="module")
def example():
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("fine_tune", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.backend_free("torch")
def test_it_compares_every_way_and_writes_table_and_picture(example, tmp_path, capsys):
    random = np.random.default_rng(0)
    images = {
        f"{kind}_{part}": values
        for part, count in (("train", 40), ("test", 20))
        for kind, values in (
            ("x", random.integers(256, size=(count, 28, 28), dtype="uint8")),
            ("y", np.arange(count, dtype="uint8") % 10),
        )
    }
    np.savez(tmp_path / "fashion_mnist.npz", **images)
    [run] = example.main(str(tmp_path), str(tmp_path), seeds=1, epochs=2)
    assert list(run) == list(example.WAYS)
    table = (tmp_path / "fine_tune_table.md").read_text()
    assert table.count("\n") == 2 + len(run)
    assert all(f"| {name} | {100 * ends[-1]:.1f} |" in table for name, ends in run.items())
    assert (tmp_path / "fine_tune.png").stat().st_size > 10_000
    assert "Best: " in capsys.readouterr().out


@pytest.mark.backend_free("torch")
@pytest.mark.parametrize(
    ("way", "moving"),
    [
        ("one_rate", {"first", "second", "third", "head"}),
        ("layer_decay", {"first", "second", "third", "head"}),
        ("gradual_unfreezing", {"head"}),
        ("only_the_head", {"head"}),
    ],
)
def test_which_layers_move_at_first(example, way, moving):
    model = example.network()
    optimizer = getattr(example, way)(model)
    before = cases.values(model.trainable_variables)
    gradients = [keras.ops.ones_like(weights) for weights in model.trainable_variables]
    optimizer.apply(gradients, model.trainable_variables)
    after = cases.values(model.trainable_variables)
    moved = {
        weights.path.split("/")[-2]
        for weights, old, new in zip(model.trainable_variables, before, after, strict=True)
        if np.any(new != old)
    }
    assert moved == moving
