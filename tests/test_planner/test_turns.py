"""What somebody waits for goes first."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

from lensong.planner.turns import Turns
from tests.waiting import PATIENCE_S

LONG_S = 2 * PATIENCE_S


def never() -> bool:
    return False


def beside(work: Callable[[], object]) -> tuple[Thread, Event]:
    """Do some work in a thread; return it, and what is set at its end."""
    done = Event()

    def both() -> None:
        work()
        done.set()

    thread = Thread(target=both)
    thread.start()
    return thread, done


def test_what_can_wait_waits_for_all_that_goes_first_and_no_longer() -> None:
    turns, waited = Turns(), []
    assert turns.wait(never) is False
    with turns.first():
        with turns.first():
            assert turns.is_taken
            thread, done = beside(lambda: waited.append(turns.wait(never)))
        assert turns.is_taken
        assert not done.is_set()
    thread.join(PATIENCE_S)
    assert waited == [False]
    assert not turns.is_taken


def test_quiet_begins_at_the_end_of_what_went_first() -> None:
    turns = Turns()
    with turns.first():
        thread, done = beside(lambda: turns.wait_until_quiet(0.0, LONG_S, never))
        assert not done.is_set()
    thread.join(PATIENCE_S)
    assert done.is_set()
    turns.wait_until_quiet(0.001, LONG_S, never)
    turns.wait_until_quiet(LONG_S, 0.001, never)


def test_what_is_given_up_waits_for_nothing() -> None:
    turns, over = Turns(), Event()
    turns.wait_until_quiet(LONG_S, LONG_S, lambda: True)
    with turns.first():
        assert turns.wait(lambda: True) is True
    thread, done = beside(lambda: turns.wait_until_quiet(LONG_S, LONG_S, over.is_set))
    assert not done.is_set()
    with turns.changed:
        over.set()
        turns.changed.notify_all()
    thread.join(PATIENCE_S)
    assert done.is_set()
