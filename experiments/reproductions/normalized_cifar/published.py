"""What the three notebooks print, of one run each on 50,000 images.

`PORT` is keras-normalized-optimizers, `notebooks/cifar_cnn.ipynb`; `ORIGINAL` and `NORMS` are
max-normed-optimizer, `notebooks/Keras_CNN_CIFAR10_test.ipynb` and
`notebooks/Keras_CNN_CIFAR10_norms_comparison.ipynb`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..stages import PublishedRun, every_epoch

PORT_SGD = "sgd(LR, momentum=0.9, nesterov=True) | normalized('l2')"
PORT_ADAM = "adam(LR) | normalized('l2')"
ADAM = "adam(LR)"
STD = "sgd(LR) | normalized('std')"
MAX = "sgd(LR) | normalized('max')"
MIN_MAX = "sgd(LR) | normalized('min_max')"
MOMENTUM_SGD = "sgd(LR, momentum=0.9)"
EPOCHS = (1, 5, 10, 15, 30, 45, 60)  # of what is not known of every epoch


def _curve(values: Sequence[float]) -> dict[int, float]:
    return dict(zip(EPOCHS[: len(values)], values, strict=True))


def _run(
    losses: Sequence[float],
    accuracies: Sequence[float],
    test_losses: Sequence[float],
    test_accuracies: str | Sequence[float],
    microseconds: int | None = None,
) -> PublishedRun:
    """A run; the test accuracy is a text if it is known of every epoch."""
    every = isinstance(test_accuracies, str)
    return PublishedRun(
        {
            "loss": _curve(losses),
            "accuracy": _curve(accuracies),
            "val_loss": _curve(test_losses),
            "val_accuracy": every_epoch(test_accuracies) if every else _curve(test_accuracies),
        },
        microseconds,
    )


PORT = {
    PORT_SGD: _run(
        (1.9278, 1.2210, 0.9483, 0.7914, 0.5807, 0.5027, 0.4927),
        (0.2876, 0.5638, 0.6669, 0.7197, 0.7924, 0.8213, 0.8239),
        (1.6225, 1.1363, 0.8558, 0.7717, 0.6333, 0.5955, 0.5953),
        """
        0.4031 0.5027 0.5521 0.5813 0.5973 0.6374 0.6623 0.6762 0.6836 0.7024
        0.7106 0.7076 0.7197 0.7323 0.7272 0.7545 0.7567 0.7615 0.7655 0.7581
        0.7613 0.7627 0.7670 0.7736 0.7746 0.7705 0.7714 0.7750 0.7751 0.7811
        0.7839 0.7846 0.7853 0.7844 0.7860 0.7876 0.7894 0.7868 0.7903 0.7914
        0.7901 0.7903 0.7906 0.7886 0.7925 0.7922 0.7923 0.7934 0.7926 0.7922
        0.7936 0.7940 0.7930 0.7937 0.7934 0.7931 0.7933 0.7934 0.7939 0.7954
        """,
        255,
    ),
    PORT_ADAM: _run(
        (1.6108, 0.8485, 0.6059, 0.4789, 0.2636, 0.1829),
        (0.4097, 0.7037, 0.7870, 0.8308, 0.9044, 0.9348),
        (1.2585, 0.7954, 0.6554, 0.6678, 0.6491, 0.6725),
        """
        0.5479 0.6458 0.6715 0.7005 0.7225 0.7443 0.7566 0.7538 0.7690 0.7711
        0.7793 0.7806 0.7894 0.7867 0.7810 0.7976 0.8019 0.7997 0.7987 0.8013
        0.8028 0.8033 0.8031 0.8055 0.8062 0.8052 0.8059 0.8054 0.8058 0.8083
        0.8135 0.8107 0.8135 0.8132 0.8132 0.8132 0.8132 0.8148 0.8153 0.8110
        0.8132 0.8140 0.8130 0.8133 0.8154
        """,
        280,
    ),
    ADAM: _run(
        (1.6170, 0.8345, 0.6210, 0.5067, 0.2985, 0.2199),
        (0.4073, 0.7063, 0.7801, 0.8201, 0.8944, 0.9219),
        (1.2188, 0.8595, 0.6377, 0.6303, 0.6170, 0.6158),
        """
        0.5638 0.6473 0.6990 0.7171 0.7102 0.7500 0.7578 0.7607 0.7658 0.7793
        0.7819 0.7772 0.7777 0.7873 0.7895 0.8011 0.7992 0.8056 0.8018 0.8018
        0.8074 0.8070 0.8076 0.8086 0.8079 0.8090 0.8116 0.8061 0.8115 0.8025
        0.8136 0.8124 0.8130 0.8135 0.8120 0.8168 0.8148 0.8161 0.8141 0.8144
        0.8154 0.8136 0.8148 0.8145 0.8154
        """,
        280,
    ),
}
ORIGINAL = {
    STD: _run(
        (1.7235, 0.8980, 0.6961, 0.5949, 0.3131, 0.1785, 0.1545),
        (0.3704, 0.6873, 0.7612, 0.7953, 0.8924, 0.9368, 0.9452),
        (1.3973, 0.8743, 0.7167, 0.7915, 0.6826, 0.6936, 0.7004),
        (0.4881, 0.6941, 0.7565, 0.7345, 0.8038, 0.8169, 0.8194),
    ),
    ADAM: _run(
        (1.5387, 0.8266, 0.6746, 0.5912, 0.3750, 0.2686),
        (0.4370, 0.7111, 0.7635, 0.7936, 0.8658, 0.9039),
        (1.1909, 0.7581, 0.6852, 0.6524, 0.6333, 0.6318),
        (0.5680, 0.7376, 0.7691, 0.7791, 0.8026, 0.8133),
    ),
    MOMENTUM_SGD: _run(
        (2.1440, 1.4055, 1.1264, 0.9550, 0.7486, 0.6866),
        (0.1960, 0.4912, 0.6011, 0.6631, 0.7353, 0.7577),
        (1.9455, 1.2680, 1.0261, 0.8829, 0.7230, 0.6900),
        (0.2930, 0.5439, 0.6354, 0.6927, 0.7507, 0.7635),
    ),
}
# Of 'max' and 'min_max' the end is read off the picture cifar10_cnn_validation_cmp.png, whose axis
# says validation, but which shows training.
NORMS = {
    STD: PublishedRun(
        {
            "loss": {1: 1.7602, 15: 0.6140, 30: 0.3223, 45: 0.1893, 60: 0.1727},
            "accuracy": {1: 0.3578, 15: 0.7865, 30: 0.8881, 45: 0.9338, 60: 0.9399},
            "val_accuracy": {1: 0.4671, 15: 0.7724, 30: 0.8033, 45: 0.8168, 60: 0.8193},
        }
    ),
    MAX: PublishedRun({"accuracy": {60: 0.88}}),
    MIN_MAX: PublishedRun({"accuracy": {60: 0.885}}),
}
