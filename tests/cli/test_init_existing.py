"""``efakit init --existing``: a spec for a Slurm cluster that is up, which renders as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.running import ROOT, run_here
from tests.cli.test_commands import refused

pytestmark = pytest.mark.thorough

# Stands in for sinfo: prints each line of rows, its fields separated as --format asks.
SINFO = """\
#!/bin/sh
for word; do case $word in --Format=*) form=${word#--Format=NodeList:0} ;; esac; done
separator=${form%%,Partition:*}
while IFS= read -r row; do printf '%s\\n' "$row" | awk -v s="$separator" -F ' ; ' \\
'{ print $2 s $1 s "idle" s $3 s "none" s $4 s "1000" s $5 s }'; done <<'ROWS'
"""
PARALLELCLUSTER = """\
gpu* ; gpu-st-p5-1 ; static,p5.48xlarge,p5,efa,gpu ; 192 ; gpu:h100:8
gpu* ; gpu-st-p5-2 ; static,p5.48xlarge,p5,efa,gpu ; 192 ; gpu:h100:8
gpu* ; gpu-dy-p5-1 ; dynamic,p5.48xlarge,p5,efa,gpu ; 192 ; gpu:h100:8
mpi ; mpi-dy-c7i-1 ; dynamic,c7i.48xlarge,c7i,efa ; 96 ; (null)
mpi ; mpi-dy-c7i-2 ; dynamic,c7i.48xlarge,c7i,efa ; 96 ; (null)
no-efa ; no-efa-dy-hpc-1 ; dynamic,hpc7a.96xlarge,hpc ; 192 ; (null)
"""
PLAIN = """\
Batch_2 ; n1 ; rack1 ; 192 ; gpu:h100:8
Batch_2 ; n2 ; rack1 ; 192 ; gpu:h100:8
odd&name ; n1 ; rack1 ; 192 ; gpu:h100:8
"""
MIXED = """\
all* ; n1 ; (null) ; 192 ; gpu:h100:8
all* ; n2 ; (null) ; 96 ; gpu:a100:8
"""


def init(folder: Path, rows: str | None, *options: str) -> subprocess.CompletedProcess[str]:
    """Run init where sinfo prints ``rows``; None: there is no sinfo."""
    tools = folder / "bin"
    tools.mkdir()
    if rows is not None:
        (tools / "sinfo").write_text(SINFO + rows + "ROWS\n")
        (tools / "sinfo").chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLURM")}
    environment |= {
        "PATH": f"{tools}:/usr/bin:/bin" if rows is not None else str(tools),
        "PYTHONPATH": str(ROOT / "src"),
    }
    script = "from efakit.slurm import commands; commands.INSTALL_DIRECTORIES = ()\n" if rows is None else ""
    script += "from efakit.cli.main import main; main()"
    argv = [sys.executable, "-c", script, "init", "--existing", "--output", str(folder / "spec.yaml"), *options]
    return subprocess.run(argv, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)


def rendered(folder: Path) -> dict[str, str]:
    """Render the spec as it stands; return its scripts."""
    done = run_here("render", folder / "spec.yaml", "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    assert not (folder / "out/cluster.yaml").exists()
    assert (folder / "out/hooks/install-hooks.sh").exists()
    jobs = folder / "out/jobs"
    return {path.name: path.read_text() for path in jobs.iterdir()} if jobs.exists() else {}


def test_parallelclusters_features_tell_the_types(tmp_path):
    assert init(tmp_path, PARALLELCLUSTER).returncode == 0
    spec = yaml.safe_load((tmp_path / "spec.yaml").read_text())
    assert set(spec) == {"cluster", "hooks", "jobs"}
    assert {queue["name"]: queue["compute_resources"] for queue in spec["cluster"]["queues"]} == {
        "gpu": [{"name": "p5", "instance": "p5.48xlarge", "nodes": 3}],
        # 96 CPUs: one thread a core.
        "mpi": [{"name": "c7i", "instance": "c7i.48xlarge", "nodes": 2, "smt": False}],
        "no-efa": [{"name": "hpc", "instance": "hpc7a.96xlarge", "nodes": 1, "efa": "off"}],
    }
    assert "placeholder" not in (tmp_path / "spec.yaml").read_text().lower()
    assert "#SBATCH --partition=gpu\n" in rendered(tmp_path)["train.sbatch"]


def test_where_slurm_does_not_tell_the_type_a_placeholder_stands_with_a_comment(tmp_path):
    assert init(tmp_path, PLAIN).returncode == 0
    text = (tmp_path / "spec.yaml").read_text()
    (queue,) = yaml.safe_load(text)["cluster"]["queues"]
    (resource,) = queue["compute_resources"]
    assert (queue["name"], resource["nodes"]) == ("Batch_2", 2)
    (comment,) = [line.strip() for line in text.splitlines() if "placeholder" in line.lower()]
    assert comment.startswith("# A placeholder: Slurm does not show the instance type. 192 CPUs and 8 GPUs per node: ")
    assert {"p5.48xlarge", "p5en.48xlarge", resource["instance"]} <= set(comment.rstrip("?").replace(",", "").split())
    assert "# left out: partition 'odd&name', a name that a spec does not allow" in text
    assert "#SBATCH --partition=Batch_2\n" in rendered(tmp_path)["train.sbatch"]


def test_the_type_can_be_named(tmp_path):
    assert init(tmp_path, PLAIN, "--instance", "p5en.48xlarge").returncode == 0
    text = (tmp_path / "spec.yaml").read_text()
    (queue,) = yaml.safe_load(text)["cluster"]["queues"]
    assert queue["compute_resources"][0]["instance"] == "p5en.48xlarge"
    assert "from --instance" in text
    assert rendered(tmp_path)


def test_without_slurm_the_spec_is_all_placeholders_and_says_so(tmp_path):
    done = init(tmp_path, None, "--bucket", "s3://my-bucket/efakit")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "Slurm did not list its nodes: sinfo: not found in PATH" in done.stderr
    assert "# Placeholders: Slurm did not answer." in (tmp_path / "spec.yaml").read_text()
    assert rendered(tmp_path)


def test_where_every_partition_mixes_types_there_is_no_job_that_could_not_render(tmp_path):
    assert init(tmp_path, MIXED).returncode == 0
    text = (tmp_path / "spec.yaml").read_text()
    assert len(yaml.safe_load(text)["cluster"]["queues"][0]["compute_resources"]) == 2
    assert "jobs: []  # every partition has several kinds of nodes" in text
    assert rendered(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--nodes", "3"), "remove --nodes"),
        (("--os", "rhel9"), "remove --os"),
        (("--head-subnet", "x"), "remove --head-subnet"),
        (("--instance", "p5.49xlarge"), "p5.48xlarge"),
        (("--bucket", "my-bucket"), "--bucket: 'my-bucket'"),
    ],
)
def test_what_such_a_spec_cannot_have_is_refused_and_nothing_is_written(tmp_path, options, words):
    refused(init(tmp_path, PLAIN, *options), words)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
