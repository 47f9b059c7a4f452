from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lensong.monitoring.uplink.admission import Admission, AdmissionSettings, Slot
from lensong.monitoring.uplink.refusals import Refusal
from lensong.propagation.errors import InvalidInputError


def admission(**settings_: float) -> Admission:
    given = {"tests_at_once": 2, "interval_s": 300.0, "queue_length": 3, "overhead_s": 10.0}
    return Admission(AdmissionSettings(**{**given, **settings_}))  # type: ignore[arg-type]  # mixed numbers


def slot_of(asked: Slot | Refusal) -> Slot:
    assert isinstance(asked, Slot)
    return asked


def refusal_of(asked: Slot | Refusal) -> Refusal:
    assert isinstance(asked, Refusal)
    return asked


def test_so_many_run_at_once_and_the_others_wait_in_order() -> None:
    tests = admission()
    first, second, third, fourth = (
        slot_of(tests.ask(f"site-{k}", seconds=30, now_s=float(k))) for k in range(4)
    )
    assert (first.running, second.running, third.running, fourth.running) == (
        True,
        True,
        False,
        False,
    )
    assert tests.position(fourth) == 2
    assert tests.leave(second, now_s=10.0) == [third]
    assert tests.leave(first, now_s=11.0) == [fourth]


def test_the_wait_is_until_the_first_slot_is_free() -> None:
    tests = admission()
    tests.ask("a", seconds=30, now_s=0.0)  # until 40
    tests.ask("b", seconds=60, now_s=5.0)  # until 75
    third = slot_of(tests.ask("c", seconds=30, now_s=10.0))
    fourth = slot_of(tests.ask("d", seconds=30, now_s=10.0))
    fifth = slot_of(tests.ask("e", seconds=30, now_s=10.0))
    assert tests.wait_s(third, now_s=10.0) == 30.0
    assert tests.wait_s(fourth, now_s=10.0) == 65.0
    assert tests.wait_s(fifth, now_s=10.0) == 70.0  # after the third, which ends at 80
    assert tests.wait_s(now_s=10.0) == 105.0


def test_a_second_tab_of_a_site_is_refused_running_or_waiting() -> None:
    tests = admission(tests_at_once=1)
    tests.ask("a", seconds=30, now_s=0.0)
    again = refusal_of(tests.ask("a", seconds=30, now_s=4.0))
    assert again == Refusal("already_testing", retry_after_s=36.0)
    tests.ask("b", seconds=30, now_s=4.0)
    assert refusal_of(tests.ask("b", seconds=30, now_s=4.0)).code == "already_testing"


def test_a_site_rests_between_tests() -> None:
    tests = admission()
    slot = slot_of(tests.ask("a", seconds=30, now_s=0.0))
    tests.leave(slot, now_s=35.0)
    assert refusal_of(tests.ask("a", seconds=30, now_s=100.0)) == Refusal("too_soon", 200.0)
    assert isinstance(tests.ask("a", seconds=30, now_s=300.0), Slot)


def test_a_site_may_have_an_interval_of_its_own() -> None:
    tests = admission()
    tests.leave(slot_of(tests.ask("walk", seconds=30, now_s=0.0)), now_s=40.0)
    assert isinstance(tests.ask("walk", seconds=30, now_s=41.0, interval_s=20.0), Slot)


def test_a_test_that_sent_nothing_costs_no_rest() -> None:
    tests = admission()
    tests.leave(slot_of(tests.ask("a", seconds=30, now_s=0.0)), now_s=5.0, used=False)
    assert isinstance(tests.ask("a", seconds=30, now_s=5.0), Slot)


def test_a_full_queue_says_when_to_come_back() -> None:
    tests = admission(tests_at_once=1, queue_length=1)
    tests.ask("a", seconds=30, now_s=0.0)
    tests.ask("b", seconds=30, now_s=0.0)
    assert refusal_of(tests.ask("c", seconds=30, now_s=0.0)) == Refusal("too_many_waiting", 80.0)


