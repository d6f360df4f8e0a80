"""The processor time of each notebook that a test run has run, printed at its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

#: the property under which a test records [name, seconds]
RUN_TIME = "notebook run time"


def run_times(reports: Iterable[Any]) -> list[str]:
    """A line for each notebook among the reports, and their sum; nothing if there is none."""
    found = sorted(tuple(value) for report in reports for name, value in report.user_properties if name == RUN_TIME)
    lines = [f"{seconds:3.0f} s  {name}, unsolved and solved" for name, seconds in found]
    return [*lines, f"{sum(seconds for _, seconds in found):3.0f} s  {len(found)} notebooks, processor time"] if found else []
