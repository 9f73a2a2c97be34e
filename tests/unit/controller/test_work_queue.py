from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.controller.work_queue import Item, WorkQueue


@pytest.fixture
def queue() -> WorkQueue:
    return WorkQueue()


def soon(queue: WorkQueue) -> Item | None:
    """What is taken within a moment; None when nothing is due."""
    threading.Timer(0.1, queue.close).start()
    return queue.take()


def test_a_key_that_is_due_is_taken_once(queue: WorkQueue) -> None:
    queue.add("a", fetch=True)
    assert queue.take() == Item("a", fetch=True)
    assert soon(queue) is None


def test_a_burst_is_one_item(queue: WorkQueue) -> None:
    for _ in range(1000):
        queue.add("a", fetch=True)
        queue.add("a", fetch=False)
    assert queue.take() == Item("a", fetch=True)
    queue.done("a")
    assert soon(queue) is None


def test_what_comes_while_a_key_is_worked_on_waits_and_is_not_lost(queue: WorkQueue) -> None:
    queue.add("a", fetch=False)
    queue.take()
    for _ in range(3):
        queue.add("a", fetch=True)
    queue.add("b", fetch=True)
    assert queue.take() == Item("b", fetch=True)
    queue.done("a")
    assert queue.take() == Item("a", fetch=True)
    queue.done("a")
    assert soon(queue) is None


def test_done_wakes_who_waits_for_the_key(queue: WorkQueue) -> None:
    queue.add("a", fetch=True)
    queue.take()
    queue.add("a", fetch=True)
    threading.Timer(0.05, queue.done, ["a"]).start()
    began = time.monotonic()
    assert queue.take() == Item("a", fetch=True)
    assert time.monotonic() - began < 5


def test_a_glance_leaves_the_look_due_in_its_time(queue: WorkQueue) -> None:
    queue.add("a", after=0.2, fetch=True)
    queue.add("a", fetch=False)
    began = time.monotonic()
    assert queue.take() == Item("a", fetch=False)
    queue.done("a")
    assert queue.take() == Item("a", fetch=True)
    assert time.monotonic() - began >= 0.2


def test_a_look_that_is_due_is_also_the_glance(queue: WorkQueue) -> None:
    queue.add("a", fetch=False)
    queue.add("a", fetch=True)
    assert queue.take() == Item("a", fetch=True)
    queue.done("a")
    assert soon(queue) is None


def test_a_glance_that_is_not_due_yet_goes_with_the_look(queue: WorkQueue) -> None:
    queue.add("a", after=3600, fetch=False)
    queue.add("a", fetch=True)
    assert queue.take() == Item("a", fetch=True)
    queue.done("a")
    assert soon(queue) is None


def test_the_earlier_time_wins_whichever_was_given_first(queue: WorkQueue) -> None:
    queue.add("a", after=3600, fetch=True)
    queue.add("a", after=0.05, fetch=True)
    queue.add("a", after=3600, fetch=True)
    assert queue.take() == Item("a", fetch=True)


def test_who_was_due_first_is_first(queue: WorkQueue) -> None:
    for key in ("b", "a"):
        queue.add(key, fetch=True)
        time.sleep(0.002)
    assert [queue.take(), queue.take()] == [Item("b", fetch=True), Item("a", fetch=True)]


def test_an_earlier_key_wakes_who_waits_for_a_later_one(queue: WorkQueue) -> None:
    queue.add("late", after=3600, fetch=True)
    threading.Timer(0.05, lambda: queue.add("early", fetch=True)).start()
    assert queue.take() == Item("early", fetch=True)


def test_a_dropped_key_is_forgotten(queue: WorkQueue) -> None:
    queue.add("a", fetch=True)
    queue.forget("a")
    queue.forget("never there")
    assert soon(queue) is None


def test_close_wakes_all(queue: WorkQueue) -> None:
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(queue.take) for _ in range(4)]
        queue.close()
        assert [one.result(5) for one in waiting] == [None] * 4
    queue.add("a", fetch=True)
    assert queue.take() is None


def test_no_key_twice_at_once_and_none_lost_under_load(queue: WorkQueue) -> None:
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
                queue.add(key, after=(round_ % 3) * 0.001, fetch=round_ % 2 == 0)

        for one in [pool.submit(add, number) for number in range(4)]:
            one.result(20)
        before = dict(worked)
        for key in keys:
            queue.add(key, fetch=True)
        until = time.monotonic() + 10
        while time.monotonic() < until and any(worked[key] == before[key] for key in keys):
            time.sleep(0.005)
        queue.close()
    assert twice == []
    assert all(worked[key] > before[key] for key in keys)
    assert sum(worked.values()) <= 4 * 200 + 7


# Reviews


def test_a_review_waits_for_every_pass_that_is_due(queue: WorkQueue) -> None:
    queue.add_review("a")
    queue.add("b", fetch=True)
    queue.add("a", fetch=False)
    taken = [queue.take(), queue.take()]
    assert set(taken) == {Item("a", fetch=False), Item("b", fetch=True)}
    assert soon(queue) is None, "not while a pass over the same key runs"


def test_after_its_pass_a_key_is_reviewed_once(queue: WorkQueue) -> None:
    queue.add("a", fetch=True)
    for _ in range(3):
        queue.add_review("a")
    assert queue.take() == Item("a", fetch=True)
    queue.done("a")
    assert queue.take() == Item("a", fetch=False, review=True)
    queue.done("a")
    assert soon(queue) is None


def test_a_pass_that_becomes_due_comes_before_the_rest_of_a_review(queue: WorkQueue) -> None:
    queue.add_review("a")
    assert queue.take() == Item("a", fetch=False, review=True)
    queue.add("a", fetch=True)
    queue.add_review("a")
    queue.done("a")
    assert queue.take() == Item("a", fetch=True)


def test_reviews_take_turns_by_how_long_they_wait(queue: WorkQueue) -> None:
    queue.add_review("b")
    queue.add_review("a")
    for expected in ("b", "a", "b", "a"):
        item = queue.take()
        assert item == Item(expected, fetch=False, review=True)
        queue.done(expected)
        queue.add_review(expected)


def test_reviews_leave_a_worker_for_passes() -> None:
    queue = WorkQueue(max_reviews=1)
    queue.add_review("a")
    queue.add_review("b")
    assert queue.take() == Item("a", fetch=False, review=True)
    queue.add("c", fetch=True)
    assert queue.take() == Item("c", fetch=True)
    threading.Timer(0.1, queue.done, ["a"]).start()
    assert queue.take() == Item("b", fetch=False, review=True)
