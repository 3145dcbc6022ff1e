"""When a watch says that ranks talk over TCP and not over EFA: a job's traffic as a film, a frame every two seconds.

A frame says what grew in between: the TCP interfaces, the connections with the job's other nodes, EFA's counters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.catalog.thresholds import EFA_FLOOR, TCP_FLOOR, WATCH_BOOTSTRAP, WATCH_EXCHANGE, WATCH_LOOKS
from efakit.hook.exchange import LOOK_SECONDS, Exchange, ranks_bytes

MB = 1_000_000
PEER = b"\x0a\0\0\2"
COLLECTIVES = {"tx_bytes": 50 * MB, "rx_bytes": 50 * MB, "rdma_write_bytes": 50 * MB, "rdma_write_recv_bytes": 50 * MB}
# Lustre over EFA: the servers read what a client writes, and write what it reads (facts of FSx).
STORAGE = {"tx_bytes": 90 * MB, "rx_bytes": 90 * MB, "rdma_read_resp_bytes": 90 * MB, "rdma_write_recv_bytes": 90 * MB}
CLASSES = ("send_bytes", "recv_bytes", "rdma_read_resp_bytes", "rdma_read_bytes")
CLASSES += ("rdma_write_bytes", "rdma_write_recv_bytes")


class Frame(NamedTuple):
    """What grew in two seconds: bytes sent and received. ``peers``: of connections with the job's nodes."""

    sent: int = 0
    received: int = 0
    peers: tuple[int, int] = (0, 0)
    efa: dict[str, int] = {}
    interfaces_read: bool = True
    efa_read: bool = True
    efa_reset: bool = False


class Shown(NamedTuple):
    """What a watch said, after how many seconds of film, and how often it looked at connections and at EFA."""

    answer: str | None
    seconds: float
    looks: int
    efa_looks: int


def talking(mb: int, **more: object) -> Frame:
    """Ranks that exchange so much over TCP, each way."""
    return Frame(mb * MB, mb * MB, (mb * MB, mb * MB), **more)  # type: ignore[arg-type]


def show(film: Iterable[Frame], nodes: int = 2, classes: Iterable[str] = CLASSES) -> Shown:
    """Show a film to a watch as ``hook.watch_node`` does."""
    watch = Exchange(nodes)
    now = looks = efa_looks = 0
    interfaces, peers = [7, 7], [0, 0]
    devices = {name: dict.fromkeys(("tx_bytes", "rx_bytes", *classes), 1000) for name in ("rdmap1s0", "rdmap2s0")}

    def connections() -> dict[bytes, tuple[int, int, bytes]]:
        return {b"1": (peers[0], peers[1], PEER)}

    def counters() -> dict[str, dict[str, int]]:
        return {name: dict(values) for name, values in devices.items()}

    watch.begin(now, connections(), (counters(), True))
    watch.glance(now, tuple(interfaces))
    for frame in film:
        now += LOOK_SECONDS
        interfaces = [interfaces[0] + frame.sent, interfaces[1] + frame.received]
        peers = [peers[0] + frame.peers[0], peers[1] + frame.peers[1]]
        for values in devices.values():
            for name in values:
                values[name] = 0 if frame.efa_reset else values[name] + frame.efa.get(name, 0) // 2
        if not watch.glance(now, tuple(interfaces) if frame.interfaces_read else None):
            continue
        looks += 1
        if watch.look(now, connections()):
            efa_looks += 1
            seen = counters()
            if not frame.efa_read:
                del seen["rdmap2s0"]
            answer = watch.answer(now, (seen, frame.efa_read))
            if answer:
                return Shown(answer, now, looks, efa_looks)
    return Shown(None, now, looks, efa_looks)


@pytest.mark.parametrize("nodes", [2, 64, 512])
def test_ranks_that_talk_over_tcp_alone_are_told_within_fifteen_seconds(nodes):
    shown = show([Frame()] * 10 + [talking(200)] * 10, nodes)
    assert shown.answer == "fallback"
    assert shown.seconds - 10 * LOOK_SECONDS <= 15


def test_slow_ranks_are_told_within_a_minute():
    shown = show([talking(2)] * 60)
    assert (shown.answer, shown.seconds <= 60) == ("fallback", True)


