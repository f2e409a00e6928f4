"""The tables and charts of what an event costs, made from what the bench targets measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from streams.core.markdown import table
from streams.testing.figures import Figures
from streams.testing.plots import bars, plot

MAX_BLOCK_MICROSECONDS: Final = 25
"""Goal: microseconds an event of accounts and groups, however few events a block has."""
MAX_STATE_BYTES: Final = 1_000
"""Goal: of an account in state."""
MAX_TICK_MS: Final = 5
"""Goal: of a group's tick, however many members it has."""
MAX_PARTITIONS_RATIO: Final = 1.2
"""Goal: cost with 16 partitions as a multiple of that with one."""
MIN_RATIO: Final = {"300": 1.0, "2000": 1.0, "full": 4.0}
"""Goals: how many times our CPU time an event the cheapest peer takes, by events a second."""
FULL: Final = "full"


def blocks(figures: Figures) -> str:
    """Return what an event costs accounts and groups, by events in a block."""
    sizes = figures["now"]["by_block"]
    rows = [[size, f"{us:,.0f}", str(MAX_BLOCK_MICROSECONDS), _met(us <= MAX_BLOCK_MICROSECONDS)] for size, us in sizes.items()]
    return table(["events in a block", "CPU us an event", "goal, at most", ""], rows)


def blocks_chart(figures: Figures) -> str:
    """Return the same, drawn."""
    sizes = figures["now"]["by_block"]
    return plot(
        "CPU microseconds an event of accounts and groups", "events in a block", {"": [(int(size), us) for size, us in sizes.items()]}
    )


def rooms(figures: Figures) -> str:
    """Return what an event of a replay costs by room, a column a number of partitions."""
    replays = figures["now"]["replay"]
    names = list(next(iter(replays.values()))["us_an_event"])
    rows = [[name, *(f"{replay['us_an_event'][name]:,.0f}" for replay in replays.values())] for name in names]
    sums = [sum(replay["us_an_event"].values()) for replay in replays.values()]
    rows.append(["all", *(f"{us:,.0f}" for us in sums)])
    ratio = f"{sums[-1] / sums[0]:.1f} times the cost with {next(iter(replays))} (goal: at most {MAX_PARTITIONS_RATIO})"
    return (
        table(["CPU us an event", *(f"{count} partitions" for count in replays)], rows)
        + f"\nWith {list(replays)[-1]} partitions it is {ratio}.\n"
    )


def rooms_chart(figures: Figures) -> str:
    """Return what an event of a replay with four partitions costs by room, drawn."""
    return bars("CPU microseconds an event of a replay, by part, 4 partitions", figures["now"]["replay"]["4"]["us_an_event"])


def accounts(figures: Figures) -> str:
    """Return what an event costs and what an account takes, by accounts known."""
    rows = [
        [
            f"{int(number):,}",
            f"{cost['us_an_event']:.0f}",
            f"{cost['state_bytes_an_account']:,.0f}",
            f"{cost['resident_mb']:,.0f}",
            _met(cost["state_bytes_an_account"] <= MAX_STATE_BYTES),
        ]
        for number, cost in figures["accounts"].items()
    ]
    header = [
        "accounts known",
        "CPU us an event",
        "bytes of state an account",
        "the process grew by, MB",
        f"goal: at most {MAX_STATE_BYTES:,} bytes",
    ]
    return table(header, rows)


def accounts_chart(figures: Figures) -> str:
    """Return what an event costs by accounts known, drawn."""
    points = [(int(number), cost["us_an_event"]) for number, cost in figures["accounts"].items()]
    return plot("CPU microseconds an event of accounts", "accounts known", {"": points})


def members(figures: Figures) -> str:
    """Return what a tick of a group takes, by members."""
    rows = [
        [f"{int(number):,}", f"{cost['ms_a_tick']:.1f}", str(MAX_TICK_MS), _met(cost["ms_a_tick"] <= MAX_TICK_MS)]
        for number, cost in figures["members"].items()
    ]
    return table(["members", "CPU ms a tick", "goal, at most", ""], rows)


def members_chart(figures: Figures) -> str:
    """Return the same, drawn."""
    points = [(int(number), cost["ms_a_tick"]) for number, cost in figures["members"].items()]
    return plot("CPU milliseconds of a group's tick", "members", {"": points})


def cases(figures: Figures) -> str:
    """Return what a version of a case costs when five of its members changed, by members: not kept for a page yet."""
    rows = [
        [f"{int(number):,}", f"{cost['bytes_whole']:,}", f"{cost['bytes_a_version']:,}", f"{cost['ms_a_version']:.1f}"]
        for number, cost in figures.get("cases", {}).items()
    ]
    return table(["members", "bytes written whole", "bytes a version", "CPU ms a version"], rows)


