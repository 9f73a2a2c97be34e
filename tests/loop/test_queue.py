from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.loop.queue import Item, Queue


@pytest.fixture
def queue() -> Queue:
    return Queue()


def soon(queue: Queue) -> Item | None:
    """What is taken within a moment; None when nothing is due."""
    threading.Timer(0.1, queue.close).start()
    return queue.take()


def test_a_key_that_is_due_is_taken_once(queue: Queue) -> None:
    queue.add("a", look=True)
    assert queue.take() == Item("a", look=True)
    assert soon(queue) is None


def test_a_burst_is_one_item(queue: Queue) -> None:
    for _ in range(1000):
        queue.add("a", look=True)
        queue.add("a", look=False)
    assert queue.take() == Item("a", look=True)
    queue.done("a")
    assert soon(queue) is None


def test_what_comes_while_a_key_is_worked_on_waits_and_is_not_lost(queue: Queue) -> None:
    queue.add("a", look=False)
    queue.take()
    for _ in range(3):
        queue.add("a", look=True)
    queue.add("b", look=True)
    assert queue.take() == Item("b", look=True)
    queue.done("a")
    assert queue.take() == Item("a", look=True)
    queue.done("a")
    assert soon(queue) is None


def test_done_wakes_who_waits_for_the_key(queue: Queue) -> None:
    queue.add("a", look=True)
    queue.take()
    queue.add("a", look=True)
    threading.Timer(0.05, queue.done, ["a"]).start()
    began = time.monotonic()
    assert queue.take() == Item("a", look=True)
    assert time.monotonic() - began < 5


def test_a_glance_leaves_the_look_due_in_its_time(queue: Queue) -> None:
    queue.add("a", after=0.2, look=True)
    queue.add("a", look=False)
    began = time.monotonic()
    assert queue.take() == Item("a", look=False)
    queue.done("a")
    assert queue.take() == Item("a", look=True)
    assert time.monotonic() - began >= 0.2


def test_a_look_that_is_due_is_also_the_glance(queue: Queue) -> None:
    queue.add("a", look=False)
    queue.add("a", look=True)
    assert queue.take() == Item("a", look=True)
    queue.done("a")
    assert soon(queue) is None


def test_a_glance_that_is_not_due_yet_goes_with_the_look(queue: Queue) -> None:
    queue.add("a", after=3600, look=False)
    queue.add("a", look=True)
    assert queue.take() == Item("a", look=True)
    queue.done("a")
    assert soon(queue) is None


def test_the_earlier_time_wins_whichever_was_given_first(queue: Queue) -> None:
    queue.add("a", after=3600, look=True)
    queue.add("a", after=0.05, look=True)
    queue.add("a", after=3600, look=True)
    assert queue.take() == Item("a", look=True)


def test_who_was_due_first_is_first(queue: Queue) -> None:
    for key in ("b", "a"):
        queue.add(key, look=True)
        time.sleep(0.002)
    assert [queue.take(), queue.take()] == [Item("b", look=True), Item("a", look=True)]


def test_an_earlier_key_wakes_who_waits_for_a_later_one(queue: Queue) -> None:
    queue.add("late", after=3600, look=True)
    threading.Timer(0.05, lambda: queue.add("early", look=True)).start()
    assert queue.take() == Item("early", look=True)


def test_a_dropped_key_is_forgotten(queue: Queue) -> None:
    queue.add("a", look=True)
    queue.drop("a")
    queue.drop("never there")
    assert soon(queue) is None


def test_close_wakes_all(queue: Queue) -> None:
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(queue.take) for _ in range(4)]
        queue.close()
        assert [one.result(5) for one in waiting] == [None] * 4
    queue.add("a", look=True)
    assert queue.take() is None


def test_no_key_twice_at_once_and_none_lost_under_load(queue: Queue) -> None:
    keys = [str(number) for number in range(7)]
    active: set[str] = set()
    worked = dict.fromkeys(keys, 0)
    twice: list[str] = []
    guard = threading.Lock()

    def work() -> None:
        while (item := queue.take()) is not None:
            with guard:
                if item.key in active:
                    twice.append(item.key)
                active.add(item.key)
            time.sleep(0.0005)
            with guard:
                active.discard(item.key)
                worked[item.key] += 1
            queue.done(item.key)

    with ThreadPoolExecutor(12) as pool:
        for _ in range(8):
            pool.submit(work)

        def add(number: int) -> None:
            for round_ in range(200):
                key = keys[(number + round_) % len(keys)]
                queue.add(key, after=(round_ % 3) * 0.001, look=round_ % 2 == 0)

        for one in [pool.submit(add, number) for number in range(4)]:
            one.result(20)
        before = dict(worked)
        for key in keys:
            queue.add(key, look=True)
        until = time.monotonic() + 10
        while time.monotonic() < until and any(worked[key] == before[key] for key in keys):
            time.sleep(0.005)
        queue.close()
    assert twice == []
    assert all(worked[key] > before[key] for key in keys)
    assert sum(worked.values()) <= 4 * 200 + 7
