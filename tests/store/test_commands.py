"""``efakit records`` and ``efakit report --since``."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time

import pytest

from efakit.store.keep import find_old
from tests.cli.running import ROOT, run_here
from tests.jobs.making import GB, counters, path_of, version_1, version_2, write

pytestmark = pytest.mark.thorough

pytest.importorskip("duckdb")
pytest.importorskip("pyarrow")

START = 1_790_000_000.0
SINCE = ("report", "--since", "2026-01-01")


def job(job_id, *, user="me", fell_back=False, node="n", hours=1, **changes):
    """Return the records of a job with two nodes."""
    made = []
    for number in (1, 2):
        record = version_2(f"{node}{number}", job_id=job_id, user=user, partition="gpu", **changes)
        record["node_list"] = record["node_list_at_end"] = f"{node}[1-2]"
        moved = 0 if fell_back else GB
        record["devices"][0]["counters"] = counters(moved, moved)
        record["interfaces"][0]["counters"] = counters(GB if fell_back else 1, GB if fell_back else 1)
        record |= {"began_at": START, "ended_at": START + hours * 3600, "record_id": f"{job_id:08x}{number:08x}"}
        made.append(record)
    return made


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, *job(1), *job(2, user="=cmd", fell_back=True), *job(3, user="bob", fell_back=True, node="m"))
    write(tmp_path, *job(4, user="bob", hours=30))
    return tmp_path


def run(folder, *arguments):
    return run_here(*arguments, "--records", folder)


def data(folder, *arguments):
    done = run(folder, *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_both(folder):
    """Give the folder as JSON files, with both, and as a store only."""
    yield "files"
    assert run(folder, "records", "compact").returncode == 0
    yield "both"
    assert run(folder, "records", "compact", "--grace", "0").returncode == 0
    assert list(folder.glob("lab/*/*.json")) == []
    yield "store"


def test_the_summary_says_what_fell_back_and_who_never_uses_efa_from_files_and_store_alike(folder):
    seen = []
    for _ in in_both(folder):
        found = data(folder, *SINCE)
        found.pop("until")
        seen.append(found)
        text = run(folder, *SINCE).stdout
        assert "8" not in text.split("\n")[0].split(" runs")[0]
        assert "tcp-fallback" in text
        assert "Users whose jobs use TCP and, as far as is known, never EFA" in text
    assert seen[0] == seen[1] == seen[2]
    found = seen[0]
    assert [(row["verdict"], row["runs"], row["nodes"]) for row in found["verdicts"]] == [
        ("efa", 2, 4),
        ("tcp-fallback", 2, 4),
    ]
    assert [row["job_id"] for row in found["fell_back"]] == [2, 3]
    assert [row["user_name"] for row in found["users_without_efa"]] == ["=cmd"]


@pytest.mark.parametrize(
    ("options", "jobs"),
    [
        (("--user", "bob"), [3, 4]),
        (("--node", "m1"), [3]),
        (("--partition", "gpu", "--verdict", "efa"), [1, 4]),
        (("--partition", "none"), []),
        (("--cluster", "lab"), [1, 2, 3, 4]),
        (("--since", "2026-09-22T12:00"), [4]),
        (("--until", "2026-09-22"), [1, 2, 3]),
        (("--user", "x' OR 1=1 --"), []),
    ],
)
def test_filters_choose_the_runs(folder, options, jobs):
    run(folder, "records", "compact")
    assert sorted(row["job_id"] for row in data(folder, *SINCE, "--by", "job", *options)["rows"]) == jobs


def test_by_user_day_node_and_device(folder):
    for _ in in_both(folder):
        users = {row["user_name"]: row for row in data(folder, *SINCE, "--by", "user")["rows"]}
        assert (users["bob"]["efa"], users["bob"]["tcp_fallback"], users["bob"]["never_efa"]) == (1, 1, 0)
        days = [(row["day"], row["runs"]) for row in data(folder, *SINCE, "--by", "day")["rows"]]
        assert days == [("2026-09-22", 1), ("2026-09-21", 3)]
        nodes = {row["node_name"]: row for row in data(folder, *SINCE, "--by", "node")["rows"]}
        assert (nodes["n1"]["runs"], nodes["n1"]["fell_back"], nodes["m1"]["fell_back"]) == (3, 1, 1)
        devices = data(folder, *SINCE, "--by", "device")["rows"]
        assert {(row["node_name"], row["runs"]) for row in devices} == {("n1", 3), ("n2", 3), ("m1", 1), ("m2", 1)}


def test_a_device_that_rests_and_a_node_that_sends_again_more_are_named(tmp_path):
    for number in range(10):
        records = job(number + 1, hours=1 + number)
        for record in records:
            sick = record["node"] == "n2"
            busy = {**counters(GB, GB), "tx_pkts": 10**6, "retrans_pkts": 10 * 4**number if sick and number > 4 else 1}
            idle = {**counters(0, 0), "tx_pkts": 0, "retrans_pkts": 0} if sick else busy
            device = record["devices"][0]
            record["devices"] = [{**device, "counters": busy}, {**device, "name": "rdmap80s0", "counters": idle}]
        write(tmp_path, *records)
    for _ in in_both(tmp_path):
        found = data(tmp_path, "report", "--since", "2026-09-21T13:00", "--until", "2026-09-22T02:00")
        assert [row["node_name"] for row in found["retransmitting_nodes"]] == ["n2"]
        assert [row["node_name"] for row in found["resting_devices"]] == ["n2"]
        rows = data(tmp_path, *SINCE, "--by", "device")["rows"]
        idle = [
            (row["node_name"], row["device_name"], row["idle_beside_busy"]) for row in rows if row["idle_beside_busy"]
        ]
        assert idle == [("n2", "rdmap80s0", 10)]


@pytest.mark.parametrize("by", [None, "verdict", "job", "node", "user", "day", "device"])
def test_a_report_of_all_jobs_is_a_page_too(folder, by):
    done = run(folder, *SINCE, "--format", "html", *(("--by", by) if by else ()))
    assert done.returncode == 0, done.stderr
    assert "2 of 4 runs whose nodes exchanged data used EFA; 2 fell back to TCP." in done.stdout
    assert 'class="v-tcp-fallback" d="' in done.stdout
    assert ('id="h-table"' in done.stdout) == (by not in (None, "verdict"))
    assert "<script" not in done.stdout


def test_a_page_of_all_jobs_says_that_it_does_not_have_all_rows(folder, tmp_path):
    file = tmp_path / "fleet.html"
    done = run(folder, *SINCE, "--by", "job", "--format", "html", "--top", "3", "--output", file, "--fail-on", "efa")
    assert (done.returncode, done.stdout) == (1, f"wrote {file}\n")
    assert "The first 3 rows, the most remarkable first: --top N shows more" in file.read_text()


def test_no_cell_of_csv_is_a_formula(folder):
    done = run(folder, *SINCE, "--by", "user", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert "'=cmd" in [row["user_name"] for row in rows]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]


def test_hostile_names_do_nothing_to_a_terminal(tmp_path):
    write(tmp_path, *job(1, user="\x1b[2J[red]x\n", fell_back=True))
    for _ in in_both(tmp_path):
        for options in ((), ("--by", "user"), ("--by", "job", "--format", "csv")):
            done = run(tmp_path, *SINCE, *options)
            assert done.returncode == 0
            assert "\x1b" not in done.stdout
            assert "[red]x" in done.stdout


def test_a_verdict_can_fail_the_command(folder):
    assert run(folder, *SINCE, "--fail-on", "tcp-fallback").returncode == 1
    assert run(folder, *SINCE, "--fail-on", "mixed").returncode == 0


def test_damaged_files_are_counted_and_named(folder):
    path_of(folder, version_2("n9", job_id=9)).parent.mkdir()
    path_of(folder, version_2("n9", job_id=9)).write_text("{")
    for _ in ("files", "both"):
        found = data(folder, *SINCE)
        assert found["damaged_files"] == 1
        assert "lab/9/n9" in found["faults"][0]
        assert "1 files are unusable" in run(folder, *SINCE).stdout
        done = data(folder, "records", "compact", "--grace", "0")
        assert done["damaged"] == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("report",), "which job?"),
        (("report", "7", "--since", "7d"), "leave out the JOBID"),
        (("report", "7", "--by", "user"), "--since"),
        (("report", "7", "--format", "csv"), "--since"),
        (("report", "--since", "yesterday"), "--since: 'yesterday'"),
        (("report", "--since", "7d", "--until", "8d"), "is not before"),
        (("report", "--since", "7d", "--verdict", "fine"), "'fine' is not a verdict"),
        (("report", "--since", "7d", "--run", "r0"), "--run"),
        (("report", "--since", "7d", "--devices"), "--devices"),
        (("report", "--since", "7d", "--fail-on", "error"), "'error' is not a verdict"),
        (("report", "--since", "7d", "--top", "0"), "--top"),
        (("records", "compact", "--grace", "soon"), "--grace: 'soon'"),
        (("records", "prune", "--older-than", "1y"), "--older-than: '1y'"),
        (("records", "import", "/none"), "no such folder"),
    ],
)
def test_wrong_input_is_refused(tmp_path, arguments, word):
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [SINCE, ("records", "compact"), ("records", "verify"), ("records", "path")])
def test_a_folder_that_is_not_there_is_refused(tmp_path, command):
    done = run_here(*command, "--records", tmp_path / "none")
    assert done.returncode == 2
    assert "no such folder" in done.stderr


def test_an_empty_folder_has_no_runs(tmp_path):
    assert data(tmp_path, *SINCE)["verdicts"] == []
    assert data(tmp_path, *SINCE, "--by", "device")["rows"] == []


def test_verify_says_what_is_broken(folder):
    assert run(folder, "records", "compact").returncode == 0
    assert data(folder, "records", "verify")["records"] == 8
    (broken,) = folder.glob("@store/lab/2026-09-21/*/records.parquet")
    broken.write_bytes(broken.read_bytes()[:-40])
    done = run(folder, "records", "verify")
    assert done.returncode == 1
    assert f"  {broken.parent}: records.parquet cannot be read: " in done.stdout
    assert "efakit records verify" not in done.stdout, "this is it"
    for path in folder.glob("lab/*/*1.json"):
        path.unlink()
    write(folder, *job(6))
    for command in ((*SINCE, "--by", "device"), ("report", "1"), ("records", "compact")):
        done = run(folder, *command)
        assert done.returncode == 2, done.stdout
        assert "efakit records verify" in done.stderr


def test_prune_shows_first_and_removes_whole_days(folder):
    for _ in in_both(folder):
        pass
    shown = data(folder, "records", "prune", "--older-than", "1d")
    assert (shown["removed"], shown["records"]) == (False, 8)
    assert len(data(folder, *SINCE, "--by", "job")["rows"]) == 4
    assert data(folder, "records", "prune", "--older-than", "1d", "--yes")["removed"] is True
    assert data(folder, *SINCE, "--by", "job")["rows"] == []
    assert data(folder, "records", "prune", "--older-than", "1d")["records"] == 0


def test_prune_leaves_no_part_of_a_run_and_no_part_of_a_day(tmp_path):
    moments = {1: (30.2, 30.1), 2: (30.1, 28.9), 3: (29.1, 29.9)}  # days ago, of each node's file
    noon = int(time.time()) // 86_400 * 86_400 + 43_200
    for job_id, ago in moments.items():
        for record, days in zip(job(job_id), ago, strict=True):
            written_at = noon - days * 86_400
            os.utime(write(tmp_path, record), (written_at, written_at))
    old = find_old(tmp_path, noon - 29 * 86_400)
    assert sorted(path.parent.name for path in old.files) == ["1", "1"]


def test_import_takes_what_is_not_there(folder, tmp_path_factory):
    source = tmp_path_factory.mktemp("backup")
    write(source, *job(1), *job(8), version_1("n1", job_id=9), version_1("n2", job_id=9))
    (source / "bad.json").write_text("{")
    for _ in in_both(folder):
        dry = data(folder, "records", "import", source, "--dry-run")
        assert (dry["records"], dry["there_already"], dry["damaged"]) == (4, 2, 1)
    done = data(folder, "records", "import", source)
    assert (done["records"], done["there_already"]) == (4, 2)
    again = data(folder, "records", "import", source)
    assert (again["records"], again["there_already"]) == (0, 6)
    assert {row["job_id"] for row in data(folder, *SINCE[:2], "1970-01-01", "--by", "job")["rows"]} == {
        1,
        2,
        3,
        4,
        8,
        9,
    }


def test_path_lists_the_newest_files(folder):
    assert run(folder, "records", "path").stdout.strip() == str(folder)
    run(folder, "records", "compact")
    write(folder, *job(5))
    run(folder, "records", "compact")
    files = data(folder, "records", "path", "--table", "runs")["files"]
    assert [file.split("/")[-2:] for file in files] == [["00000002", "runs.parquet"], ["00000001", "runs.parquet"]]


def test_the_timer_names_the_program_and_the_folder(folder, tmp_path_factory):
    units = tmp_path_factory.mktemp("units")
    assert run(folder, "records", "timer", "--output", units).returncode == 0
    service = (units / "efakit-compact.service").read_text()
    assert f'records compact --records "{folder}"' in service
    assert "OnCalendar" in (units / "efakit-compact.timer").read_text()
    assert run_here("records", "timer", "--records", folder, "--output", "/none/x").returncode == 2


def test_the_files_have_the_permissions_that_their_records_have_in_common(folder):
    for path in folder.glob("lab/1/*.json"):
        path.chmod(0o640)
    run(folder, "records", "compact")
    days = {
        path.parent.parent.name: path.stat().st_mode & 0o777 for path in folder.glob("@store/*/*/*/records.parquet")
    }
    assert days == {"2026-09-21": 0o640, "2026-09-22": 0o644}


def test_a_job_folder_that_has_been_empty_for_a_day_goes_and_a_young_one_stays(folder):
    for _ in in_both(folder):
        pass
    os.utime(folder / "lab/1", (1, 1))
    run(folder, "records", "compact")
    assert sorted(path.name for path in (folder / "lab").iterdir()) == ["2", "3", "4"]


IMPORTS = """
import sys
from efakit.cli.main import main
sys.argv = ["efakit", "report", "1", "--records", sys.argv[1]]
try:
    main()
