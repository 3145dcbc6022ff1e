"""The task prolog, as built and as Slurm runs it: what it prints, Slurm obeys. The node is a folder tree."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from efakit.catalog.unasked import ALWAYS, ENFORCE, NEVER, UNASKED, unasked
from efakit.catalog.variables import rows
from efakit.hook.exports import chosen, load_exports
from efakit.hook.task_prolog import locked_memory_findings, wants_task_prolog
from tests.hook.hookrun import Node
from tests.lab import efa_software, efa_tree

pytestmark = pytest.mark.thorough

# Plugins before 1.16.0 do not set these by themselves.
TUNED = ["export NCCL_BUFFSIZE=8388608", "export NCCL_P2P_NET_CHUNKSIZE=524288"]
OLD = {"installer": "1.41.0", "libfabric": "2.1.0amzn2.0", "plugin": "1.14.2"}
NO_LIMIT = {"SLURM_RLIMIT_MEMLOCK": "18446744073709551615"}


@pytest.fixture
def node(tmp_path) -> Node:
    """A node of an older release, whose plugin needs variables."""
    node = Node(tmp_path, run_dir=str(tmp_path / "run"))
    efa_tree.write_node(node.root, "p5.48xlarge")
    efa_software.write_software(node.root, **OLD)
    efa_software.write_limits(node.root)
    return node


def lines(node: Node, **variables: str) -> list[str]:
    return node.run("task-prolog", **variables).splitlines()


def leave(node: Node, name: str = "job-7.json", **content: object) -> Path:
    """Leave a file in the run folder, as the prolog does."""
    path = Path(node.settings["run_dir"]) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"schema_version": 1, "job_id": 7, **content}))
    return path


def test_a_script_that_nobody_has_seen_gets_what_the_installed_plugin_needs(node):
    assert lines(node) == TUNED


def test_what_the_user_has_set_stays_also_where_it_is_set_to_nothing(node):
    assert lines(node, NCCL_BUFFSIZE="1048576") == TUNED[1:]
    assert lines(node, NCCL_BUFFSIZE="", NCCL_P2P_NET_CHUNKSIZE="") == []


def test_a_newer_plugin_sets_its_own_variables_and_gets_none(node):
    efa_software.write_software(node.root)
    assert lines(node) == []


def test_a_library_that_is_not_there_needs_nothing(node):
    """Whatever the list of packages says."""
    for library in (node.root / efa_software.PLUGIN_FOLDER).iterdir():
        library.unlink()
    assert lines(node) == []


def test_a_plugin_built_from_source_counts_by_the_release_that_it_names(node):
    for library in (node.root / efa_software.PLUGIN_FOLDER).iterdir():
        library.unlink()
    efa_software.write_software(node.root, installer="1.34.0", plugin=None)
    efa_software.write_plugin(node.root / "opt/aws-ofi-nccl/lib/libnccl-net.so", "1.13.2-aws")
    assert lines(node) == TUNED


@pytest.mark.parametrize("kind", ["no devices", "foreign devices", "unknown type"])
def test_a_node_without_efa_or_of_an_unknown_kind_gives_nothing(tmp_path, node, kind):
    devices = [] if kind == "no devices" else [efa_tree.Device("ibp115s0f0", driver="mlx5_core")]
    if kind == "unknown type":
        devices = efa_tree.generic_devices(1)
    efa_tree.write_node(node.root, "hpc7a.96xlarge" if kind == "unknown type" else "p5.48xlarge", devices)
    assert lines(node) == []


@pytest.mark.parametrize("value", ["off", "OFF", "0", "no", "false"])
def test_the_user_s_variable_turns_it_off(node, value):
    leave(node, findings=[{"rule": "r", "severity": "error", "message": "m"}], task_prolog=True)
    node.settings["mode"] = "warn"
    assert lines(node, EFAKIT_TASK_PROLOG=value) == []
    assert TUNED[0] in lines(node, EFAKIT_TASK_PROLOG="on")


def test_the_job_s_comment_turns_it_off_through_what_the_prolog_leaves(node):
    leave(node, findings=[], task_prolog=False)
    assert lines(node) == []
    assert node.run("task-prolog", 8).splitlines() == TUNED


def test_the_prolog_leaves_what_the_comment_says(node):
    node.run("prolog", SLURM_JOB_COMMENT="resnet run, efakit=off please")
    assert lines(node) == []
    node.run("prolog", 8, SLURM_JOB_COMMENT="efakit is fine")
    assert node.run("task-prolog", 8).splitlines() == TUNED


@pytest.mark.parametrize("name", ["SLURM_HET_JOB_ID", "SLURM_PACK_JOB_ID"])
def test_a_component_of_a_heterogeneous_job_is_known_to_its_tasks_by_the_whole_job_s_id(node, name):
    """Slurm tells a component's own id to its prolog, the whole job's to its tasks."""
    node.run("prolog", 8, **{name: "7"}, SLURM_JOB_COMMENT="efakit=off")
    assert lines(node, **{name: "7"}) == []
    node.run("epilog", 8, **{name: "7"})
    assert list(Path(node.settings["run_dir"]).glob("job-*")) == []


@pytest.mark.parametrize(
    ("comment", "wanted"), [(None, True), ("", True), ("run 7", True), ("a efakit=off", False), ("EFAKIT=OFF", False)]
)
def test_a_comment_that_says_efakit_off_is_obeyed(comment, wanted):
    assert wants_task_prolog(comment) is wanted


def test_the_operator_s_setting_turns_it_off(node):
    node.settings["task_prolog"] = False
    assert lines(node) == []


def test_a_fallback_is_made_to_fail_only_where_efa_is_enforced_and_the_job_has_several_nodes(node):
    assert lines(node, SLURM_JOB_NUM_NODES="2") == TUNED
    node.settings["mode"] = "warn"
    assert lines(node, SLURM_JOB_NUM_NODES="2", **NO_LIMIT)[:2] == TUNED
    node.settings["mode"] = "enforce"
    assert "export NCCL_NET=Libfabric" in lines(node, SLURM_JOB_NUM_NODES="2")
    assert "export NCCL_NET=Libfabric" not in lines(node, SLURM_JOB_NUM_NODES="1")
    assert "export NCCL_NET=Libfabric" not in lines(node)
    assert "export NCCL_NET=Libfabric" not in lines(node, SLURM_JOB_NUM_NODES="2", NCCL_NET="Socket")


def test_a_provider_is_never_chosen_for_an_unknown_program(node):
    """Plugin 1.5 wants FI_PROVIDER=efa, and so would make a program that runs over shared memory fail."""
    efa_software.write_software(node.root, plugin="1.5.0")
    node.settings["mode"] = "enforce"
    said = node.run("task-prolog", SLURM_JOB_NUM_NODES="2")
    assert "export NCCL_NET=AWS Libfabric\n" in said
    assert "export FI_EFA_USE_DEVICE_RDMA=1\n" in said
    assert "FI_PROVIDER" not in said


def test_each_row_for_nccl_is_judged_for_scripts_that_nobody_has_seen():
    judged = {row.name for row in UNASKED}
    assert {row.name for row in rows() if row.effect == "needed" and row.workload == "nccl"} <= judged
    assert {row.when for row in UNASKED} == {ALWAYS, ENFORCE, NEVER}
    assert unasked("OMPI_MCA_pml") == NEVER


class TestWhatTheHealthCheckLeaves:
    def test_it_is_used(self, node):
        node.run("health-check")
        exports = load_exports(node.settings["run_dir"])
        assert exports is not None
        assert {item["name"] for item in exports} == {"NCCL_NET", "NCCL_BUFFSIZE", "NCCL_P2P_NET_CHUNKSIZE"}
        assert lines(node) == TUNED

    def test_a_user_may_read_it_and_not_write_it(self, node):
        node.run("health-check")
        folder = Path(node.settings["run_dir"])
        assert (folder.stat().st_mode & 0o777, (folder / "exports.json").stat().st_mode & 0o777) == (0o755, 0o644)

    def test_other_software_by_now_counts(self, node):
        node.run("health-check")
        efa_software.write_software(node.root)
        assert lines(node) == []

    def test_nothing_that_others_may_write_is_believed(self, node):
        path = leave(node, "exports.json", seen={}, exports=[{"name": "EVIL", "value": "1", "when": "always"}])
        assert lines(node) == ["export EVIL=1"]  # so it is read
        path.chmod(0o666)
        assert lines(node) == TUNED
        path.chmod(0o644)
        path.parent.chmod(0o777)
        assert lines(node) == TUNED

    def test_a_link_is_not_followed(self, node, tmp_path):
        path = leave(node, "exports.json", seen={}, exports=[{"name": "EVIL", "value": "1", "when": "always"}])
        path.rename(tmp_path / "elsewhere.json")
        path.symlink_to(tmp_path / "elsewhere.json")
        assert lines(node) == TUNED

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that another owns")
    def test_another_user_s_file_is_not_believed(self, node):
        path = leave(node, "exports.json", seen={}, exports=[{"name": "EVIL", "value": "1", "when": "always"}])
        os.chown(path, 12345, 12345)
        assert lines(node) == TUNED

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '{"schema_version": 1}', '{"schema_version": 2, "seen": {}, "exports": []}', "[" * 100_000]
        + [json.dumps({"schema_version": 1, "seen": {}, "exports": [item]}) for item in (1, {}, {"name": 1})],
    )
    def test_garbage_is_as_good_as_nothing(self, node, text):
        path = leave(node, "exports.json")
        path.write_text(text)
        assert lines(node) == TUNED


class TestTelling:
    FINDINGS = (
        {"rule": "devices-missing", "severity": "error", "message": "31 of 32 EFA devices found"},
        {"rule": "huge-pages-few", "severity": "info", "message": "few"},
    )

    @pytest.fixture
    def warned(self, node) -> Node:
        node.settings["mode"] = "warn"
        leave(node, findings=list(self.FINDINGS), task_prolog=True)
        return node

    def told(self, node: Node, **variables: str) -> list[str]:
        """What is told but of locked memory, of which the machine that tests may have too little."""
        said = [line for line in lines(node, **NO_LIMIT, **variables) if line.startswith("print")]
        return [line for line in said if "may lock" not in line]

    def test_the_node_s_findings_are_told_in_the_job_s_output(self, warned):
        expected = ["print efakit: error on gpu-st-p5-1: 31 of 32 EFA devices found"]
        assert self.told(warned, SLURM_LOCALID="0", SLURM_STEP_ID="0") == expected

    def test_mode_observe_tells_nothing(self, warned):
        warned.settings["mode"] = "observe"
        assert self.told(warned) == []

    @pytest.mark.parametrize("place", [{"SLURM_LOCALID": "1"}, {"SLURM_STEP_ID": "1"}])
    def test_only_the_first_task_of_the_first_step_tells_and_all_get_the_environment(self, warned, place):
        assert lines(warned, **NO_LIMIT, **place) == TUNED

    def test_a_script_s_first_step_does_not_say_again_what_the_script_has_said(self, warned):
        said = lines(warned, **NO_LIMIT, SLURM_LOCALID="0")
        assert said[-1] == "export EFAKIT_TOLD_ON=gpu-st-p5-1"
        assert self.told(warned, SLURM_STEP_ID="0", EFAKIT_TOLD_ON="gpu-st-p5-1") == []
        assert len(self.told(warned, SLURM_STEP_ID="0", EFAKIT_TOLD_ON="gpu-st-p5-2")) == 1

    def test_what_is_told_stays_one_line_of_printable_text(self, warned):
        message = "a\nexport LD_PRELOAD=/tmp/evil.so\r\x1b[31m\u2028é\\" + "x" * 5000
        leave(warned, findings=[{"rule": "r", "severity": "error", "message": message}], task_prolog=True)
        (line,) = self.told(warned)
        assert line.startswith(
            "print efakit: error on gpu-st-p5-1: a\\nexport LD_PRELOAD=/tmp/evil.so\\r\\x1b[31m\\u2028"
        )
        assert len(line) < 400
        assert not any(line.startswith("export LD_PRELOAD") for line in lines(warned))

    def test_many_findings_are_cut_short(self, warned):
        many = [{"rule": "r", "severity": "warning", "message": f"finding {number}"} for number in range(20)]
        leave(warned, findings=many, task_prolog=True)
        said = lines(warned, **NO_LIMIT)
        told = [line for line in said if line.startswith("print")]
        assert len(told) == 9
        assert told[0].endswith("finding 0")
        assert told[-1].endswith("more: see 'efakit report'")

    def test_another_job_s_file_is_not_taken(self, warned):
        leave(warned, findings=list(self.FINDINGS), task_prolog=True, job_id=8)
        assert self.told(warned) == []

    @pytest.mark.parametrize("findings", [None, 1, "text", [1, None], [{}], {"a": 1}])
    def test_findings_that_are_none_are_not_told(self, warned, findings):
        leave(warned, findings=findings, task_prolog=True)
        assert self.told(warned) == []

    def test_the_task_s_own_limit_is_told(self, warned):
        said = [line for line in lines(warned, SLURM_RLIMIT_MEMLOCK="65536") if "64 KiB" in line]
        assert len(said) == 1
        assert "the submitting shell's" in said[0]


class TestLockedMemory:
    """Slurm sets the submitting shell's limits only after the task prolog."""

    @pytest.fixture
    def limit(self, monkeypatch):
        import resource

        def own(soft: int, hard: int) -> None:
            monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))

        return own

    def messages(self, **environment: str) -> list[str]:
        return [item.message for item in locked_memory_findings(environment)]

    def test_no_limit_is_fine(self, limit):
        limit(-1, -1)
        assert self.messages() == []
        assert self.messages(**NO_LIMIT) == []
        assert self.messages(SLURM_RLIMIT_MEMLOCK=str(16 << 30)) == []

    @pytest.mark.parametrize("text", ["65536", "U65536"])
    def test_the_shell_s_low_limit_will_be_set(self, limit, text):
        limit(-1, -1)
        (message,) = self.messages(SLURM_RLIMIT_MEMLOCK=text)
        assert "64 KiB" in message
        assert "PropagateResourceLimitsExcept=MEMLOCK" in message

    def test_slurmd_s_low_limit_holds(self, limit):
        limit(8 << 20, 8 << 20)
        (message,) = self.messages(**NO_LIMIT)  # cannot be raised above the hard one
        assert "8192 KiB" in message
        assert "LimitMEMLOCK=infinity" in message

    @pytest.mark.parametrize("text", ["", "U", "-1", "lots", "9" * 4000, "1\nexport X=1"])
    def test_a_value_that_is_no_number_is_not_believed(self, limit, text):
        limit(-1, -1)
        assert self.messages(SLURM_RLIMIT_MEMLOCK=text) == []