def feature_counts(figures: Figures) -> str:
    """Return what an event costs accounts, by how many features there are."""
    rows = [[str(cost["features"]), f"{cost['us_an_event']:.0f}"] for cost in figures["features"]]
    return table(["features of accounts", "CPU us an event"], rows)


def programs(figures: Figures) -> str:
    """Return what an event costs each program at each rate, how late its row is, and which were not run."""
    rows = []
    for program in figures["programs"].values():
        name = f"{program['words']} {program['version']}".strip()
        rows += [[name, "not run", program["not_run"], "", "", "", ""]] if not program["rates"] else []
        rows += [
            [
                name,
                label,
                _spread(rate["cpu_us"]) + _parts(rate["parts_us"]),
                f"{rate['broker_us']['median']:,.0f}, {rate['clickhouse_us']['median']:,.0f}",
                "" if label == FULL else f"{rate['p50_seconds']['median']:.2f}, {rate['p99_seconds']['median']:.2f}",
                f"{rate['events_a_second']['median']:,.0f}",
                "" if label == FULL else f"{rate['rounds_held']} of {rate['rounds']}",
            ]
            for label, rate in program["rates"].items()
        ]
    header = [
        "program",
        "events a second",
        "its CPU us an event",
        "broker's, ClickHouse's",
        "seconds to the row, p50, p99",
        "taken a second",
        "rounds held",
    ]
    return f"{table(header, rows)}\n{compared(figures)}\n\n{idle(figures)} {shared(figures)}\n"


def idle(figures: Figures) -> str:
    """Return what each program takes when nothing comes, as a sentence."""
    idles = [f"{name} {run['idle_ms_a_second']['median']:.0f}" for name, run in figures["programs"].items() if run["rates"]]
    return f"Without events they take, in milliseconds of CPU a second: {', '.join(idles)}."


def compared(figures: Figures) -> str:
    """Return how we stand beside the cheapest peer at each rate, as sentences."""
    return " ".join(
        f"{'From a backlog' if label == FULL else f'At {int(label):,} events a second'} the cheapest peer ({beside['best']}) takes "
        f"{beside['best_peer_us / ours']} times our CPU time an event (goal: at least {MIN_RATIO.get(label, 1.0):g})."
        for label, beside in figures["ratios"].items()
    )


def shared(figures: Figures) -> str:
    """Return how busy the machine was with other things, as a sentence."""
    return f"Of {figures['cores']} cores others kept {_spread(figures['other_cores'], 2)} busy meanwhile."


def programs_do(figures: Figures) -> str:
    """Return what each program does and leaves out."""
    rows = [[program["words"], program["does"], program["lacks"]] for program in figures["programs"].values()]
    return table(["program", "does", "does not"], rows)


def programs_chart(figures: Figures) -> str:
    """Return what an event costs each program by rate, drawn, and from a backlog, drawn beside it."""
    run = {name: program["rates"] for name, program in figures["programs"].items() if program["rates"]}
    lines = {
        name: [(int(label), rate["cpu_us"]["median"]) for label, rate in rates.items() if label != FULL] for name, rates in run.items()
    }
    backlog = {name: rates[FULL]["cpu_us"]["median"] for name, rates in run.items() if FULL in rates}
    drawn = plot("CPU microseconds an event", "events a second", {name: points for name, points in lines.items() if points})
    return drawn + (f"\n{bars('CPU microseconds an event, from a backlog', backlog)}" if backlog else "")


def _spread(values: Figures, digits: int = 0) -> str:
    return f"{values['median']:,.{digits}f} ({values['min']:,.{digits}f} to {values['max']:,.{digits}f})"


def _parts(parts: Mapping[str, float]) -> str:
    return ": " + ", ".join(f"{name} {us:,.0f}" for name, us in parts.items()) if len(parts) > 1 else ""


def _met(is_met: bool) -> str:  # noqa: FBT001 - read at the call
    return "met" if is_met else "missed"


TABLES: Final[Mapping[str, Callable[[Figures], str]]] = {
    "blocks": blocks,
    "blocks chart": blocks_chart,
    "rooms": rooms,
    "rooms chart": rooms_chart,
    "accounts": accounts,
    "accounts chart": accounts_chart,
    "members": members,
    "members chart": members_chart,
    "features": feature_counts,
    "programs": programs,
    "programs do": programs_do,
    "programs chart": programs_chart,
}
"""What a marker may name, behind `speed `."""