def test_ranks_that_talk_in_bursts_are_told():
    """A collective every ten seconds, and computation in between."""
    shown = show([talking(100), *[Frame()] * 4] * 20)
    assert (shown.answer, shown.seconds <= 60) == ("fallback", True)


def test_a_fallback_shows_while_storage_over_tcp_is_busy():
    """Answers to what is read hide the exchange in the interfaces' bytes, not in the connections'."""
    shown = show([Frame(140 * MB, 4000 * MB, (20 * MB, 20 * MB))] * 20)
    assert (shown.answer, shown.seconds <= 15) == ("fallback", True)


def test_a_fallback_that_begins_amid_busy_storage_is_told_within_half_a_minute():
    shown = show([Frame(500 * MB, 500 * MB)] * 21 + [Frame(520 * MB, 520 * MB, (20 * MB, 20 * MB))] * 20)
    assert (shown.answer, shown.seconds - 42 <= 30) == ("fallback", True)


def test_storage_over_efa_is_no_traffic_of_ranks():
    shown = show([talking(100, efa=STORAGE)] * 20)
    assert shown.answer == "fallback"


def test_a_second_program_of_a_script_is_watched_too():
    """The first used EFA a little, the second exchanges more over TCP than that."""
    film = [Frame(efa=dict.fromkeys(COLLECTIVES, MB))] * 5 + [talking(100)] * 20
    assert show(film).answer == "fallback"


