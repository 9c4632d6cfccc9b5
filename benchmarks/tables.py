"""Records as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modes import MODES

Record = Mapping[str, Any]
BARE = "Adam"
KINDS = {"step": "The step alone", "train": "A whole train step, batches of 64"}
THREADS = {"one": "CPU time of one thread", "all": "wall time, all processors"}
SIZES = {
    "S": "784-300-100-10, 0.27 million parameters in 6 variables",
    "D": "784, 30 of 128, 10: 0.58 million in 62",
    "N": "100 of 32, 10: 0.11 million in 202",
    "L": "three of 1826: 10 million in 6",
    "XL": "three of 4082: 50 million in 6",
    "T": "an Embedding of 500,000 × 16, batches of 256 texts of 10 words",
    "TL": "an Embedding of 1,000,000 × 32, batches of 256 texts of 10 words",
}
# What the summary has in a cell.
SUMMARY = (("step", "S"), ("step", "L"), ("train", "S"), ("train", "L"))
GROUPS = ("gradients", "steps", "weights", "others", "stacks", "keras", "peers")


def summary(result: Mapping[str, Any]) -> str:
    """Return one table for the README: medians, modes beside each other."""
    found = [r for r in result["records"] if r["kind"] != "memory" and r["threads"] == "one"]
    shown = [where for where in SUMMARY if any((r["kind"], r["size"]) == where for r in found)]
    modes = [mode for mode in MODES if any(r["mode"] == mode for r in found)]
    headlines = (
        [r["variant"] for r in found if (r["kind"], r["size"]) == shown[-1]] if shown else []
    )
    medians = {(r["variant"], r["mode"], r["kind"], r["size"]): _median(r) for r in found}
    rows = [
        [
            f"`{name}`",
            *(
                " / ".join(medians.get((name, mode, *where), "–") for where in shown)
                if any((name, mode, *where) in medians for where in shown)
                else ""
                for mode in modes
            ),
        ]
        for name in _in_order(r for r in found if r["variant"] in headlines)
    ]
    places = " / ".join(
        f"{'step' if kind == 'step' else 'train step'} at {size}" for kind, size in shown
    )
    return (
        f"Time as a ratio to the bare optimizer that is wrapped: {places}. Medians; CPU time of "
        f"one thread. {result['about']['machine']}.\n\n"
        + markdown(["", *(MODES[mode].title for mode in modes)], rows)
    )


def peers(result: Mapping[str, Any]) -> str:
    """Return a table of what does the same elsewhere, and whether that or the wrapper is faster."""
    found = [
        record
        for record in result["records"]
        if record["kind"] == "step" and record["threads"] == "one" and record["like"]
    ]
    sizes = [size for size in ("S", "L") if any(record["size"] == size for record in found)]
    cells = {(r["mode"], r["variant"], r["size"]): r for r in found if r["size"] in sizes}
    rows = []
    for mode, name in dict.fromkeys((mode, name) for mode, name, _ in cells):
        records = [cells[mode, name, size] for size in sizes if (mode, name, size) in cells]
        like = records[0]["like"]
        ratios = [record["ratios"][like] for record in records]
        shown = " / ".join(_number(median) for _, median, _ in ratios)
        rows.append([f"`{name}`", MODES[mode].title, f"`{like}`", shown, _faster(ratios, sizes)])
    return (
        "Time of a step of another library, or of what Keras' optimizers do themselves, as a ratio "
        f"to that of the wrapper that does the same, at {' / '.join(sizes)}: below 1 the other is "
        "faster. Each is around the Adam of its own library, which is part of the time. Medians; "
        "who is called faster is so in three rounds of four.\n\n"
        + markdown(["", "on", "does the same as", "its time / the wrapper's", "faster"], rows)
    )


def _faster(ratios: Sequence[Sequence[float]], sizes: Sequence[str]) -> str:
    """Return who is faster by the quartiles, at each size unless it is the same at all."""
    verdicts = [
        "the other" if high < 1 else "the wrapper" if low > 1 else "neither"
        for low, _, high in ratios
    ]
    if len(set(verdicts)) == 1:
        return verdicts[0]
    return ", ".join(f"{verdict} at {size}" for verdict, size in zip(verdicts, sizes, strict=False))


def everything(result: Mapping[str, Any]) -> str:
    """Return every record, with quartiles."""
    about = ", ".join(f"{name} {value}" for name, value in result["about"].items() if value)
    sections = [
        "# What wrapping costs\n",
        f"{about}.\n",
        "Ratios are to the bare optimizer that is wrapped, measured in the same process within the "
        "same round: median (quartiles). How far the second Adam is from 1 is noise that quartiles "
        "do not show, such as where its arrays lie in memory. The floor is what a step has to read "
        "and write, as a ratio to what the bare one has to.\n",
        *(f"- {size}: {meaning}" for size, meaning in SIZES.items()),
        "",
    ]
    for kind, title in KINDS.items():
        for threads, clock in THREADS.items():
            for mode in MODES:
                found = [
                    record
                    for record in result["records"]
                    if (record["kind"], record["threads"], record["mode"]) == (kind, threads, mode)
                ]
                if found:
                    sections += [f"## {title}, {MODES[mode].title}, {clock}\n", of_cells(found)]
    sections += [_single_pass(result["records"]), _first_calls(result["records"])]
    sections += [_memory(result["records"])]
    return "\n".join(section for section in sections if section is not None)


def of_cells(found: Sequence[Record]) -> str:
    """Return the ratios of one mode and kind, sizes beside each other."""
    by_place = {(record["variant"], record["size"]): record for record in found}
    sizes = [size for size in SIZES if any(record["size"] == size for record in found)]
    sizes += sorted({record["size"] for record in found} - set(SIZES))
    rows = []
    for name in _in_order(found):
        records = [by_place.get((name, size)) for size in sizes]
        floors = {record["floor"] for record in records if record and record["floor"]}
        floor = f"{floors.pop():.2f}" if floors else ""
        rows.append([f"`{name}`", floor, *map(_with_quartiles, records)])
    heads = []
    for size in sizes:
        rounds = {record["rounds"] for record in found if record["size"] == size}
        bare = by_place[BARE, size]["seconds"][1]
        heads.append(f"{size}: {1e6 * bare:,.0f} µs, {_range(rounds)} rounds")
    if not any(floor for _, floor, *_ in rows):
        return markdown(["", *heads], [[name, *cells] for name, _, *cells in rows])
    return markdown(["", "floor", *heads], rows)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column, the names, is aligned left and the others right."""
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    lines = [[cell.replace("|", "\\|") for cell in row] for row in [columns, rule, *rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _in_order(records: Iterable[Record]) -> list[str]:
    """Return the names: the bare ones, then group after group."""
    groups = {record["variant"]: record["group"] for record in records}
    return sorted(groups, key=lambda name: ("bare", *GROUPS).index(groups[name]))


def _ratio(record: Record) -> list[float]:
    """Return the ratio to what it wraps; that of bare Adam is 1."""
    return next(iter(record["ratios"].values()))


def _number(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _median(record: Record) -> str:
    return _number(_ratio(record)[1])


def _with_quartiles(record: Record | None) -> str:
    if record is None:
        return ""
    low, median, high = map(_number, _ratio(record))
    return f"{median} ({low} to {high})"


def _range(values: Iterable[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def _single_pass(records: Sequence[Record]) -> str | None:
    bare = [r for r in records if r["variant"] == BARE and r["kind"] == "step"]
    bare = [r for r in bare if r["threads"] == "one"]
    if not bare:
        return None
    modes = [mode for mode in MODES if any(r["mode"] == mode for r in bare)]
    times = {(r["mode"], r["size"]): r["ratio_to_single_pass"] for r in bare}
    rows = [
        [
            size,
            *(
                "{1:.2f} ({0:.2f} to {2:.2f})".format(*times[mode, size])
                if (mode, size) in times
                else ""
                for mode in modes
            ),
        ]
        for size in dict.fromkeys(r["size"] for r in bare)
    ]
    return (
        "## Bare Adam and the memory\n\nThe time of Adam's step as a ratio to a single pass of "
        "NumPy over as many arrays, which reads g, m, v and w and writes m, v and w: 28 bytes a "
        "parameter.\n\n" + markdown(["", *(MODES[mode].title for mode in modes)], rows)
    )


def _first_calls(records: Sequence[Record]) -> str | None:
    found = [r for r in records if r["kind"] == "step" and r["threads"] == "one"]
    if not found:
        return None
    size = next(
        size for size in (*SIZES, found[0]["size"]) if any(r["size"] == size for r in found)
    )
    seconds = {
        (r["variant"], r["mode"]): f"{r['first_call_seconds']:.1f}"
        for r in found
        if r["size"] == size
    }
    modes = [mode for mode in MODES if any(key[1] == mode for key in seconds)]
    rows = [
        [f"`{name}`", *(seconds.get((name, mode), "") for mode in modes)]
        for name in _in_order(r for r in found if r["size"] == size)
    ]
    return (
        f"## The first step\n\nSeconds of the first call at {size}, tracing and compiling "
        "included.\n\n" + markdown(["", *(MODES[mode].title for mode in modes)], rows)
    )


def _memory(records: Sequence[Record]) -> str | None:
    found = [record for record in records if record["kind"] == "memory"]
    if not found:
        return None
    cells = {(record["variant"], record["mode"]): record for record in found}
    modes = [mode for mode in MODES if any(record["mode"] == mode for record in found)]
    rows = [
        [f"`{name}`", *(_copies(cells.get((name, mode))) for mode in modes)]
        for name in _in_order(found)
    ]
    return (
        "## Memory\n\nCopies of the model over the bare optimizer: what is kept from one step to "
        "the next + what is needed beside that while a step is made, at its peak. In brackets the "
        "peak itself, weights and gradients included, as a ratio to the bare optimizer's.\n\n"
        + markdown(["", *(MODES[mode].title for mode in modes)], rows)
    )


def _copies(record: Record | None) -> str:
    if record is None:
        return ""
    kept, temporary = record["state_over_base"], record["temporary_over_base"]
    if temporary is None:
        return f"{kept:z.2f} + –"
    over = f"{kept:z.2f} {'−' if round(temporary, 2) < 0 else '+'} {abs(temporary):.2f}"
    peak = record.get("peak_ratio")  # which older records have not
    return over if peak is None else f"{over} ({peak:.2f})"
