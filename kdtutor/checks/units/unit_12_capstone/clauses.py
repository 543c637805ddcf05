"""Which clauses of the contract a measurement keeps."""

from typing import Any

from torch import Generator

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.contract import Contract, Measured

Numbers = dict[str, float]


def _clauses_kept(measured: Numbers, contract: Numbers) -> dict[str, bool]:
    found = Measured(
        bytes=measured["bytes"],
        points_lost=100 * (measured["teacher_accuracy"] - measured["accuracy"]),
        time_share=measured["seconds"] / measured["teacher_seconds"],
    )
    terms = Contract(contract["most_bytes"], contract["most_points_lost"], contract["least_speedup"])  # type: ignore[arg-type]
    return {clause: found.keeps(clause, terms) for clause in ("bytes", "accuracy", "latency")}


def _case(
    size: int, teacher: float, accuracy: float, slow: float, quick: float, speedup: float = 2.0
) -> tuple[Any, ...]:
    measured = {
        "bytes": size, "accuracy": accuracy, "teacher_accuracy": teacher, "seconds": quick, "teacher_seconds": slow,
    }  # fmt: skip
    return measured, {"most_bytes": 16384, "most_points_lost": 1.5, "least_speedup": speedup}


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    return [
        _case(10000, 0.96, 0.951, 0.030, 0.010),  # all kept
        _case(16384, 0.96, 0.951, 0.030, 0.015),  # at the bounds of bytes and time
        _case(16200, 0.96, 0.80, 0.030, 0.010),  # accuracy lost
        _case(16390, 0.96, 0.951, 0.030, 0.010),  # six bytes too many, though 16 and some thousands
        _case(17000, 0.90, 0.886, 0.030, 0.010),  # 1.4 points are 1.56 % of the teacher's accuracy
        _case(10000, 0.93, 0.955, 0.020, 0.011),  # better than its teacher, and not fast enough
        _case(400, 0.96, 0.90, 0.001, 0.9),  # slower by far
        _case(10000, 0.96, 0.955, 0.030, 0.016, 1.5),  # another speed is asked for
        _case(10000, 0.75, 0.73505, 0.030, 0.010),  # 1.495 points lost
        _case(10000, 0.75, 0.73495, 0.030, 0.010),  # 1.505 points lost
    ]


def _changed(**other: Any) -> Solution:
    """Right but for the clauses given: name -> (measured, contract) -> bool."""
    return lambda m, c: _clauses_kept(m, c) | {clause: kept(m, c) for clause, kept in other.items()}


def _lost(m: Numbers) -> float:
    return m["teacher_accuracy"] - m["accuracy"]


def _by_ifs(m: Numbers, c: Numbers) -> dict[str, bool]:
    kept = {"bytes": True, "accuracy": True, "latency": True}
    if m["bytes"] > c["most_bytes"]:
        kept["bytes"] = False
    if m["teacher_accuracy"] - m["accuracy"] > c["most_points_lost"] / 100:
        kept["accuracy"] = False
    if m["seconds"] * c["least_speedup"] > m["teacher_seconds"]:
        kept["latency"] = False
    return kept


def _in_points(m: Numbers, c: Numbers) -> dict[str, bool]:
    points = {name: 100 * m[name] for name in ("accuracy", "teacher_accuracy")}
    speedup = m["teacher_seconds"] / m["seconds"]
    return {
        "latency": speedup >= c["least_speedup"],
        "accuracy": points["accuracy"] >= points["teacher_accuracy"] - c["most_points_lost"],
        "bytes": not m["bytes"] > c["most_bytes"],
    }


def _by_pairs(m: Numbers, c: Numbers) -> dict[str, bool]:
    spent = (m["bytes"], 100 * _lost(m), c["least_speedup"] * m["seconds"])
    allowed = (c["most_bytes"], c["most_points_lost"], m["teacher_seconds"])
    return {name: s <= a for name, s, a in zip(("bytes", "accuracy", "latency"), spent, allowed, strict=True)}


def _better_is_kept(f: Solution, g: Generator) -> bool:
    return bool(f(*_case(100, 0.5, 0.9, 1.0, 0.1))["accuracy"])


clauses_kept = Exercise(
    reference=_clauses_kept,
    inputs=_cases,
    laws=[
        Law("forgives a network that is better than its teacher", _better_is_kept,
            "What is lost is the teacher's accuracy minus the network's. Less than nothing lost breaks no clause."),
    ],
    mistakes=[
        Mistake("fraction against points", _changed(accuracy=lambda m, c: _lost(m) <= c["most_points_lost"]),
                "You compare a fraction with points, so the clause is always kept: 1.5 points are 0.015."),
        Mistake("share of the teacher's accuracy",
                _changed(accuracy=lambda m, c: 100 * _lost(m) / m["teacher_accuracy"] <= c["most_points_lost"]),
                "You divide by the teacher's accuracy. Points are differences of percentages, nothing is divided."),
        Mistake("any difference counts as loss", _changed(accuracy=lambda m, c: 100 * abs(_lost(m)) <= c["most_points_lost"]),
                "You take the difference without its sign: a network that is better than its teacher breaks your clause."),
        Mistake("accuracies swapped", _changed(accuracy=lambda m, c: -100 * _lost(m) <= c["most_points_lost"]),
                "You subtract the teacher's accuracy from the network's: whatever was lost counts as won."),
        Mistake("quotient upside down",
                _changed(latency=lambda m, c: m["seconds"] / m["teacher_seconds"] >= c["least_speedup"]),
                "Your quotient is upside down: it grows as the network gets slower. How often does its time fit into the "
                "teacher's?"),
        Mistake("any gain in speed", _changed(latency=lambda m, c: m["seconds"] <= m["teacher_seconds"]),
                "You ask whether it is faster. The contract says how many times."),
        Mistake("the bound is excluded", _changed(bytes=lambda m, c: m["bytes"] < c["most_bytes"]),
                "Right but at the bound: 'at most' admits the bound itself."),
        Mistake("rounded to kilobytes", _changed(bytes=lambda m, c: m["bytes"] // 1024 <= c["most_bytes"] // 1024),
                "You compare whole kilobytes. A few bytes too many are too many."),
        Mistake("one answer for all", lambda m, c: all(_clauses_kept(m, c).values()),
                "You return one truth value. Each clause has its own, under its name."),
    ],
    styles={"one if a clause": _by_ifs, "all in points": _in_points, "spent against allowed": _by_pairs},
    hints=(
        "Three comparisons, each with 'at most' or 'at least', and none of them knows of the others.",
        "Accuracies are fractions and the contract speaks of points: multiply their difference by 100, the teacher's first.",
        "The speedup is teacher_seconds / seconds; it has to reach least_speedup. The result is a dictionary of three "
        "truth values.",
    ),
)  # fmt: skip