except SystemExit as ended:
    code = ended.code
heavy = [name for name in ("duckdb", "pyarrow", "msgspec") if name in sys.modules]
print(code, heavy, file=sys.stderr)
"""


@pytest.mark.parametrize("compacted", [False, True])
def test_a_job_whose_files_are_there_is_reported_without_the_extra(folder, compacted):
    if compacted:
        assert run(folder, "records", "compact").returncode == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SLURM_CONF": ""}
    command = [sys.executable, "-c", IMPORTS, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "0 []"


def test_a_job_whose_files_are_gone_is_reported_from_the_store(folder):
    before = run(folder, "report", "2", "--format", "json", "--run", "r0").stdout
    for _ in in_both(folder):
        assert run(folder, "report", "2", "--format", "json", "--run", "r0").stdout == before


NOT_NEEDED = {
    "duckdb",
    "msgspec",
    "pyarrow.compute",  # takes longer than the reading
    "pyarrow.dataset",
    "statistics",
    "tempfile",
    "efakit.diagnose.bench.judge",
    "efakit.slurm.config",
    "efakit.slurm.nodes",
    "efakit.store.compact",
    "efakit.store.listing",
}


def test_the_report_of_one_job_from_the_store_imports_nothing_that_it_does_not_need(folder):
    for _ in range(2):
        assert run(folder, "records", "compact", "--grace", "0").returncode == 0
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    code += f"sys.argv[1:] = {['report', '1', '--records', str(folder)]!r}; from efakit.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "SLURM_CONF": str(folder / "none")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    assert "pyarrow.parquet" in modules
    assert modules & NOT_NEEDED == set()
