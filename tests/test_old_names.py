"""Errors that say what things of other packages are called here."""

import inspect
import subprocess
import sys

import keras
import pytest

import stepwrap
from stepwrap import wrappers
from stepwrap.optimizers import old_names

pytestmark = pytest.mark.backend_free("torch")  # which starts fastest


@pytest.mark.parametrize(
    ("cls", "old", "words"),
    [
        ("Lookahead", "slow_step", "`slow_step_size`"),
        ("Lookahead", "alpha", "`slow_step_size`"),
        ("Lookahead", "k", "`sync_period`"),
        ("Lookahead", "optimizer", "`inner_optimizer`"),
        ("MovingAverage", "num_updates", "`dynamic_decay=True`"),
        ("MovingAverage", "sequential_update", "always taken after the step"),
        ("StochasticWeightAverage", "sequential_update", "always taken after the step"),
        ("StochasticWeightAverage", "swa_freq", "`average_period`"),
        ("GradientNoise", "noise_eta", "`eta`"),
        ("GradientNoise", "noise_gamma", "`gamma`"),
        ("L4Adam", "adam_params", "`gradient_time_scale`, `square_time_scale` and `adam_epsilon`"),
        ("L4Mom", "mom_params", "`gradient_time_scale`"),
        ("RAdam", "total_steps", "a schedule"),
        ("RAdam", "lr", "`learning_rate`"),
        ("TrustRatio", "exclude_from_layer_adaptation", "`exclude`"),
        ("GradientAccumulation", "gradient_accumulation_steps", "`steps`"),
        ("CoupledWeightDecay", "weight_decay", "`rate`"),
        ("DecoupledWeightDecay", "weight_decay", "`rate`"),
        ("DecoupledWeightDecay", "exclude_from_weight_decay", "`exclude`"),
        ("CorrectedWeightDecay", "max_lr", "`peak_learning_rate`"),
        ("DecoupledWeightDecay", "decay_var_list", "`only`"),
    ],
)
def test_an_old_argument_leads_to_the_new_one(cls, old, words):
    cls = getattr(stepwrap, cls)
    inner = () if cls in (stepwrap.L4Adam, stepwrap.L4Mom, stepwrap.RAdam) else ("adam",)
    if old == "optimizer":
        inner = ()
    with pytest.raises(TypeError) as caught:
        cls(*inner, **{old: 1})
    message = str(caught.value)
    assert message.startswith(f"{cls.__name__} has no argument `{old}`.") and words in message


def test_an_old_argument_in_a_text_and_of_a_preset():
    with pytest.raises(TypeError, match=r"no argument `slow_step`\. Here it is `slow_step_size`"):
        stepwrap.parse("adam | lookahead(slow_step=0.5)")
    with pytest.raises(TypeError, match=r"no argument `k`\. Here it is `sync_period`"):
        stepwrap.presets.ranger(k=5)


@pytest.mark.parametrize("name", old_names._ARGUMENTS)
def test_every_new_argument_is_there_and_no_old_one(name):
    cls = getattr(stepwrap, name)
    taken = inspect.signature(cls.__init__).parameters
    for old, new in old_names._ARGUMENTS[name].items():
        assert old not in taken
        assert new in taken or not new.isidentifier()


def test_no_wrapper_takes_what_is_an_old_argument_of_all():
    for name in wrappers.names():
        taken = inspect.signature(wrappers.get(name).__init__).parameters
        assert not {*old_names._ARGUMENTS["OptimizerWrapper"]} & {*taken}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("optimizer", "`inner_optimizer`"),
        ("lr", "`learning_rate`"),
        ("slow_step", "`slow_step_size`"),
        ("swap_weights", "EvaluateOnAverages"),
        ("assign_average_vars", "`finalize_variable_values`"),
        ("get_slot", "`averages_of(variables)`"),
    ],
)
def test_an_old_attribute_of_a_wrapper_leads_to_the_new_one(name, words):
    optimizer = stepwrap.Lookahead("adam")
    assert not hasattr(optimizer, name)
    with pytest.raises(AttributeError, match=f"'Lookahead' object has no attribute '{name}'") as e:
        getattr(optimizer, name)
    assert words in str(e.value)


def test_other_attribute_errors_are_as_they_were():
    class Broken(stepwrap.OptimizerWrapper):
        @property
        def broken(self):
            raise AttributeError("for a reason of its own")

    with pytest.raises(AttributeError, match="for a reason of its own"):
        _ = Broken("adam").broken
    with pytest.raises(AttributeError, match=r"'Broken' object has no attribute 'other'$"):
        _ = Broken("adam").other
    with pytest.raises(AttributeError, match="no attribute 'inner_optimizer'"):
        _ = Broken.__new__(Broken).inner_optimizer
    with pytest.raises(TypeError, match="RAdam has no argument `zzz`"):
        stepwrap.RAdam(zzz=1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SWA", "`stepwrap.StochasticWeightAverage`"),
        ("EMA", "`stepwrap.MovingAverage`"),
        ("RectifiedAdam", "`stepwrap.RAdam`"),
        ("LAMB", "`stepwrap.presets.lamb`"),
        ("LARS", "`stepwrap.presets.lars`"),
        ("Ranger", "`stepwrap.presets.ranger`"),
        ("ranger", "`stepwrap.presets.ranger`"),
        ("AdamW", "`keras.optimizers.AdamW`"),
        ("AGC", "`stepwrap.AdaptiveGradientClipping`"),
        ("SAM", "There is none"),
        ("StepMonitor", "`stepwrap.callbacks.StepMonitor`"),
        ("NormalisedOptimizer", "Did you mean 'NormalizedOptimizer'?"),
        ("zzz", "no attribute 'zzz'."),
    ],
)
def test_what_is_not_in_the_package_says_where_it_is(name, words):
    assert not hasattr(stepwrap, name)
    with pytest.raises(AttributeError, match=f"module 'stepwrap' has no attribute '{name}'") as e:
        getattr(stepwrap, name)
    assert words in str(e.value)


def test_what_the_hints_name_is_there():
    names = {"keras": keras, "stepwrap": stepwrap}
    sentences = [*old_names._OF_THE_PACKAGE.values(), *old_names._OF_WRAPPERS.values()]
    for sentence in sentences:
        for code in sentence.split("`")[1::2]:
            if code.startswith("stepwrap."):
                eval(code, names)


def test_imports_of_the_package_are_as_they_were():
    program = (
        "import stepwrap, importlib\n"
        "from stepwrap import *\n"
        "import stepwrap.experiments\n"
        "from stepwrap import experiments, keras_private\n"
        "try:\n    from stepwrap import SWA\n"
        "except ImportError as error:\n    assert 'SWA' in str(error)\n"
        "else:\n    raise AssertionError\n"
        "assert StochasticWeightAverage is stepwrap.StochasticWeightAverage\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
