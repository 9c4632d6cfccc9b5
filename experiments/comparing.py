"""Which stack for a problem?"""

from __future__ import annotations

import os

import rich.console

from .comparison import Comparison
from .plan import Plan, Stacks
from .report import report
from .task import Task


def compare(
    stacks: Stacks,
    task: str | Task = "digits-mlp",
    *,
    output: str | os.PathLike = "output/compare",
    epochs: int | None = None,
    seeds: int = 3,
    samples: int | None = None,
    data: str | os.PathLike | None = None,
    jobs: int = 1,
    force: bool = False,
    quiet: bool = False,
) -> Comparison:
    """Trains with several optimizers, each from several seeds, and compares the results.

    The folder `output` gets the settings and versions (run.json), a record of every step of
    each optimizer and seed, a table, the results by epoch and at the end as CSV and JSON, and
    pictures. If a run is interrupted, the same call continues it, as if it had not been: what was
    trained is kept, but for the epochs since the last checkpoint, of which there is one every two
    minutes, if an epoch has ended. Only a data set that shuffles by itself may begin with another
    order. A call with other stacks or more seeds trains only what the folder does not hold yet;
    results and pictures are of what the last call asked for. Training that diverges is reported,
    and the others go on.

    The folder is for one model and one set of data, and a name in it for one optimizer: where any
    of them has changed, the call is refused, and says what it is. What is compared are the model's
    configuration, its loss and metrics, the code of the functions that make it and the optimizers,
    the initial weights of seed 0, and the data: of an array above 256 MB parts from everywhere, of
    a data set its first elements.

        compare(["adam(1e-3)", "adam(1e-3) | normalized"], "digits-mlp", epochs=20)

    Args:
        stacks: The optimizers: texts as `stepwrap.parse` reads them; or a dictionary of texts, or
            of functions that make the optimizer, by a name for each.
        task: What they learn: the name of one of stepwrap's tasks, or a `Task` of your own.
        output: The folder for the results. Default: "output/compare".
        epochs: How many. Default: the task's.
        seeds: How many initial weights and orders of the samples: seeds 0, 1, 2, ...
            Default: 3.
        samples: How many samples there are at most to train on, and to test on. Default: all.
        data: The folder of the data sets. Default: None, for Keras' own cache, or download.
        jobs: How many processes train at a time, each with threads for its share of the CPUs:
            several small models train faster so, a large one by itself may use all. Above 1, the
            task and the optimizers have to be texts or functions of a module, and a script needs
            `if __name__ == "__main__":`. Default: 1.
        force: Whether to overwrite the folder if it holds something else, and to start anew if
            it holds the same run. Default: False.
        quiet: Whether to show neither progress nor results. Default: False.

    Returns:
        The results.

    Raises:
        TypeError, ValueError: If an argument makes no sense, a stack is no optimizer, or the
            task has no such model or data.
        FileExistsError: If the folder holds another run, or other files.
        OSError: If the folder cannot be written to; or data is not found.
    """
    plan = Plan(
        stacks,
        task,
        output=output,
        epochs=epochs,
        seeds=seeds,
        samples=samples,
        data=data,
        jobs=jobs,
        force=force,
    )
    console = rich.console.Console(quiet=quiet)
    comparison = plan.run(console)
    report(comparison, plan.folder, console)
    return comparison
