"""Published results of L4 on MNIST with a convolutional network.

README and `examples/logs` of github.com/danielegrattarola/keras-l4: one run of each optimizer.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One of the published runs.

    Args:
        called: What it is called there.
        microseconds: How long training took for each sample, after the first epoch.
        loss: The training loss of each epoch.
        accuracy: The training accuracy of each epoch.
        val_loss: The test loss after each epoch.
        val_accuracy: The test accuracy after each epoch.
    """

    called: str
    microseconds: str
    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    val_loss: tuple[float, ...]
    val_accuracy: tuple[float, ...]


L4ADAM = Run(
    called="L4Adam(0.25)",
    microseconds="222–225",
    loss=(
        *(0.4404, 0.1795, 0.1300, 0.1085, 0.0952, 0.0866),
        *(0.0792, 0.0749, 0.0712, 0.0670, 0.0625, 0.0604),
    ),
    accuracy=(
        *(0.8677, 0.9477, 0.9619, 0.9679, 0.9715, 0.9750),
        *(0.9766, 0.9783, 0.9788, 0.9802, 0.9810, 0.9821),
    ),
    val_loss=(
        *(0.1286, 0.0792, 0.0651, 0.0542, 0.0508, 0.0467),
        *(0.0434, 0.0417, 0.0382, 0.0367, 0.0370, 0.0345),
    ),
    val_accuracy=(
        *(0.9613, 0.9747, 0.9795, 0.9832, 0.9832, 0.9852),
        *(0.9863, 0.9861, 0.9875, 0.9884, 0.9879, 0.9888),
    ),
)
L4MOM = Run(
    called="L4Mom(0.25)",
    microseconds="205–222",
    loss=(
        *(1.0907, 0.5167, 0.4161, 0.3635, 0.3357, 0.3077),
        *(0.2871, 0.2690, 0.2576, 0.2416, 0.2370, 0.2252),
    ),
    accuracy=(
        *(0.6669, 0.8385, 0.8734, 0.8896, 0.8984, 0.9080),
        *(0.9127, 0.9193, 0.9226, 0.9267, 0.9293, 0.9324),
    ),
    val_loss=(
        *(0.3996, 0.2724, 0.2257, 0.2020, 0.1833, 0.1625),
        *(0.1501, 0.1444, 0.1376, 0.1271, 0.1212, 0.1172),
    ),
    val_accuracy=(
        *(0.8891, 0.9217, 0.9344, 0.9432, 0.9456, 0.9510),
        *(0.9564, 0.9576, 0.9598, 0.9620, 0.9639, 0.9658),
    ),
)
ADADELTA = Run(
    called="Adadelta()",
    microseconds="180–189",
    loss=(
        *(0.2751, 0.0925, 0.0693, 0.0578, 0.0506, 0.0437),
        *(0.0402, 0.0357, 0.0338, 0.0298, 0.0302, 0.0293),
    ),
    accuracy=(
        *(0.9157, 0.9721, 0.9793, 0.9827, 0.9855, 0.9865),
        *(0.9877, 0.9890, 0.9895, 0.9909, 0.9909, 0.9910),
    ),
    val_loss=(
        *(0.0616, 0.0394, 0.0376, 0.0323, 0.0302, 0.0302),
        *(0.0278, 0.0337, 0.0280, 0.0299, 0.0321, 0.0262),
    ),
    val_accuracy=(
        *(0.9794, 0.9877, 0.9866, 0.9891, 0.9902, 0.9905),
        *(0.9911, 0.9887, 0.9908, 0.9905, 0.9901, 0.9918),
    ),
)
ADAM = Run(
    called="Adam()",
    microseconds="173–181",
    loss=(
        *(0.2459, 0.0848, 0.0629, 0.0514, 0.0442, 0.0379),
        *(0.0330, 0.0288, 0.0287, 0.0234, 0.0235, 0.0211),
    ),
    accuracy=(
        *(0.9247, 0.9752, 0.9814, 0.9841, 0.9859, 0.9878),
        *(0.9890, 0.9908, 0.9905, 0.9924, 0.9926, 0.9930),
    ),
    val_loss=(
        *(0.0504, 0.0445, 0.0324, 0.0347, 0.0346, 0.0287),
        *(0.0277, 0.0270, 0.0303, 0.0318, 0.0269, 0.0269),
    ),
    val_accuracy=(
        *(0.9828, 0.9843, 0.9898, 0.9895, 0.9890, 0.9913),
        *(0.9918, 0.9919, 0.9912, 0.9911, 0.9925, 0.9930),
    ),
)
