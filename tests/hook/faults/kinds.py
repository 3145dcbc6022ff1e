"""Kinds of untrue words, each with its reproductions: what hooks and report once said wrongly, and what is right.

Each row is played in all modes, against the built file. Its name says what it shows.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.hook.faults.pairs import (
    GB,
    TB,
    baselines,
    both,
    days_passed,
    epilogs,
    field,
    has,
    has_not,
    in_cgroup,
    moved,
    prologs,
    run,
    second,
    steps_run,
    told,
)
from tests.hook.faults.story import DEVICES, Case, Step, Story, flush, published, waits
from tests.hook.faults.unwritten import NOTES, READ_ONLY, taken

NO_MODE = {"breaker_nodes_per_hour": 0}


# What was not read is not zero.


def aside(place: Callable[[Story], list[Path]], *, folder_there: bool) -> tuple[Step, Step]:
    """Return the steps that make files unreadable, or gone, and that bring them back."""

    def away(story: Story) -> None:
        story.__dict__["aside"] = place(story)
        for path in story.__dict__["aside"]:
            path.rename(path.with_name(f".{path.name}.aside"))
            if folder_there:
                path.mkdir()  # a folder's read fails, as an I/O error does

    def back(story: Story) -> None:
        for path in story.__dict__["aside"]:
            if folder_there:
                path.rmdir()
            path.with_name(f".{path.name}.aside").rename(path)

    return away, back


def counters(names: tuple[str, ...], devices: range) -> Callable[[Story], list[Path]]:
    return lambda story: [story.port(index) / name for index in devices for name in names]


def statistics(*names: str) -> Callable[[Story], list[Path]]:
    return lambda story: [story.node.root / "sys/class/net/eth0/statistics" / name for name in names]


BYTES = ("tx_bytes", "rx_bytes", "send_bytes", "recv_bytes", "rdma_read_bytes", "rdma_read_resp_bytes")
WRITES = ("rdma_write_bytes", "rdma_write_recv_bytes")
ALL, ONE = range(DEVICES), range(1)
MUCH = both(moved(efa=TB, tcp=GB))


def unread_rows() -> Iterator[Case]:
    for what, place, verdict, reason in (
        ("all bytes of all devices", counters(BYTES + WRITES, ALL), "incomplete", "rdmap"),
        ("all bytes of one device", counters(BYTES + WRITES, ONE), "efa", "the verdict is the same"),
        ("the totals of all devices", counters(BYTES[:2], ALL), "efa", ""),
        ("TCP sent and received", statistics("tx_bytes", "rx_bytes"), "incomplete", "eth0"),
        ("TCP sent", statistics("tx_bytes"), "efa", "the verdict is the same"),
        (
            "the statistics of the interface",
            lambda s: [s.node.root / "sys/class/net/eth0/statistics"],
            "incomplete",
            "eth0",
        ),
    ):
        for when in ("prolog", "epilog", "both"):
            for how, there in (("unreadable", True), ("missing", False)):
                away, back = aside(place, folder_there=there)
                before = (
                    (both(away), prologs, *([] if when == "both" else [both(back)])) if when != "epilog" else (prologs,)
                )
                after = (MUCH, *([both(away)] if when == "epilog" else []), epilogs)
                # A driver that has no totals at all does not exist; one that has only classes loses nothing.
                yield Case(
                    f"{what} {how} at {when}: {verdict}",
                    (*before, *(after if when != "both" else (MUCH, epilogs))),
                    (told(verdict, reason=reason), has("bytes-unknown")),
                )


def renamed(old: str, new: str) -> Step:
    def step(story: Story) -> None:
        net = story.node.root / "sys/class/net"
        (net / old).rename(net / new)

    return step


def attached(name: str) -> Step:
    return lambda story: story.node.set_interface(GB, GB, name)


def emptied(story: Story) -> None:
    for index in range(DEVICES):
        shutil.rmtree(story.port(index))
        story.port(index).mkdir()


def without_bytes(story: Story) -> None:
    for index in range(DEVICES):
        for path in story.port(index).iterdir():
            if path.name.endswith("_bytes"):
                path.unlink()


def without_net(story: Story) -> None:
    shutil.rmtree(story.node.root / "sys/class/net")


def unrecognised(*indices: int) -> Step:
    """Let nobody read what kind of devices some are: neither their driver nor their ids."""

    def step(story: Story) -> None:
        for index in indices:
            function = story.port(index).parents[2] / "device"
            (function / "driver").unlink()
            for name in ("vendor", "device"):
                (function / name).unlink()
                (function / name).mkdir()

    return step


AUTO = {"tcp_interfaces": "auto"}
UNREAD = [
    *unread_rows(),
    Case(
        "empty counters' folders: incomplete", (both(emptied), prologs, epilogs), (told("incomplete", reason="rdmap"),)
    ),
    Case("counters without bytes: incomplete", (both(without_bytes), prologs, epilogs), (told("incomplete"),)),
    Case(
        "an interface is renamed in the job: incomplete",
        (prologs, MUCH, second(renamed("eth0", "ens5")), epilogs),
        (told("incomplete", reason="ens5"),),
        AUTO,
    ),
    Case(
        "an interface is attached in the job: incomplete",
        (prologs, MUCH, second(attached("eth1")), epilogs),
        (told("incomplete", reason="eth1"),),
        AUTO,
    ),
    Case(
        "an interface goes in the job: incomplete",
        (
            both(attached("eth1")),
            prologs,
            MUCH,
            second(lambda s: shutil.rmtree(s.node.root / "sys/class/net/eth1")),
            epilogs,
        ),
        (told("incomplete", reason="eth1"),),
        AUTO,
    ),
    *(
        Case(
            f"no interface is found at {when}: incomplete",
            steps,
            (told("incomplete", reason=named), has("interfaces-unknown")),
            AUTO,
        )
        for named, when, steps in (
            ("TCP interface", "both moments", (both(without_net), prologs, both(moved(efa=TB)), epilogs)),
            ("eth0", "the epilog", (prologs, MUCH, both(without_net), epilogs)),
        )
    ),
    Case(
        "an interface that is named and not there: incomplete",
        (prologs, MUCH, epilogs),
        (told("incomplete", reason="eth9"), has("bytes-unknown")),
        {"tcp_interfaces": ["eth0", "eth9"]},
    ),
    Case(
        "no interface is to be counted: incomplete",
        (prologs, MUCH, epilogs),
        (told("incomplete"), has("interfaces-unknown")),
        {"tcp_interfaces": []},
    ),
    Case(
        "a device whose kind cannot be read: incomplete",
        (both(unrecognised(0)), prologs, both(moved(tcp=TB)), epilogs),
        (told("incomplete", reason="recognised"), has("devices-unlisted")),
    ),
    Case(
        "no device's kind can be read: incomplete",
        (both(unrecognised(*range(DEVICES))), prologs, both(moved(tcp=TB)), epilogs),
        (told("incomplete", reason="recognised"), has("devices-unlisted")),
    ),
    Case(
        "Slurm names no nodes, and one of two left a record: incomplete",
        (
            run("prolog", SLURM_JOB_NODELIST=""),
            *(moved(efa=TB), run("epilog", SLURM_JOB_NODELIST="")),
        ),
        (told("incomplete", reason="2 nodes"),),
    ),
    Case("all is read: efa", (prologs, MUCH, epilogs), (told("efa"), has_not("bytes-unknown"))),
    Case("all is read: tcp-fallback", (prologs, both(moved(tcp=TB)), epilogs), (told("tcp-fallback"),)),
]

# A run is one run.

LATER = {"SLURM_JOB_START_TIME": "1790003600"}
FIRST = {"SLURM_JOB_START_TIME": "1790000000"}


def life(efa: int = 0, tcp: int = 0, **variables: str) -> tuple[Step, ...]:
    return both(run("prolog", **variables)), both(moved(efa=efa, tcp=tcp)), both(run("epilog", **variables))


def another_instance(story: Story) -> None:
    """Let a cluster made anew have another node of this name: another boot, an empty spool."""
    shutil.rmtree(story.node.spool)
    boot = story.node.root / "proc/sys/kernel/random/boot_id"
    boot.unlink()
    boot.write_text(f"boot-{os.urandom(4).hex()}\n")


def an_hour_ago(story: Story) -> None:
    """Let what is published be of an hour ago."""
    for path in story.node.records.glob("*/*/*.json"):
        record = json.loads(path.read_text())
        for name in ("began_at", "ended_at"):
            record[name] = record[name] and record[name] - 3600
        path.write_text(json.dumps(record))


def second_record_of_another_job(story: Story) -> None:
    assert len(story.published()) == 4, "each job has its own records"


REUSED = [
    Case(
        "an id used again, by start times: two runs",
        (*life(efa=TB, **FIRST), both(another_instance), *life(tcp=TB, **LATER)),
        (told("efa", "tcp-fallback"), second_record_of_another_job),
    ),
    Case(
        "an id used again, by SLUIDs: two runs",
        (*life(efa=TB, SLURM_JOB_SLUID="sA"), *life(tcp=TB, SLURM_JOB_SLUID="sB")),
        (told("efa", "tcp-fallback"), second_record_of_another_job),
    ),
    Case(
        "an id used again, by restart counts, told apart by time: two runs",
        (*life(efa=TB), an_hour_ago, both(another_instance), *life(tcp=TB)),
        (told("efa", "tcp-fallback"), second_record_of_another_job),
    ),
    Case(
        "an id used again without baseline: the new run is incomplete, not the old one's efa",
        (*life(efa=TB, **FIRST), both(run("epilog", **LATER))),
        (told("efa", "incomplete"), second_record_of_another_job),
    ),
    Case(
        "an id used again without baseline on one node: incomplete",
        (
            *life(efa=TB, **FIRST),
            *(run("prolog", **LATER), both(moved(efa=TB)), both(run("epilog", **LATER))),
        ),
        (told("efa", "incomplete", reason="gpu-st-p5-2"),),
    ),
    Case(
        "an id used again by another user without baseline: incomplete",
        (*life(efa=TB, SLURM_JOB_UID="1000"), an_hour_ago, both(run("epilog", SLURM_JOB_UID="1001"))),
        (told("efa", "incomplete"),),
    ),
    *(
        Case(
            f"a stale baseline of an id used again, by {what}: no foreign bytes",
            (
                both(run("prolog", **old)),
                both(moved(efa=64 * TB)),
                both(run("epilog", **new)),
            ),
            (told("incomplete"), has("baseline-foreign"), field("baseline", "missing")),
        )
        for what, old, new in (
            ("start time", FIRST, LATER),
            ("SLUID", {"SLURM_JOB_SLUID": "sA"}, {"SLURM_JOB_SLUID": "sB"}),
            ("user", {"SLURM_JOB_UID": "1000"}, {"SLURM_JOB_UID": "1001"}),
            ("restart count", {"SLURM_JOB_RESTART_COUNT": "4"}, {"SLURM_JOB_RESTART_COUNT": "0"}),
        )
    ),
    *(
        Case(
            f"a stale baseline and a prolog of another run, by {what}: only the new run's bytes",
            (both(run("prolog", **old)), both(moved(efa=64 * TB)), *life(tcp=TB, **new)),
            (told("tcp-fallback"), field("baseline", "ok")),
        )
        for what, old, new in (
            ("start time", FIRST, LATER),
            ("SLUID", {"SLURM_JOB_SLUID": "sA"}, {"SLURM_JOB_SLUID": "sB"}),
            ("user", {"SLURM_JOB_UID": "1000"}, {"SLURM_JOB_UID": "1001"}),
        )
    ),
    Case(
        "a prolog twice, where Slurm does not say whether of one run: in doubt",
        (
            *(both(run("prolog", SLURM_JOB_RESTART_COUNT="0")), both(moved(efa=64 * TB))),
            *life(tcp=TB, SLURM_JOB_RESTART_COUNT="0"),
        ),
        (told("incomplete", reason="in doubt"), has("run-in-doubt")),
    ),
    Case(
        "an epilog told the next count, where Slurm says no more: in doubt",
        (
            both(run("prolog", SLURM_JOB_RESTART_COUNT="0")),
            both(moved(efa=TB)),
            both(run("epilog", SLURM_JOB_RESTART_COUNT="1")),
        ),
        (told("incomplete", reason="in doubt"), has("run-in-doubt")),
    ),
    Case(
        "an epilog told the next count and its own start time: no doubt",
        (
            both(run("prolog", SLURM_JOB_RESTART_COUNT="0", **FIRST)),
            both(moved(efa=TB)),
            both(run("epilog", SLURM_JOB_RESTART_COUNT="1", **FIRST)),
        ),
        (told("efa"), field("restart_count", 0), has_not("run-in-doubt")),
    ),
    Case(
        "an epilog twice: one record",
        (*life(efa=TB, **FIRST), both(run("epilog", **FIRST))),
        (told("efa"), published(7, 7)),
    ),
    Case(
        "an id used again at once, where Slurm does not say so and nothing was kept: in doubt, not the old one's efa",
        (*life(efa=TB), both(moved(tcp=TB)), epilogs),
        (told("incomplete", reason="in doubt"), published(7, 7)),
    ),
    Case(
        "an id used again at once while its first record waits: in doubt",
        (
            *(prologs, both(moved(efa=TB)), lambda s: s.node.records.rename(s.node.records.with_name("away"))),
            *(epilogs, epilogs, lambda s: s.node.records.with_name("away").rename(s.node.records), both(flush)),
        ),
        (told("incomplete", reason="in doubt"), published(7, 7)),
    ),
    Case(
        "two installations of the hooks: two clusters",
        (
            *life(efa=TB),
            lambda s: [n.settings.update(installation_id="b") for n in (s.node, s.__dict__["peer"].node)],
            *life(tcp=TB),
        ),
        (told("efa", "tcp-fallback"),),
        {"installation_id": "a"},
    ),
    Case(
        "a clock that was set in a job whose run only a count names: in doubt",
        (
            prologs,
            MUCH,
            baselines(lambda kept: kept["snapshot"].update(taken_at=kept["snapshot"]["taken_at"] - 7200)),
            epilogs,
        ),
        (told("incomplete", reason="clock"), has("clock-jumped")),
    ),
    Case(
        "a clock that was set in a job whose run has a start time: no doubt",
        (
            both(run("prolog", **FIRST)),
            *(MUCH, baselines(lambda kept: kept["snapshot"].update(taken_at=kept["snapshot"]["taken_at"] - 7200))),
            both(run("epilog", **FIRST)),
        ),
        (told("efa"), has("clock-jumped")),
    ),
]

# State ends.

ALONE = {"SLURM_JOB_OVERSUBSCRIBE": "NO"}
GONE_BY = {"SLURM_JOB_START_TIME": "1500000000", "SLURM_JOB_END_TIME": "1500003600"}


def lost_then(*steps: Step, **lost: str) -> tuple[Step, ...]:
    """Return the steps of a job 5 whose epilog never comes, and of job 7 after it."""
    return (run("prolog", 5, **lost), *steps)


def one_node(job_id: int = 7, **variables: str) -> tuple[Step, ...]:
    return run("prolog", job_id, **variables), moved(efa=TB), run("epilog", job_id, **variables)


def not_shared(job_id: int = 7) -> Step:
    return field("shared_with", [], job_id)


STALE = [
    Case("a baseline that nobody ends: the next job may share", lost_then(*one_node()), (field("shared_with", [5]),)),
    Case(
        "the next job has the node to itself, by OVERSUBSCRIBE",
        lost_then(*one_node(**ALONE)),
        (not_shared(), has("baseline-given-up")),
    ),
    Case(
        "the next job has the node to itself, by EXCLUSIVE",
        lost_then(*one_node(SLURM_JOB_EXCLUSIVE="NODE", SLURM_JOB_OVERSUBSCRIBE="NO")),
        (not_shared(), has("baseline-given-up")),
    ),
    *(
        Case(
            f"the next job may share: OVERSUBSCRIBE is NO from Slurm 26.05 on, and EXCLUSIVE is {word}",
            lost_then(*one_node(SLURM_JOB_EXCLUSIVE=word, SLURM_JOB_OVERSUBSCRIBE="NO")),
            (field("shared_with", [5]),),
        )
        for word in ("NO", "USER", "MCS")
    ),
    Case(
        "the lost job had the node to itself",
        lost_then(*one_node(), **ALONE),
        (not_shared(), has("baseline-given-up")),
    ),
    Case(
        "the lost job has a step still, whatever Slurm says: shared",
        (*lost_then(steps_run(5), *one_node(**ALONE)),),
        (field("shared_with", [5]), has_not("baseline-given-up")),
    ),
    Case(
        "the lost job's time is over and it has no step",
        lost_then(steps_run(), *one_node(), **GONE_BY),
        (not_shared(), has("baseline-given-up")),
    ),
    Case(
        "the lost job's time is over and its steps cannot be known: shared",
        lost_then(*one_node(), **GONE_BY),
        (field("shared_with", [5]),),
    ),
    Case(
        "the lost job's time is over, and it was prolonged: shared",
        lost_then(steps_run(5), *one_node(), **GONE_BY),
        (field("shared_with", [5]),),
    ),
    Case(
        "the lost job began eight days ago and has no step",
        lost_then(steps_run(), days_passed(8), *one_node()),
        (not_shared(), has("baseline-given-up")),
    ),
    Case(
        "the lost job began six days ago: shared",
        lost_then(steps_run(), days_passed(6), *one_node()),
        (field("shared_with", [5]),),
    ),
    Case(
        "another installation of the hooks since",
        lost_then(lambda s: s.node.settings.update(installation_id="b"), *one_node()),
        (not_shared(), has("baseline-given-up")),
        {"installation_id": "a"},
    ),
    Case(
        "what was given up is told once",
        (*lost_then(*one_node(**ALONE)), *one_node(8, **ALONE)),
        (has("baseline-given-up"), has_not("baseline-given-up", 8)),
    ),
    Case(
        "an epilog that runs again leaves the baseline of the job that runs now",
        (
            *one_node(7, **ALONE, **FIRST),
            *(run("prolog", 8, **ALONE, **LATER), moved(efa=TB), run("epilog", 7, **ALONE, **FIRST)),
            run("epilog", 8, **ALONE, **LATER),
        ),
        (field("baseline", "ok", 8), field("shared_with", [], 8), published(7, 8)),
    ),
    Case(
        "an earlier run whose epilog never came is told",
        (
            run("prolog", SLURM_JOB_RESTART_COUNT="0", **FIRST),
            *one_node(7, SLURM_JOB_RESTART_COUNT="1", **LATER),
        ),
        (field("baseline", "ok"), has("baseline-given-up")),
    ),
    Case(
        "a job without baseline that has processes: shared",
        (run("prolog"), moved(efa=TB), in_cgroup(9), run("epilog")),
        (field("shared_with", [9]),),
    ),
    Case(
        "what a job left of its cgroup: not shared",
        (in_cgroup(9, populated=False), *one_node()),
        (not_shared(),),
    ),
    Case(
        "a job without baseline that ends in between: shared",
        (run("prolog"), run("epilog", 9), run("epilog")),
        (field("shared_with", [9]),),
    ),
]


def in_spool(place: str, content: bytes, *, age_days: float = 0) -> Step:
    def step(story: Story) -> None:
        path = story.node.spool / place
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        story.node.spool.chmod(0o700)
        path.write_bytes(content)
        at = path.stat().st_mtime - age_days * 86400
        os.utime(path, (at, at))

    return step


def _days_old(path: Path, days: float) -> None:
    at = path.stat().st_mtime - days * 86400
    os.utime(path, (at, at))


def gone_from(place: str) -> Step:
    return lambda story: [None for path in story.node.spool.glob(place)] == [] or _fail(f"{place} is still there")


def _fail(text: str) -> None:
    raise AssertionError(text)


DAMAGED = (has("spool-damaged", 8), published(7, 8))
SPOOL = [
    *(
        Case(
            f"{what} in {folder} is set aside, told, and holds nobody up",
            (in_spool(f"{folder}/gpu-st-p5-1.3.r0.json", content), *one_node(), *one_node(8)),
            (*DAMAGED, gone_from(f"{folder}/gpu-st-p5-1.3*")),
        )
        for folder in ("outbox", "active")
        for what, content in {
            "an empty file": b"",
            "half a file": b'{"job_id": 3',
            "no object": b"[]",
            "noise": b"\xff",
        }.items()
    ),
    *(
        Case(
            f"what a killed hook left in {folder} an hour ago goes",
            (in_spool(f"{folder}/.gpu-st-p5-1.3.r0.json.99.ab", b"{", age_days=0.1), *one_node()),
            (published(7), gone_from(f"{folder}/.gpu*")),
        )
        for folder in ("outbox", "active")
    ),
    Case(
        "a record that waited too long is published all the same where it can be",
        (
            *(lambda s: s.node.records.rmdir(), *one_node()),
            lambda s: [_days_old(p, 61) for p in (s.node.spool / "outbox").iterdir()],
            *(lambda s: s.node.records.mkdir(), flush),
        ),
        (published(7), waits()),
    ),
    Case(
        "a record that waits too long is dropped and counted",
        (
            *(lambda s: s.node.records.rmdir(), *one_node()),
            lambda s: [_days_old(p, 61) for p in (s.node.spool / "outbox").iterdir()],
            *(*one_node(8), lambda s: s.node.records.mkdir(), *one_node(9)),
        ),
        (published(8, 9), waits(), has("spool-dropped", 9)),
    ),
    Case(
        "the record of the job that ended just now is never dropped, whatever the clock",
        (
            *(lambda s: s.node.records.rmdir(), *one_node()),
            lambda s: [_days_old(p, -1) for p in (s.node.spool / "outbox").iterdir()],
            *one_node(8),
            lambda s: s.node.records.mkdir(),
            flush,
        ),
        (published(8), waits()),
        {"spool_limit_mib": 0.001},
    ),
    Case(
        "a number beyond all numbers holds up nothing",
        (
            in_spool(
                "outbox/gpu-st-p5-1.3.r0.json", b'{"job_id": Infinity, "cluster": "lab", "node": "n", "run": "r0"}'
            ),
            *one_node(),
        ),
        (published(7), gone_from("outbox/*.json")),
    ),
    Case(
        "another job's baseline of odd types holds up nothing",
        (
            run("prolog", 5, **GONE_BY),
            baselines(lambda kept: kept["job"].update(het_job_id=[1])),
            *(steps_run(), *one_node()),
        ),
        (published(7), field("baseline", "ok")),
    ),
    Case(
        "records beyond the spool's size are dropped, the oldest first",
        (
            lambda s: s.node.records.rmdir(),
            *one_node(5),
            *one_node(6),
            *one_node(7),
            lambda s: s.node.records.mkdir(),
            flush,
        ),
        (
            lambda s: (
                [r["job_id"] for r in s.published()] in ([6, 7], [7]) or _fail("the oldest is not the one dropped")
            ),
        ),
        {"spool_limit_mib": 0.007},
    ),
]


# Settings away.


def settings_away(story: Story) -> None:
    story.node.config.unlink()


def odd_values(**changes: object) -> Step:
    """Let hook.json have values that are none for these settings."""
    return lambda story: story.node.config.write_text(json.dumps({**story.node.settings, **changes})) and None


def epilog_without_settings(story: Story) -> None:
    node = story.node
    done = node.start(
        ["epilog", "--config", str(node.config)],
        {
            "SLURMD_NODENAME": node.name,
            "SLURM_CLUSTER_NAME": "lab",
            "SLURM_JOB_ID": "7",
            "SLURM_JOB_NODELIST": node.name,
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    story.said.append(done.stdout)


AWAY = [
    Case(
        "hook.json is away at the epilog only: the record lies where people look",
        (run("prolog"), moved(efa=TB), settings_away, epilog_without_settings),
        (published(7), field("baseline", "ok"), has("settings")),
        needs_root=True,
    ),
    Case(
        "hook.json is broken at the epilog only: the record lies where people look",
        (run("prolog"), moved(efa=TB), lambda s: s.node.config.write_text("{"), epilog_without_settings),
        (published(7), field("baseline", "ok"), has("settings")),
        needs_root=True,
    ),
    *(
        Case(
            f"values of hook.json are odd at the epilog only, {what}: the record lies where people look",
            (run("prolog"), moved(efa=TB), odd_values(**odd), epilog_without_settings),
            (published(7), field("baseline", "ok"), has("settings")),
            needs_root=True,
        )
        for what, odd in {
            "spool_dir": {"spool_dir": 7},
            "records_dir": {"records_dir": "here"},
            "both": {"spool_dir": None, "records_dir": ["/x"]},
            "root": {"root": ""},
        }.items()
    ),
    Case(
        "a note fails to be written and hook.json is away at the epilog: the record lies where people look",
        (
            *(lambda s: s.node.settings.update(records_dir=None), run("prolog", 5)),
            lambda s: s.node.settings.update(records_dir=str(s.node.records)),
            *(taken(lambda s: s.node.spool / "given-up.json"), run("prolog", **ALONE)),
            *(moved(efa=TB), settings_away, epilog_without_settings),
        ),
        (published(7), field("baseline", "ok"), has("settings")),
        needs_root=True,
    ),
]

# Which job is this.

HET = {"SLURM_HET_JOB_ID": "7"}
OWN = {"SLURM_JOB_NODELIST": "gpu-st-p5-1", "SLURM_JOB_NUM_NODES": "1"}
OTHER = {"SLURM_JOB_NODELIST": "gpu-st-p5-2", "SLURM_JOB_NUM_NODES": "1"}


def het(efa: int, tcp: int) -> tuple[Step, ...]:
    return (
        run("prolog", 7, **HET, **OWN, **FIRST),
        second(run("prolog", 8, **HET, **OTHER, **FIRST)),
        both(moved(efa=efa, tcp=tcp)),
        run("epilog", 7, **HET, **OWN, **FIRST),
        second(run("epilog", 8, **HET, **OTHER, **FIRST)),
    )


SHRUNK = {"SLURM_JOB_NODELIST": "gpu-st-p5-1", "SLURM_JOB_NUM_NODES": "1"}
WHICH = [
    Case("a heterogeneous job over EFA is one report", het(TB, 0), (told("efa"), told("efa", job_id=8))),
    Case("a heterogeneous job over TCP is one report", het(0, TB), (told("tcp-fallback"),)),
    Case(
        "a heterogeneous job of which a component has no record is incomplete",
        (run("prolog", 7, **HET, **OWN), moved(efa=TB), run("epilog", 7, **HET, **OWN)),
        (told("incomplete"),),
    ),
    Case(
        "a job that shrank keeps its nodes",
        (prologs, MUCH, second(run("epilog", **SHRUNK)), moved(efa=TB), run("epilog", **SHRUNK)),
        (told("efa"), field("node_list", "gpu-st-p5-[1-2]"), field("node_list_at_end", "gpu-st-p5-1")),
    ),
    Case(
        "a job that shrank and lost a record is incomplete",
        (prologs, MUCH, run("epilog", **SHRUNK)),
        (told("incomplete", reason="gpu-st-p5-2"),),
    ),
    Case(
        "a site's prolog failed on a node and the job starts again: two runs",
        (
            run("prolog", SLURM_JOB_RESTART_COUNT="0", **FIRST),
            both(run("epilog", SLURM_JOB_RESTART_COUNT="1", **FIRST)),
            *life(efa=TB, SLURM_JOB_RESTART_COUNT="1", **LATER),
        ),
        (told("incomplete", "efa"),),
    ),
]

# Storage is no rank.


def lustre(read: int, tcp: int = 0, ranks: int = 0) -> Step:
    """Let a Lustre client read over EFA: the servers write into the node, and no rank does."""
    return both(
        moved(
            efa=ranks,
            tcp=tcp,
            rdma_write_recv_bytes=read,
            rx_bytes=read + ranks,
        )
    )


STORAGE = [
    Case(
        "storage over EFA and ranks over TCP: tcp-fallback",
        (prologs, lustre(TB // DEVICES, 200 * GB), epilogs),
        (told("tcp-fallback"),),
    ),
    Case(
        "storage and some ranks over EFA, most over TCP: mixed",
        (prologs, lustre(TB, 200 * GB, ranks=GB), epilogs),
        (told("mixed"),),
    ),
    Case("storage and ranks over EFA: efa", (prologs, lustre(TB, GB, ranks=TB), epilogs), (told("efa"),)),
    Case("storage over EFA alone: no-traffic", (prologs, lustre(TB), epilogs), (told("no-traffic"),)),
]

# Names.

LONG = "n" * 250
NAMES = [
    Case(
        "a node's name of 250 letters",
        (lambda s: setattr(s.node, "name", LONG), *one_node(SLURM_JOB_NODELIST=LONG)),
        (published(7), field("node", LONG)),
    ),
    Case("a cluster's name of 250 letters", one_node(SLURM_CLUSTER_NAME=LONG), (published(7), field("cluster", LONG))),
    Case("a SLUID of 250 letters", one_node(SLURM_JOB_SLUID=LONG), (published(7), field("sluid", LONG))),
]

KINDS = {
    "not read is not zero": UNREAD,
    "a run is one run": REUSED,
    "state ends": STALE,
    "the spool ends": SPOOL,
    "settings away": AWAY,
    "a read-only spool": READ_ONLY,
    "a note fails": NOTES,
    "which job": WHICH,
    "storage is no rank": STORAGE,
    "names": NAMES,
}
