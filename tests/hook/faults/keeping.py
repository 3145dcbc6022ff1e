"""Rows: what can be wrong with the node's spool and with the shared records folder, as far as no mount is needed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from tests.hook.faults.reading import gone, hanging
from tests.hook.faults.story import (
    DEVICES,
    EFA_BYTES,
    Case,
    Step,
    Story,
    efa_bytes,
    epilog,
    finding,
    flush,
    hook,
    prolog,
    published,
    record,
    said,
    traffic,
    waits,
    whole,
    work,
)

OLD_FILES = 10_000
ANOTHER_USER = 65534
QUICK = {"deadline_seconds": 2}
Breaking = Callable[[Path], None]


def spool(breaking: Breaking, place: str = ".") -> Step:
    """Break a part of the spool."""
    return lambda story: breaking(story.node.spool / place)


def records(breaking: Breaking, place: str = ".") -> Step:
    """Break a part of the records folder."""
    return lambda story: breaking(story.node.records / place)


def removed(path: Path) -> None:
    gone(path.resolve())


def a_file(path: Path) -> None:
    path = path.resolve()
    if path.exists():
        gone(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way\n")


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def a_link_elsewhere(path: Path) -> None:
    """Replace a folder by a link, as somebody would who wants root to write elsewhere."""
    path = Path(os.path.normpath(path))
    top = next(folder for folder in path.parents if (folder / "efakit-hook.pyz").exists())
    elsewhere = top / f"elsewhere-{path.name}"
    elsewhere.mkdir(mode=0o700, exist_ok=True)
    if path.exists():
        gone(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(elsewhere)


def a_users_folder(path: Path) -> None:
    """Make a folder of another user's with a link to root's own, below which the settings name one that is missing."""
    elsewhere = path.parent.parent / "elsewhere-theirs"
    elsewhere.mkdir(mode=0o700)
    path.parent.mkdir()
    path.symlink_to(elsewhere)
    os.lchown(path, ANOTHER_USER, ANOTHER_USER)
    os.chown(path.parent, ANOTHER_USER, ANOTHER_USER)


def run_dir_below_a_user(story: Story) -> None:
    """Let run_dir lie below a user's link, in the mode in which the prolog leaves notes there."""
    link = story.node.root.parent / "theirs/link"
    a_users_folder(link)
    story.node.settings.update(run_dir=str(link / "run"), mode="warn", expected_devices=DEVICES + 1)


def spool_dir_below_a_user(story: Story) -> None:
    link = story.node.root.parent / "theirs/link"
    a_users_folder(link)
    story.node.settings["spool_dir"] = str(link / "spool")


def under_umask(mask: int, step: Step) -> Step:
    """Take a step in a process whose umask is another."""

    def stepped(story: Story) -> None:
        before = os.umask(mask)
        try:
            step(story)
        finally:
            os.umask(before)

    return stepped


def settings_are_there(story: Story) -> None:
    """Let the settings have their mode from before; the installer is not what is tested."""
    story.node.config.write_text("{}")


def nobody_else_writes(story: Story) -> None:
    """Check that all folders and files of the hook's are as they are under a usual umask."""
    run_dir = Path(story.node.settings["run_dir"])
    for folder, modes in (
        (story.node.spool, (0o700, 0o600)),
        (story.node.records / "lab", (0o755, 0o644)),
        (run_dir, (0o755, 0o644)),
    ):
        for path in (folder, *folder.rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) == modes[path.is_file()], path


def of_anybody(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o777)


def again(path: Path) -> None:
    """Let there be a sound folder again."""
    path = Path(os.path.normpath(path))
    if path.is_symlink() or path.exists():
        gone(path)
    path.mkdir(mode=0o755)


def many(path: Path, count: int = OLD_FILES) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (path / f"gpu-st-p5-{number}.r0.json.old").write_bytes(b"{}")


