"""What other packages call the things that are here: hints for errors.

The packages are those of `docs/migration.md`, and optax and PyTorch's for what they have, too.
"""

from __future__ import annotations

import keras

# By the class here: the argument there, and the one here or a sentence.
_ARGUMENTS: dict[str, dict[str, str]] = {
    "OptimizerWrapper": {
        "optimizer": "inner_optimizer",
        "base_optimizer": "inner_optimizer",
        "lr": "The learning rate is the inner optimizer's: `keras.optimizers.Adam(learning_rate)`.",
    },
    "RAdam": {
        "lr": "learning_rate",
        "beta1": "beta_1",
        "beta2": "beta_2",
        "eps": "epsilon",
        "decay": "Give `learning_rate` a schedule, `keras.optimizers.schedules.InverseTimeDecay`.",
        **dict.fromkeys(
            ("total_steps", "warmup_proportion", "min_lr"),
            "Give `learning_rate` a schedule: docs/migration.md has this one.",
        ),
        "sma_threshold": "It is always 5.",
        "amsgrad": "There is none.",
    },
    "Lookahead": {
        "slow_step": "slow_step_size",
        "alpha": "slow_step_size",
        "la_alpha": "slow_step_size",
        "k": "sync_period",
        "la_steps": "sync_period",
        "pullback_momentum": "slow_state",
    },
    "MovingAverage": {
        "decay": "average_decay",
        "ema_momentum": "average_decay",
        "num_updates": "It lowered the decay once; `dynamic_decay=True` lets it grow.",
        "sequential_update": "The average is always taken after the step.",
    },
    "StochasticWeightAverage": {
        "swa_start": "start_averaging",
        "swa_freq": "average_period",
        "sequential_update": "The average is always taken after the step.",
    },
    "L4Adam": {
        "adam_params": "It is `gradient_time_scale`, `square_time_scale` and `adam_epsilon` here.",
        "time_scale_grad": "gradient_time_scale",
        "time_scale_var": "square_time_scale",
    },
    "L4Mom": {
        "mom_params": "It is `gradient_time_scale` here.",
        "time_momentum": "gradient_time_scale",
    },
    "GradientNoise": {"noise_eta": "eta", "noise_gamma": "gamma", "key": "seed"},
    "GradientEMAFilter": {"lamb": "amplification"},
    "GradientAccumulation": {
        "accum_steps": "steps",
        "every_k_schedule": "steps",
        "gradient_accumulation_steps": "steps",
    },
    "TrustRatio": {
        "trust_coefficient": "coefficient",
        "eps": "epsilon",
        "weight_decay_rate": "weight_decay",
        "exclude_from_weight_decay": "exclude",
        "exclude_from_layer_adaptation": "exclude",
    },
    "AdaptiveGradientClipping": {
        "clip_factor": "clipping",
        "eps": "epsilon",
        "ignore_agc": "exclude",
    },
    "ClippedOptimizer": {"max_norm": "clipnorm", "norm_type": "normalization"},
    "CoupledWeightDecay": {"weight_decay": "rate"},
    "DecoupledWeightDecay": {
        "weight_decay": "rate",
        "exclude_from_weight_decay": "exclude",
        "decay_var_list": "Here it is `only`, with patterns of paths.",
    },
    "CautiousWeightDecay": {"weight_decay": "rate"},
    "CorrectedWeightDecay": {"weight_decay": "rate", "max_lr": "peak_learning_rate"},
    "DecayToInitialWeights": {"weight_decay": "rate"},
    "SkipNonFinite": {"max_consecutive_errors": "max_consecutive_skips"},
}

# Attributes and methods of wrappers there.
_OF_WRAPPERS = {
    "optimizer": "Here it is `inner_optimizer`.",
    "lr": "Here it is `learning_rate`.",
    "slow_step": "Here it is `slow_step_size`.",
    "swap_weights": "`stepwrap.callbacks.EvaluateOnAverages` evaluates on the averages.",
    "shadow_copy": "`stepwrap.callbacks.EvaluateOnAverages` evaluates on the averages.",
    "assign_average_vars": "Here it is `finalize_variable_values`, which `fit` calls at its end.",
    "get_slot": "The averages of weights are `averages_of(variables)`.",
}

# What users look for in `stepwrap` itself.
_OF_THE_PACKAGE = {
    "SWA": "It is `stepwrap.StochasticWeightAverage`.",
    "EMA": "It is `stepwrap.MovingAverage`.",
    "RectifiedAdam": "It is `stepwrap.RAdam`.",
    "RAdamOptimizer": "It is `stepwrap.RAdam`.",
    "LAMB": "It is `stepwrap.presets.lamb`, and Keras' own is `keras.optimizers.Lamb`.",
    "Lamb": "It is `stepwrap.presets.lamb`, and Keras' own is `keras.optimizers.Lamb`.",
    "LARS": "It is `stepwrap.presets.lars`.",
    "Ranger": "It is `stepwrap.presets.ranger`.",
    "SGDW": "It is `keras.optimizers.SGD` with `weight_decay`.",
    "extend_with_decoupled_weight_decay": "It is `stepwrap.DecoupledWeightDecay`, around an "
    "optimizer, not its class.",
    "AGC": "It is `stepwrap.AdaptiveGradientClipping`.",
    "L4": "It is `stepwrap.L4Wrapper`, around any optimizer.",
    "Grokfast": "It is `stepwrap.GradientEMAFilter`.",
    "MultiSteps": "It is `stepwrap.GradientAccumulation`.",
    "AveragedOptimizerWrapper": "It is `stepwrap.OptimizerWrapper`, with the hook `after_step`.",
    "AverageModelCheckpoint": "It is `stepwrap.callbacks.EvaluateOnAverages`.",
    "add_gradient_noise": "It is `stepwrap.GradientNoise`, around an optimizer, not its class.",
    "SAM": "There is none: it needs a second gradient in every step.",
}


def hint_for_argument(cls: type, name: str) -> str:
    """Return a sentence on what an argument of another package is in a class here, or nothing."""
    for base in cls.__mro__:
        if hint := _ARGUMENTS.get(base.__name__, {}).get(name):
            return f" Here it is `{hint}`." if hint.isidentifier() else f" {hint}"
    return ""


def hint_for_attribute(name: str) -> str:
    """Return a sentence on what an attribute of other packages' wrappers is here, or nothing."""
    return f" {_OF_WRAPPERS[name]}" if name in _OF_WRAPPERS else ""


def hint_for_package(name: str) -> str:
    """Return a sentence on where something is that is not in `stepwrap` itself, or nothing."""
    if name in _OF_THE_PACKAGE:
        return f" {_OF_THE_PACKAGE[name]}"
    if name[:1].isupper() and hasattr(keras.optimizers, name):
        return f" It is Keras' own: `keras.optimizers.{name}`."
    return ""
