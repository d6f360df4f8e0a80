"""Settings of every test run: one thread a process, and the same hypothesis examples each time unless ``--slow`` asks for others."""

from __future__ import annotations

import os

# Before torch is imported. Sums depend on the number of threads, and several test processes share the processors.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile("normal", max_examples=60, derandomize=True, deadline=None)
settings.register_profile("wide", max_examples=600, print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pytest_addoption(parser) -> None:
    parser.addoption("--slow", action="store_true", help="ten times as many examples in property tests, other ones every time")


def pytest_configure(config) -> None:
    settings.load_profile("wide" if config.getoption("--slow") else "normal")


def pytest_terminal_summary(terminalreporter) -> None:
    """The run times of the notebooks; reports come from every process of a run."""
    from run_times import run_times

    ended = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, []) if report.when == "call"]
    if lines := run_times(ended):
        terminalreporter.section("run times of the notebooks")
        terminalreporter.write("\n".join(lines) + "\n")
