"""Events of a plan, and after which one somebody hears on."""

from __future__ import annotations

from lensong.planner.events import Events


def test_who_heard_more_of_a_server_before_hears_all_of_the_new_one() -> None:
    events = Events()
    for kind in ("progress", "state", "settled"):
        events.tell(kind, {})
    assert events.begin(None) == 3
    assert events.begin(2) == 2
    assert [event.kind for event in events.after(events.begin(2))] == ["settled"]
    assert [event.kind for event in events.after(events.begin(57))] == [
        "progress", "state", "settled"
    ]  # fmt: skip
