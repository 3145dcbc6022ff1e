"""What a job's script does, run with stand-ins for Slurm's commands; and that every script there can be is sound."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from efakit.emit.registry import emit
from efakit.errors import UsageError
from scripts.golden_jobs import EXAMPLES, Case, cases, script
from tests.emit.jobscript import Run, exports, plan_of, script_of

pytestmark = pytest.mark.thorough

TORCHRUN = {"template": "torchrun", "script": "train.py"}
PYXIS = {"runtime": "pyxis", "image": "docker://image", "mounts": ["/a b:/c"]}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_every_script_passes_shellcheck_and_bash(example, tmp_path):
    texts = {script(case) for case in cases() if case.example == example}
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.sbatch").write_text(text)
        assert subprocess.run(["bash", "-n", tmp_path / f"{number}.sbatch"], capture_output=True).stderr == b""
    checked = subprocess.run(["shellcheck", *tmp_path.iterdir()], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_script_with_its_check_in_a_file_passes_shellcheck(tmp_path):
    for file in emit(plan_of({**TORCHRUN, "preflight": "file"}), ("sbatch",)):
        (tmp_path / Path(file.path).name).write_bytes(file.content)
    checked = subprocess.run(["shellcheck", *tmp_path.iterdir()], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("name", ["preflight.sh", "relay.sh"])
def test_the_parts_that_run_elsewhere_pass_shellcheck_too(name):
    path = Path(__file__).resolve().parents[2] / "job-templates" / name
    checked = subprocess.run(["shellcheck", "--shell=bash", path], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_newest_p5_torchrun_script_has_at_most_three_exports_each_with_its_reason():
    lines = script(Case(EXAMPLES[0], "p5.48xlarge", "3.16.3", None)).splitlines()
    found = [number for number, line in enumerate(lines) if line.startswith("export ")]
    assert 1 <= len(found) <= 3
    for number in found:
        assert lines[number - 1].startswith(f"# {lines[number].split()[1].partition('=')[0]}: ")


def test_torchrun_meets_on_the_first_node_on_a_port_of_the_job_s_own(tmp_path):
    words = Run(tmp_path, script_of({**TORCHRUN, "args": ["--lr", "1 e-3"]})).launch()
    assert words == [
        *("srun", "--cpus-per-task=24", "--kill-on-bad-exit=1", "torchrun", "--nnodes=4", "--nproc-per-node=8"),
        *("--rdzv-id=4711.0", "--rdzv-backend=c10d", "--rdzv-endpoint=queue-st-main-1:14711"),
        *("train.py", "--lr", "1 e-3"),
    ]


def test_ports_are_below_the_ephemeral_ones_and_a_requeued_run_has_another(tmp_path):
    text = script_of(TORCHRUN)
    places = set()
    for job, restart in (("4711", ""), ("4711", "1"), ("4712", ""), ("9999", ""), ("1234567", "3")):
        run = Run(tmp_path, text, SLURM_JOB_ID=job, **({"SLURM_RESTART_COUNT": restart} if restart else {}))
        endpoint = next(word for word in run.launch() if word.startswith("--rdzv-endpoint="))
        places.add(int(endpoint.rpartition(":")[2]))
        assert f"--rdzv-id={job}.{restart or 0}" in run.launch()
    assert len(places) == 5
    assert all(10000 <= port < 20000 for port in places)


def test_accelerate_is_told_of_all_nodes(tmp_path):
    words = Run(tmp_path, script_of({"template": "accelerate", "script": "train.py"})).launch()
    assert words[3:] == [
        *("accelerate", "launch", "--num_machines=4", "--num_processes=32", "--machine_rank=0", "--rdzv_backend=c10d"),
        *("--main_process_ip=queue-st-main-1", "--main_process_port=14711", "--multi_gpu", "train.py"),
    ]
    own = {"template": "accelerate", "script": "train.py", "launcher_args": ["--config_file", "fsdp.yaml"]}
    words = Run(tmp_path, script_of(own)).launch()
    assert "--multi_gpu" not in words
    assert words[-3:] == ["--config_file", "fsdp.yaml", "train.py"]


def test_neuron_s_ranks_meet_at_an_address_and_never_at_a_name(tmp_path):
    text = script_of({"template": "neuron", "script": "train.py"}, "trn1.32xlarge")
    show = text.replace("srun --cpus", 'echo "$NEURON_RT_ROOT_COMM_ID"\nsrun --cpus')
    assert Run(tmp_path, show).done.stdout.strip().splitlines()[-1] == "10.0.0.7:24711"


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({"template": "openmpi", "mpi": "mpirun", "modules": []}, "mpirun -n 768 --map-by ppr:192:node -x "),
        ({"template": "openmpi", "modules": []}, "srun --mpi=pmix --cpus-per-task=24 --kill-on-bad-exit=1 solver"),
        ({"template": "intelmpi", "modules": []}, "mpirun -n 768 -ppn 192 solver"),
        ({"template": "command"}, "srun --cpus-per-task=24 --kill-on-bad-exit=1 solver"),
        ({"template": "command", "srun_args": ["--cpu-bind=none"]}, "--kill-on-bad-exit=1 --cpu-bind=none solver"),
    ],
)
def test_mpi_programs_start_as_asked(tmp_path, job, expected):
    run = Run(tmp_path, script_of({**job, "program": "solver"}, "hpc7a.96xlarge"))
    assert expected in " ".join(run.launch())


def test_mpirun_hands_on_each_exported_variable(tmp_path):
    text = script_of({"template": "openmpi", "mpi": "mpirun", "program": "x", "modules": []}, "hpc7a.96xlarge")
    words = Run(tmp_path, text).launch()
    assert [words[at + 1] for at, word in enumerate(words) if word == "-x"] == list(exports(text))


def test_modules_are_loaded_after_the_environment_that_they_look_at(tmp_path):
    run = Run(tmp_path, script_of({"template": "intelmpi", "program": "x"}, "hpc7a.96xlarge"))
    assert ["module", "load", "intelmpi", "libfabric-aws"] in run.calls
    text = script_of({"template": "intelmpi", "program": "x"}, "hpc7a.96xlarge")
    assert text.index("I_MPI_OFI_LIBRARY_INTERNAL=0") < text.index("module load")


def test_pyxis_gets_its_options_and_the_check_of_the_nodes_stays_on_the_host(tmp_path):
    run = Run(tmp_path, script_of({**TORCHRUN, "container": PYXIS}))
    assert run.launch()[3:6] == [
        *("--container-image=docker://image", "--container-mounts=/a b:/c", "--container-env=NCCL_NET"),
    ]
    check = next(words for words in run.calls if "bash" in words)
    assert not [word for word in check if word.startswith("--container")]


def test_apptainer_hands_on_the_job_s_variables_past_the_image_s(tmp_path):
    image = {"runtime": "apptainer", "image": "a b.sif"}
    text = script_of({**TORCHRUN, "env": {"OWN": "a,b c"}, "container": image})
    assert exports(text)["APPTAINERENV_OWN"] == '"$OWN"'
    words = Run(tmp_path, text).launch()
    assert words[3:8] == ["apptainer", "exec", "--nv", "--bind=/dev/infiniband", "a b.sif"]
    assert words[8] == "torchrun"


@pytest.mark.parametrize("code", ["0", "3", "137"])
@pytest.mark.parametrize("job", [TORCHRUN, {**TORCHRUN, "requeue": True, "signal": {}}], ids=["plain", "requeue"])
def test_the_job_s_exit_code_is_the_launch_s(tmp_path, job, code):
    (tmp_path / "job.out").write_text("")
    assert Run(tmp_path, script_of(job), LAUNCH_EXIT=code).done.returncode == int(code)


def test_without_the_check_of_the_nodes_there_is_one_step():
    assert "PREFLIGHT" not in script_of({**TORCHRUN, "preflight": False})
    assert script_of({**TORCHRUN, "preflight": False}).count("\nsrun ") == 1


def test_the_check_of_the_nodes_can_be_a_file_beside_the_scripts(tmp_path):
    """The script finds it where it was submitted from, whatever the present folder is."""
    job = {**TORCHRUN, "preflight": "file"}
    script, check = (file.content.decode() for file in emit(plan_of(job), ("sbatch",)))
    folder = tmp_path / "my scripts"
    folder.mkdir()
    (folder / "preflight.sh").write_text(check)
    # Of an array's last task Slurm tells all tasks.
    run = Run(tmp_path, script, JOB_COMMAND=f"{folder}/job.sbatch\n   Command={folder}/job.sbatch")
    assert run.done.returncode == 0, run.done.stderr
    assert ("bash", "-s", "--", "32") in [tuple(call[-4:]) for call in run.calls]
    assert (tmp_path / "calls.check").read_text() == check
    assert "efa_installed_packages" in check
    assert "efa_installed_packages" not in script


def test_a_job_whose_check_is_not_beside_its_script_ends_and_names_the_file(tmp_path):
    run = Run(tmp_path, script_of({**TORCHRUN, "preflight": "file"}))
    assert run.done.returncode != 0
    assert f"{tmp_path}/preflight.sh" in run.done.stderr
    assert "torchrun" not in [word for call in run.calls for word in call]


@pytest.mark.parametrize("preflight", [True, False])
def test_without_a_job_that_asks_for_the_file_there_is_none(preflight):
    assert len(emit(plan_of({**TORCHRUN, "preflight": preflight}), ("sbatch",))) == 1


def test_a_scripts_lines_of_setup_may_use_variables_that_are_not_set_and_the_rest_may_not(tmp_path):
    own = {**TORCHRUN, "setup": 'MINE="$CONDA_THING"'}
    assert Run(tmp_path, script_of(own)).launch()[3] == "torchrun"
    broken = script_of(own).replace("\nset -u\n", '\nset -u\necho "$NOT_SET"\n')
    assert Run(tmp_path, broken).done.returncode != 0


def test_a_body_s_own_settings_are_not_changed_by_setup_and_modules(tmp_path):
    (tmp_path / "run.sh").write_text('echo "$-" >flags\n')
    job = {"template": "body", "body": "run.sh", "setup": "true", "modules": ["a"], "preflight": False}
    Run(tmp_path, script_of(job, folder=tmp_path))
    assert "u" not in (tmp_path / "flags").read_text()


# --- What NCCL says of itself.

EFA_LOG = """\
n1:10:10 [0] NCCL INFO NET/OFI Selected provider is efa, fabric is efa-direct (found 32 nics)
n1:10:10 [0] NCCL INFO Using network Libfabric
n2:10:10 [0] NCCL INFO NET/OFI Selected provider is efa, fabric is efa-direct (found 32 nics)
n2:10:10 [0] NCCL INFO Using network Libfabric
"""
TCP_LOG = "n1:10:10 [0] NCCL INFO Using network Socket\n"


def with_output(tmp_path: Path, before: str, during: str, instance: str = "p5.48xlarge") -> Run:
    """Run a job whose output file held something before and gets more from the launch."""
    (tmp_path / "job.out").write_text(before)
    (tmp_path / "during").write_text(during)
    launch = script_of(TORCHRUN, instance).replace(
        "\nsrun --cpus", f"\ncat {tmp_path}/during >>{tmp_path}/job.out\nsrun --cpus"
    )
    return Run(tmp_path, launch)


def test_the_end_says_which_network_nccl_took(tmp_path):
    done = with_output(tmp_path, "", EFA_LOG).done
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "2 Selected provider is efa, fabric is efa-direct (found 32 nics)" in lines
    assert "2 Using network Libfabric" in lines
    assert "WARNING" not in done.stderr


@pytest.mark.parametrize("log", [TCP_LOG, "NET/OFI Selected Provider is tcp (found 1 nics)\n"])
def test_tcp_is_told_loudly(tmp_path, log):
    assert "WARNING: NCCL used TCP" in with_output(tmp_path, "", log).done.stderr


def test_on_nodes_without_efa_tcp_is_told_and_is_no_warning(tmp_path):
    done = with_output(tmp_path, "", TCP_LOG, "g5.2xlarge").done
    assert "1 Using network Socket" in done.stdout
    assert "WARNING" not in done.stderr


def test_what_an_earlier_run_wrote_into_the_file_does_not_count(tmp_path):
    done = with_output(tmp_path, TCP_LOG, EFA_LOG).done
    assert "Socket" not in done.stdout
    assert "WARNING" not in done.stderr


def test_without_nccl_s_log_nothing_is_said(tmp_path):
    done = with_output(tmp_path, "", "step 1\nstep 2\n").done
    assert ("NCCL" in done.stdout, done.returncode) == (False, 0)


def test_an_output_that_cannot_be_read_harms_no_job(tmp_path):
    done = Run(tmp_path, script_of(TORCHRUN), JOB_OUTPUT="/nowhere/at all").done
    assert (done.returncode, done.stderr) == (0, "")


# --- Signals and requeue.


RANK = """\
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda number, frame: sys.exit(os.write(1, b"heard\\n") + 1))
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""
# As torchrun: ranks in sessions of their own, and nothing done about the signal.
LAUNCHER = """\
import subprocess, sys
argv = [sys.executable, sys.argv[1]]
ranks = [subprocess.Popen(argv, start_new_session=True, stdout=sys.stdout) for _ in range(2)]
sys.exit(sum(rank.wait(timeout=60) for rank in ranks))
"""