def test_leaving_twice_frees_one_slot() -> None:
    tests = admission(tests_at_once=1)
    first = slot_of(tests.ask("a", seconds=30, now_s=0.0))
    second = slot_of(tests.ask("b", seconds=30, now_s=0.0))
    third = slot_of(tests.ask("c", seconds=30, now_s=0.0))
    assert tests.leave(first, now_s=1.0) == [second]
    assert tests.leave(first, now_s=1.0) == []
    assert not third.running


@pytest.mark.parametrize(
    "wrong",
    [
        {"tests_at_once": 0},
        {"queue_length": -1},
        {"interval_s": -1.0},
        {"overhead_s": float("nan")},
    ],
)
def test_senseless_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError):
        admission(**wrong)


@dataclass
class _Told:
    slot: Slot
    turn_by_s: float


class AdmissionMachine(RuleBasedStateMachine):
    """Any order of asking, finishing and giving up, with time running."""

    def __init__(self) -> None:
        super().__init__()
        self.tests = admission(queue_length=4, interval_s=50.0)
        self.now_s = 0.0
        self.running: list[Slot] = []
        self.waiting: list[_Told] = []
        self.started_s: dict[str, float] = {}

    @rule(site=st.sampled_from("abcdefgh"), seconds=st.sampled_from([10, 30, 60]))
    def ask(self, site: str, seconds: int) -> None:
        busy = {p.site_id for p in (*self.running, *(told.slot for told in self.waiting))}
        asked = self.tests.ask(site, seconds=seconds, now_s=self.now_s)
        if isinstance(asked, Refusal):
            assert asked.code in ("already_testing", "too_soon", "too_many_waiting")
            assert (asked.code == "already_testing") == (site in busy)
            if asked.code == "too_soon":
                assert self.now_s < self.started_s[site] + 50.0
            return
        assert site not in busy
        assert self.now_s >= self.started_s.get(site, -1e9) + 50.0
        if asked.running:
            self._started(asked)
        else:
            wait_s = self.tests.wait_s(asked, now_s=self.now_s)
            self.waiting.append(_Told(asked, self.now_s + wait_s))

    @rule(seconds=st.floats(0.1, 40.0))
    def pass_time(self, seconds: float) -> None:
        """Let time pass; tests end at the latest when their time is up, as the service sees to."""
        until_s = self.now_s + seconds
        while self.running:
            first = min(self.running, key=self._end_s)
            if self._end_s(first) > until_s:
                break
            self.now_s = self._end_s(first)
            self._leave(first)
        self.now_s = until_s

    @precondition(lambda self: self.running)
    @rule(data=st.data(), used=st.booleans())
    def finish(self, data: st.DataObject, used: bool) -> None:
        self._leave(data.draw(st.sampled_from(self.running)), used=used)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        told = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(told)
        assert self.tests.leave(told.slot, now_s=self.now_s) == []

    @invariant()
    def never_too_many(self) -> None:
        assert self.tests.running == len(self.running) <= 2
        assert self.tests.waiting == len(self.waiting) <= 4
        assert not self.waiting or len(self.running) == 2

    @invariant()
    def nobody_waits_longer_than_told(self) -> None:
        for told in self.waiting:
            assert self.now_s <= told.turn_by_s + 1e-6
            assert self.now_s + self.tests.wait_s(told.slot, now_s=self.now_s) <= (
                told.turn_by_s + 1e-6
            )

    def _end_s(self, slot: Slot) -> float:
        assert slot.started_s is not None
        return slot.started_s + slot.hold_s

    def _leave(self, slot: Slot, *, used: bool = True) -> None:
        self.running.remove(slot)
        if not used:
            del self.started_s[slot.site_id]
        for started in self.tests.leave(slot, now_s=self.now_s, used=used):
            assert started is self.waiting[0].slot  # first come, first served
            self.waiting.pop(0)
            self._started(started)

    def _started(self, slot: Slot) -> None:
        self.running.append(slot)
        self.started_s[slot.site_id] = self.now_s


TestAnyOrder = AdmissionMachine.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40)