class TestNothingIsWrong:
    """Whatever is missing or broken: no line that is not meant, and status 0 (``Node.run`` asserts it)."""

    def test_without_a_job(self, node):
        assert node.run("task-prolog", None).splitlines() == TUNED

    @pytest.mark.parametrize("job_id", ["", "abc", "-1", "../../etc/passwd", "9" * 4000, "7\nprint x"])
    def test_with_a_job_id_that_is_none(self, node, job_id):
        assert lines(node, SLURM_JOB_ID=job_id) == TUNED

    def test_without_anything_below_root(self, tmp_path):
        node = Node(tmp_path, root=str(tmp_path / "nowhere"), run_dir=str(tmp_path / "no-run"), mode="warn")
        assert lines(node) == []

    def test_with_broken_settings(self, node):
        node.settings = {"root": 7, "run_dir": "relative", "mode": "unheard of"}
        assert all(line.startswith(("export ", "print ")) for line in lines(node))

    @pytest.mark.parametrize("what", ["sys/class/dmi/id/product_name", "run/exports.json", "run/job-7.json"])
    def test_a_read_that_never_returns_does_not_hold_up_the_task(self, node, what):
        node.settings["deadline_seconds"] = 1
        path = Path(node.settings["run_dir"]) / Path(what).name if what.startswith("run") else node.root / what
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o644)
        assert lines(node) in ([], TUNED)

    def test_it_writes_nothing(self, node, tmp_path):
        before = sorted(tmp_path.rglob("*"))
        lines(node)
        assert sorted(path for path in tmp_path.rglob("*") if path != node.config) == [
            p for p in before if p != node.config
        ]

    def test_a_value_that_slurm_could_not_take_as_one_line_is_left_out(self):
        exports = [
            {"name": name, "value": value, "when": "always"}
            for name, value in (
                ("A", "x\nexport B=1"),
                ("", "x"),
                ("A B", "x"),
                ("A\nB", "x"),
                ("É", "x"),
                ("OK", "a b"),
            )
        ]
        assert chosen(exports, {}, enforced=False, nodes=1) == [("OK", "a b")]