@pytest.mark.parametrize("whole_group", [True, False], ids=["proctrack/pgid", "proctrack/cgroup"])
def test_the_launcher_s_ranks_hear_the_signal_and_its_exit_code_stays(tmp_path, whole_group):
    """With proctrack/pgid Slurm signals the task's process group, with proctrack/cgroup the task alone."""
    (tmp_path / "rank.py").write_text(RANK)
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    relay = (Path(__file__).resolve().parents[2] / "job-templates/relay.sh").read_text()
    launcher = [sys.executable, tmp_path / "launcher.py", tmp_path / "rank.py"]
    with subprocess.Popen(
        ["bash", "-c", relay, "relay", "USR1", *launcher], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        try:
            said = [child.stdout.readline(), child.stdout.readline()]
            os.kill(-child.pid if whole_group else child.pid, signal.SIGUSR1)
            said += child.communicate(timeout=60)[0].splitlines(keepends=True)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    assert said == ["ready\n", "ready\n", "heard\n", "heard\n"]
    assert child.returncode == 14


def test_ranks_that_srun_starts_hear_slurm_s_signal_themselves():
    assert "relay" not in script_of({"template": "command", "program": "x", "signal": {}})
    assert 'bash -c "$relay" relay USR2 torchrun' in script_of({**TORCHRUN, "signal": {"name": "USR2"}})


def test_a_requeued_run_loads_its_checkpoint(tmp_path):
    text = script_of({**TORCHRUN, "args": ["-x"], "requeue": True, "resume_args": ["--resume", "my latest"]})
    assert Run(tmp_path, text).launch()[-2:] == ["train.py", "-x"]
    again = Run(tmp_path, text, SLURM_RESTART_COUNT="1").launch()
    assert again[-4:] == ["train.py", "-x", "--resume", "my latest"]


@pytest.mark.parametrize(("seconds", "requeued"), [(60, True), (3600, False)])
def test_a_job_whose_time_is_up_starts_anew(tmp_path, seconds, requeued):
    end = subprocess.run(["date", "-d", f"{seconds} seconds", "+%FT%T"], capture_output=True, text=True).stdout
    run = Run(tmp_path, script_of({**TORCHRUN, "requeue": True, "signal": {"seconds": 120}}), JOB_END=end.strip())
    assert (["scontrol", "requeue", "4711"] in run.calls) == requeued


def test_a_task_of_an_array_starts_itself_anew_and_not_the_array(tmp_path):
    end = subprocess.run(["date", "-d", "60 seconds", "+%FT%T"], capture_output=True, text=True).stdout
    text = script_of({**TORCHRUN, "requeue": True, "signal": {"seconds": 120}, "slurm": {"array": "0-3"}})
    run = Run(tmp_path, text, JOB_END=end.strip(), SLURM_ARRAY_JOB_ID="4711", SLURM_ARRAY_TASK_ID="3")
    assert ["scontrol", "requeue", "4711_3"] in run.calls
    assert ["scontrol", "requeue", "4711"] not in run.calls


# --- Templates and scripts of the user's own.


def test_a_template_of_the_user_s_own_comes_first(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "torchrun.sbatch.j2").write_text("#!/bin/bash\necho {{ job.script | sh }}\n")
    (folder / "own.sbatch.j2").write_text(
        '{% extends "_job.j2" %}\n{% block launch %}\nsrun {{ plan.program | sh }} "$head_node:$port"\n{% endblock %}\n'
    )
    assert script_of(TORCHRUN, folder=tmp_path, templates="mine") == "#!/bin/bash\necho train.py\n"
    text = script_of({"template": "own", "program": "a b"}, folder=tmp_path, templates="mine")
    assert Run(tmp_path, text).launch() == ["srun", "a b", "queue-st-main-1:14711"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("{% if %}", "mine/torchrun.sbatch.j2:1"), ("{{ nothing }}", "nothing"), ('{% extends "none" %}', "none")],
)
def test_a_template_that_is_at_fault_is_told_with_its_place(tmp_path, text, words):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/torchrun.sbatch.j2").write_text(text)
    with pytest.raises(UsageError, match="the template cannot be used") as caught:
        script_of(TORCHRUN, folder=tmp_path, templates="mine")
    assert words in str(caught.value)


BODY = 'x=1 # {{ no template }} {% here %}\nprintf \'%s\\n\' "$x" "it\'s mine"\nfalse\nexit 5\n'


def test_a_script_of_the_user_s_own_stands_verbatim_below_header_and_environment(tmp_path):
    (tmp_path / "run.sh").write_text("#!/bin/bash\n" + BODY)
    text = script_of({"template": "body", "body": "run.sh", "workload": "nccl"}, folder=tmp_path)
    assert text.endswith("\n" + BODY)
    assert text.index("#SBATCH") < text.index("export NCCL_NET=Libfabric") < text.index(BODY)
    done = Run(tmp_path, text).done
    assert (done.returncode, done.stdout.splitlines()[-2:]) == (5, ["1", "it's mine"])


def test_a_job_of_nvshmem_keeps_off_shared_memory(tmp_path):
    (tmp_path / "run.sh").write_text("srun python train.py\n")
    text = script_of({"template": "body", "body": "run.sh", "workload": "nvshmem"}, "p5en.48xlarge", folder=tmp_path)
    assert "export FI_EFA_ENABLE_SHM_TRANSFER=0\n" in text