def many_old_jobs(path: Path) -> None:
    for number in range(1000, 1000 + OLD_FILES // 10):
        (path / "lab" / str(number)).mkdir(parents=True)


def many_waiting(story: Story) -> None:
    """Let records of earlier jobs wait, the way a records folder that was away for weeks leaves them."""
    template = json.loads(next((story.node.spool / "outbox").glob("*.json")).read_text())
    for number in range(1000, 1000 + OLD_FILES // 10):
        path = story.node.spool / "outbox" / f"{story.node.name}.{number}.r0.json"
        path.write_text(json.dumps({**template, "job_id": number}))
        os.utime(path, (number, number))


def own_is_published(story: Story) -> None:
    """Check that behind many that wait, the job that ended just now has had its turn."""
    jobs = {found["job_id"] for found in story.published()}
    assert 8 in jobs
    # The deadline may come between a record's publication and its end in the spool: the next run then ends it.
    assert len(jobs | {found["job_id"] for found in story.waiting()}) == OLD_FILES // 10 + 2, "none is lost"


def in_the_outbox(name: str, content: bytes) -> Step:
    return lambda story: (story.node.spool / "outbox" / name).write_bytes(content) and None


def fifo_in(story: Story) -> Path:
    return story.node.spool / "outbox/gpu-st-p5-1.1.r0.json"


def fifo_waits(story: Story) -> None:
    os.mkfifo(fifo_in(story))


def elsewhere_is_empty(story: Story) -> None:
    """Check that root wrote nothing through the link."""
    folders = list(story.node.root.parent.glob("elsewhere-*"))
    assert folders
    assert [path for folder in folders for path in folder.rglob("*")] == []


def nothing_half(story: Story) -> None:
    """Check that the folders hold no unfinished files."""
    left = [path for folder in (story.node.spool, story.node.records) for path in folder.rglob(".*")]
    assert left == []


def then_healed(*breaking: Step, heal: Step) -> tuple[Step, ...]:
    """Return the steps of a job whose epilog finds something broken that is mended before the next flush."""
    return (prolog, traffic, *breaking, epilog, heal, flush)


KEPT = (*whole(), waits(), published(7), nothing_half)
UNKEPT = (record(baseline="missing", devices_found=DEVICES), published(7))

CASES = [
    # The spool.
    Case("the spool's folder and the one above it are missing", work(), whole(), {"spool_dir": "deep/er/spool"}),
    Case("the spool vanishes in the job", work(None, spool(removed)), UNKEPT),
    Case("the spool's baselines vanish in the job", work(None, spool(removed, "active")), UNKEPT),
    Case("the spool's outbox vanishes in the job", work(None, spool(removed, "outbox")), KEPT),
    Case("the spool is a file", work(spool(a_file)), (*UNKEPT, finding("spool-unusable"))),
    Case(
        "the spool becomes a link in the job",
        work(None, spool(a_link_elsewhere)),
        (*UNKEPT, elsewhere_is_empty, said("symbolic link")),
    ),
    Case(
        "the spool is a link before the job",
        work(spool(a_link_elsewhere)),
        (*UNKEPT, elsewhere_is_empty, said("symbolic link")),
    ),
    Case(
        "the spool's baselines become a link",
        work(None, spool(a_link_elsewhere, "active")),
        (*UNKEPT, elsewhere_is_empty, said("symbolic link")),
    ),
    Case(
        "the spool's outbox becomes a link",
        work(None, spool(a_link_elsewhere, "outbox")),
        (*UNKEPT, elsewhere_is_empty, said("symbolic link")),
    ),
    Case("the spool may be written by anybody", work(spool(of_anybody)), (*UNKEPT, said("may be written by others"))),
    Case(
        "the spool's outbox may be written by anybody",
        work(None, spool(of_anybody, "outbox")),
        (*UNKEPT, said("may be written by others")),
    ),
    *(
        Case(
            f"the baseline {what}",
            work(None, lambda story, change=change: change(next((story.node.spool / "active").glob("*.json")))),
            UNKEPT,
        )
        for what, change in {
            "is cut off": lambda path: path.write_bytes(path.read_bytes()[:200]),
            "is empty": lambda path: path.write_bytes(b""),
            "is garbage": lambda path: path.write_bytes(bytes(range(256))),
            "is a list": lambda path: path.write_text("[]"),
            "is nested too deep": lambda path: path.write_text("[" * 100_000),
            "is gone": gone,
            "is a folder": lambda path: (gone(path), path.mkdir()),
            "is a link": lambda path: (
                path.rename(path.with_suffix(".x")).with_suffix(".json").symlink_to(path.with_suffix(".x"))
            ),
            "is a FIFO": hanging,
        }.items()
    ),
    *(
        Case(
            f"what waits {what}",
            (prolog, traffic, in_the_outbox("gpu-st-p5-1.1.r0.json", content), epilog),
            (record(baseline="ok"), published(7), said("not published|record published")),
        )
        for what, content in {
            "is cut off": b'{"schema_version": 1, "job_id": 1',
            "is empty": b"",
            "is garbage": bytes(range(256)),
            "is a list": b"[]",
            "is nested too deep": b"[" * 100_000,
            "lacks all fields": b"{}",
        }.items()
    ),
    Case(
        "a FIFO waits",
        (prolog, traffic, fifo_waits, epilog, lambda story: fifo_in(story).unlink()),
        (record(baseline="ok"), published(7)),
        QUICK,
    ),
    Case(
        f"{OLD_FILES // 10} records wait",
        (
            *(prolog, traffic, records(removed), epilog, many_waiting),
            *(records(again), hook("prolog", 8), traffic, hook("epilog", 8)),
        ),
        (own_is_published, efa_bytes(DEVICES * EFA_BYTES, 8)),
        {"deadline_seconds": 1},
    ),
    Case(
        f"{OLD_FILES // 10} baselines of other nodes",
        (prolog, traffic, spool(lambda path: many(path, OLD_FILES // 10), "active"), epilog),
        (record(baseline="ok"), efa_bytes(DEVICES * EFA_BYTES)),
    ),
    *(
        Case(
            f"the umask is {mask:03o}",
            (settings_are_there, *(under_umask(mask, step) for step in (prolog, traffic, epilog, hook("prolog", 8)))),
            (record(baseline="ok"), published(7), nobody_else_writes),
            {"mode": "warn", "expected_devices": DEVICES + 1},
        )
        for mask in (0o000, 0o077)
    ),
    Case("the spool is below a user's link", (spool_dir_below_a_user, *work()), (*UNKEPT, elsewhere_is_empty)),
    Case("the run folder is below a user's link", (run_dir_below_a_user, *work()), (*KEPT, elsewhere_is_empty)),
    # The records folder.
    Case("the records folder is missing", then_healed(records(removed), heal=records(again)), KEPT),
    Case(
        "the records folder is missing from before the job on",
        (records(removed), *then_healed(heal=records(again))),
        KEPT,
    ),
    Case(
        "the records folder comes back with the next job's epilog",
        (prolog, traffic, records(removed), epilog, records(again), hook("prolog", 8), hook("epilog", 8)),
        (published(7, 8), waits(), efa_bytes(DEVICES * EFA_BYTES)),
    ),
    Case("the records folder is a file", then_healed(records(a_file), heal=records(again)), KEPT),
    Case(
        "the records folder is a link",
        then_healed(records(a_link_elsewhere), heal=records(again)),
        (*KEPT, elsewhere_is_empty),
    ),
    Case(
        "the records folder may be written by anybody",
        then_healed(records(of_anybody), heal=records(lambda path: path.chmod(0o755))),
        KEPT,
    ),
    Case("the cluster's folder is a file", then_healed(records(a_file, "lab"), heal=records(removed, "lab")), KEPT),
    Case("the cluster's folder is a link of root's", work(None, records(a_link_elsewhere, "lab")), whole()),
    Case("the job's folder is a file", then_healed(records(a_file, "lab/7"), heal=records(removed, "lab/7")), KEPT),
    Case(
        "the job's folder is a link",
        then_healed(records(a_link_elsewhere, "lab/7"), heal=records(gone, "lab/7")),
        (*KEPT, elsewhere_is_empty),
    ),
    Case(
        "the job's folder may be written by anybody",
        then_healed(records(of_anybody, "lab/7"), heal=records(removed, "lab/7")),
        KEPT,
    ),
    Case(
        "the record's place is taken by a folder",
        then_healed(records(a_folder, "lab/7/gpu-st-p5-1.r0.json"), heal=records(removed, "lab/7/gpu-st-p5-1.r0.json")),
        KEPT,
    ),
    Case(
        "no records folder is set",
        (prolog, traffic, epilog),
        (published(), waits(7), said("no records_dir is set")),
        {"records_dir": None},
    ),
    Case(f"the cluster's folder has {OLD_FILES // 10} old jobs", work(records(many_old_jobs)), whole()),
    Case(
        f"the job's folder has {OLD_FILES} old files",
        work(None, lambda story: many(story.node.records / "lab/7")),
        whole(),
    ),
    Case(
        "the spool and the records folder are both away",
        (spool(a_file), prolog, traffic, records(removed), epilog),
        (said("kept|spool"),),
    ),
]