HEALTHY: dict[str, Callable[[], list[Frame]]] = {
    "an idle node": lambda: [Frame()] * 100,
    "start-up: libraries and images are read": lambda: [Frame(20 * MB, 900 * MB)] * 30 + [Frame(efa=COLLECTIVES)] * 30,
    "a bootstrap, then collectives": lambda: [talking(4)] * 2 + [talking(0, efa=COLLECTIVES)] * 30,
    "heartbeats beside collectives": lambda: [Frame(MB, MB, (MB // 2, MB // 2), efa=COLLECTIVES)] * 60,
    "a checkpoint is written": lambda: [Frame(2000 * MB, 60 * MB)] * 60,
    "data are loaded": lambda: [Frame(60 * MB, 2000 * MB)] * 60,
    "files are read and written alike, EFA at rest": lambda: [Frame(900 * MB, 900 * MB)] * 300,
    "and with heartbeats": lambda: [Frame(900 * MB, 900 * MB, (MB // 2, MB // 2))] * 300,
    "one node sends the model to all others": lambda: [Frame(900 * MB, 20 * MB, (900 * MB, 0))] * 60,
    "ranks use both": lambda: [talking(100, efa=COLLECTIVES)] * 100,
    "objects over TCP between phases of EFA": lambda: (
        [Frame(efa=dict.fromkeys(COLLECTIVES, 3000 * MB))] * 5 + [talking(50)] * 100
    ),
    "a node that only computes": lambda: [Frame(100, 100)] * 100,
}


@pytest.mark.parametrize("film", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_run_is_no_fallback(film):
    assert show(film()).answer is None


def test_the_bootstrap_of_a_large_job_is_no_fallback():
    """NCCL's exchange of what each rank is, some megabytes for each communicator, before EFA carries anything."""
    assert show([talking(25)] * 5 + [Frame(efa=COLLECTIVES)] * 10, nodes=512).answer is None


def test_a_driver_without_classes_counts_all_bytes():
    assert show([talking(100, efa={"tx_bytes": 50 * MB, "rx_bytes": 50 * MB})] * 40, classes=()).answer is None
    assert show([talking(100, efa={"tx_bytes": 50 * MB})] * 40, classes=()).answer == "fallback"


def test_what_cannot_be_read_of_efa_is_not_zero():
    shown = show([talking(100, efa_read=False)] * 40)
    assert shown.answer == "unknown"
    assert show([talking(100, efa_read=False, efa=COLLECTIVES)] * 40).answer is None, "the others have moved"


def test_interfaces_that_cannot_be_read_leave_the_connections():
    film = [talking(100, interfaces_read=False)] * 20
    assert (show(film).answer, show(film).seconds <= 15) == ("fallback", True)
    assert show([Frame(interfaces_read=False)] * 100).answer is None


def test_counters_that_begin_anew_are_compared_from_there():
    film = [talking(100)] * 3 + [talking(100, efa_reset=True)] * 2
    assert show(film).answer is None
    assert show(film + [talking(100)] * 20).answer == "fallback"


ONE = {"rdmap1s0": dict.fromkeys(("tx_bytes", "rx_bytes", *CLASSES), 1000)}
BOTH = {**ONE, "rdmap2s0": ONE["rdmap1s0"]}


@pytest.mark.parametrize(
    ("first", "at_suspicion", "now", "answer"),
    [
        ((BOTH, True), (BOTH, True), (BOTH, True), "fallback"),
        ((BOTH, True), (ONE, True), (BOTH, True), "unknown"),
        ((BOTH, True), (BOTH, True), (ONE, True), "unknown"),
        ((BOTH, True), ({}, True), ({}, True), "unknown"),
        ((ONE, True), (BOTH, True), (BOTH, True), "unknown"),
        (({}, False), (BOTH, True), (BOTH, True), "unknown"),
    ],
)
def test_a_device_that_is_not_in_every_reading_may_have_carried_anything(first, at_suspicion, now, answer):
    """It came or went, or could not be read when the job began."""
    watch = Exchange(2)
    watch.begin(0, {}, first)
    answers = []
    for number in range(1, 8):
        if watch.look(number * LOOK_SECONDS, {b"1": (number * 100 * MB, number * 100 * MB, PEER)}):
            answers.append(watch.answer(number * LOOK_SECONDS, at_suspicion if not answers else now))
    assert [one for one in answers if one][:1] == [answer]


def test_connections_that_could_not_be_read_at_first_are_compared_from_the_second_reading_on():
    watch = Exchange(2)
    watch.begin(0, None, (BOTH, True))
    assert not watch.look(2, {b"1": (900 * MB, 900 * MB, PEER)}), "what they carried before is not known"
    assert not watch.look(4, {b"1": (900 * MB, 900 * MB, PEER)})
    assert watch.look(6, {b"1": (990 * MB, 990 * MB, PEER)})


def test_efa_is_read_only_while_the_ranks_talk_over_tcp():
    assert show([Frame(2000 * MB, 60 * MB)] * 900).efa_looks == 0
    busy = show([Frame(900 * MB, 900 * MB)] * 900)
    assert busy.efa_looks == 0
    assert busy.looks * 4 <= 900, "and connections not every time"
    both = show([talking(100, efa=COLLECTIVES)] * 1800)
    assert both.efa_looks * 15 <= 1800


frames = st.builds(
    lambda sent, received, share, efa: Frame(
        sent, received, (int(sent * share), int(received * share)), efa=dict.fromkeys(COLLECTIVES, efa)
    ),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.floats(0, 1),
    st.sampled_from([0, 0, 1000, 10**7, 10**9]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(frames, max_size=40), st.integers(2, 64))
def test_what_is_said_always_holds_of_the_film_as_a_whole(film, nodes):
    """No answer without its grounds: enough looks, an exchange above the floor both ways, EFA at rest meanwhile."""
    shown = show(film, nodes)
    if shown.answer is None:
        return
    seen = film[: int(shown.seconds / LOOK_SECONDS)]
    exchanged = [min(sum(frame.peers[way] for frame in seen) for way in (0, 1))]
    assert exchanged[0] >= TCP_FLOOR.value + WATCH_BOOTSTRAP.value * nodes
    talks = [frame for frame in seen if min(frame.peers) >= WATCH_EXCHANGE.value * LOOK_SECONDS]
    assert len(talks) >= 2
    assert len(seen) >= WATCH_LOOKS.value
    resting = seen[-int(WATCH_LOOKS.value) + 1 :]
    assert sum(sum(frame.efa.values()) for frame in resting) < 4 * EFA_FLOOR.value * len(resting)


def test_ranks_bytes_are_the_smaller_side_of_each_class():
    before = {"a": dict.fromkeys(("tx_bytes", "rx_bytes", *CLASSES), 0)}
    after = {
        "a": {**before["a"], "tx_bytes": 30, "rx_bytes": 30, "send_bytes": 20, "recv_bytes": 7, "rdma_read_bytes": 30}
    }
    assert ranks_bytes(before, after) == 7
    assert ranks_bytes(after, before) is None, "a counter that fell began anew"
    assert ranks_bytes(before, {}) == 0
