"""Running a function on many pieces of work, in this process, in several, or on a cluster; results come back in order.

The function is a pure one of a module, and its arguments can be pickled. All engines call it with the same arguments, so that the result
does not depend on the engine. A piece of work whose process was killed is done again.

>>> list(in_order(pow, [(2, 3), (3, 2)]))
[8, 9]
"""

from __future__ import annotations

import contextlib
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import InputError, MissingPackageError, nearest

T = TypeVar("T")
ENGINES = ("processes", "dask")
#: pieces of work that may be under way or done for each worker, beyond the one whose turn it is
_AHEAD = 3
#: how often a piece of work is begun before the run is given up
_PATIENCE = 10  # seconds until a scheduler must have answered
_TRIES = 3


def check_engine(workers: int, engine: str, scheduler: str | None) -> None:
    """Refuse what cannot be run.

    Raises
    ------
    InputError : fewer than one worker, an unknown engine, or a scheduler without Dask.
    MissingPackageError : Dask is not installed.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InputError(f"workers is {workers!r}, expected a whole number of at least 1")
    if engine not in ENGINES:
        raise InputError(f"engine is {engine!r}{nearest(str(engine), ENGINES)}, expected one of {', '.join(ENGINES)}")
    if scheduler is not None and engine != "dask":
        raise InputError("scheduler is the address of a Dask scheduler; give engine='dask' with it")
    if engine == "dask":
        try:
            import distributed  # noqa: F401
        except ImportError as error:
            raise MissingPackageError(
                f"engine='dask' needs Dask ({error}); install it with: pip install 'hetero-xmodal[cluster]'"
            ) from error


def check_scheduler(scheduler: str | None) -> None:
    """Refuse the address of a Dask scheduler that does not answer, before anything is written.

    Raises
    ------
    InputError : nothing answers there.
    """
    if scheduler is not None:
        with _client(1, scheduler):
            pass


def in_order(
    function: Callable[..., T], work: Iterable[tuple], *, workers: int = 1, engine: str = "processes", scheduler: str | None = None
) -> Iterator[T]:
    """``function(*arguments)`` for every tuple of arguments in *work*, yielded in the order of *work*.

    *work* is read as far as the workers are ahead, so that little of it is in memory.

    Parameters
    ----------
    function, work : the function and its arguments.
    workers : processes of this machine; with one, everything happens in this process.
    engine : ``"processes"`` or ``"dask"``: *workers* processes of a local Dask cluster, or those behind *scheduler*.
    scheduler : address of a running Dask scheduler, ``"tcp://HOST:8786"``.

    Raises
    ------
    InputError : see :func:`check_engine`; a piece of work ends its process again and again; what *function* raises.
    """
    check_engine(workers, engine, scheduler)
    if engine == "dask":
        yield from _on_dask(function, work, workers, scheduler)
    elif workers == 1:
        for arguments in work:
            yield function(*arguments)
    else:
        yield from _in_processes(function, work, workers)


@dataclass(frozen=True)
class Engine:
    """Where pieces of work run; see :func:`in_order` for the arguments.

    Raises
    ------
    InputError, MissingPackageError : see :func:`check_engine`.

    >>> list(Engine().in_order(pow, [(2, 3), (3, 2)])), Engine().distant
    ([8, 9], False)
    """

    workers: int = 1
    kind: str = "processes"
    scheduler: str | None = None

    def __post_init__(self) -> None:
        check_engine(self.workers, self.kind, self.scheduler)

    @property
    def distant(self) -> bool:
        """Whether the work is done by other processes, which see no object of this one."""
        return self.workers > 1 or self.kind == "dask"

    def in_order(self, function: Callable[..., T], work: Iterable[tuple]) -> Iterator[T]:
        """``function(*arguments)`` for every tuple of arguments in *work*, in its order; see :func:`in_order`."""
        return in_order(function, work, workers=self.workers, engine=self.kind, scheduler=self.scheduler)


#: this process
HERE = Engine()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch: sums of several threads differ in their last bits from those of one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# ---------------------------------------------------------------------------------------------- processes of this machine


def _in_processes(function: Callable[..., T], work: Iterable[tuple], workers: int) -> Iterator[T]:
    source = enumerate(work)
    waiting: deque[tuple[int, tuple, Future]] = deque()
    pool = _pool(workers)
    tries: dict[int, int] = {}
    try:
        while True:
            while len(waiting) < workers * _AHEAD and (piece := next(source, None)) is not None:
                waiting.append((*piece, _submit(pool, function, piece[1])))
            if not waiting:
                return
            number, _, future = waiting[0]
            try:
                result = future.result()
            except BrokenProcessPool:  # a process was killed: nobody knows which piece it had, so all that are not done begin again
                tries[number] = tries.get(number, 0) + 1
                if tries[number] == _TRIES:
                    raise InputError(
                        f"a worker process was killed {_TRIES} times at part {number} of the work; memory may be too short for {workers} "
                        "workers: give fewer, or smaller shards (and a script needs 'if __name__ == \"__main__\":' around the call)"
                    ) from None
                _end(pool)
                pool = _pool(workers)
                done = [f.done() and f.exception() is None for _, _, f in waiting]
                waiting = deque(
                    (n, a, f if kept else _submit(pool, function, a)) for (n, a, f), kept in zip(waiting, done, strict=True)
                )  # fmt: skip
                continue
            waiting.popleft()
            yield result
    finally:
        _end(pool)


def _pool(workers: int) -> ProcessPoolExecutor:
    import multiprocessing

    # processes that start anew, on every system: they share no state, no lock and no thread with this one
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first of them ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _submit(pool: Executor, function: Callable[..., T], arguments: tuple) -> Future:
    try:
        return pool.submit(function, *arguments)
    except BrokenProcessPool as error:  # it broke since; the caller sees it when this piece's turn comes
        future: Future = Future()
        future.set_exception(error)
        return future


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(10)


# ---------------------------------------------------------------------------------------------- Dask


def _on_dask(function: Callable[..., T], work: Iterable[tuple], workers: int, scheduler: str | None) -> Iterator[T]:
    from distributed import KilledWorker

    with _client(workers, scheduler) as client:
        executor = client.get_executor(pure=False, retries=_TRIES - 1)
        places = sum(client.nthreads().values()) or workers
        waiting: deque[Future] = deque()
        source = iter(work)
        try:
            while True:
                while len(waiting) < places * _AHEAD and (arguments := next(source, None)) is not None:
                    waiting.append(executor.submit(function, *arguments))
                if not waiting:
                    return
                try:
                    result = waiting[0].result()
                except KilledWorker as error:
                    raise InputError(
                        f"workers of the Dask cluster were killed again and again ({error}); memory may be too short"
                    ) from None
                waiting.popleft()
                yield result
        finally:
            for future in waiting:
                future.cancel()


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Any]:
    import logging

    from distributed import Client, LocalCluster

    if scheduler is None:
        quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": None}
        with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, **quiet) as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"no Dask scheduler answers at '{scheduler}' ({error}); start one with: dask scheduler") from None
    with client:
        yield client
