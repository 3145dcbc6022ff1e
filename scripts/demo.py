"""``make demo``: the whole loop on this machine, each step explained.

Real: efakit, pcluster, Slurm with its prolog and epilog, iperf3's traffic between the hosts. Simulated: the AWS account
(moto), the EFA devices (a folder tree on each host) and the GPUs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.lab.cluster import missing_requirements  # noqa: E402 (the repository's root comes first)
from tests.lab.loop import Loop, efa_job, efakit_argv, tcp_job  # noqa: E402

_number = 0


def step(title: str, explanation: str) -> None:
    """Print the heading of the next step."""
    global _number
    _number += 1
    print(f"\n=== {_number}. {title}\n{textwrap.fill(explanation, 110)}\n", flush=True)


def show(text: str) -> None:
    """Print what a program said."""
    print(textwrap.indent(text.rstrip(), "    "), flush=True)


def run(*command: str) -> int:
    """Show a command, run it, show what it says, and return its exit code."""
    print(f"  $ {' '.join(command)}", flush=True)
    argv = [*efakit_argv(), *command[1:]] if command[0] == "efakit" else list(command)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    show(done.stdout + done.stderr)
    return done.returncode


def main() -> int:
    """Run the demo; return 0 where both verdicts are the right ones."""
    missing = missing_requirements() + [f"the command {name}" for name in ("iperf3",) if not shutil.which(name)]
    if missing:
        print(f"the demo needs {', '.join(missing)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="efakit-demo-") as folder:
        work_dir = Path(folder)
        work_dir.chmod(0o755)  # jobs of other users may reach it
        return demonstrate(work_dir)


def demonstrate(work_dir: Path) -> int:
    """Run the demo below a folder."""
    loop = Loop(work_dir)
    step(
        "A spec",
        "One short file says what is wanted; efakit init writes it. The lab's own folders and two jobs are added.",
    )
    loop.write_spec([tcp_job(), efa_job(loop.root)])
    show(loop.spec.read_text())

    step("Its bundle", "Config, scripts, hooks, and DECISIONS.md with each decision, its reason and its source.")
    if run("efakit", "render", str(loop.spec), "--out", str(loop.bundle)):
        return 1
    show((loop.bundle / "cluster.yaml").read_text())
    show((loop.bundle / "jobs/over-efa.sbatch").read_text())

    step("The vendor's word", "The real pcluster judges cluster.yaml; the AWS account is simulated.")
    if run(sys.executable, str(ROOT / "scripts/pcluster_dryrun.py"), str(loop.bundle / "cluster.yaml")):
        return 1

    step(
        "A real Slurm of four hosts", "Network namespaces, each with its own interface. Their 32 EFA devices are files."
    )
    loop.make_devices()
    with loop.cluster:
        show(loop.cluster.run(["sinfo", "--Node"]).stdout)
        step("The hooks", "The bundle's own installer puts them into prolog.d and epilog.d.")
        show(loop.install_hooks())
        verdicts = [run_and_report(loop, "over-tcp"), run_and_report(loop, "over-efa")]
    if verdicts != ["tcp-fallback", "efa"]:
        print(f"\nthe verdicts should be tcp-fallback and efa, and are {' and '.join(verdicts)}", file=sys.stderr)
        return 1
    print("\nBoth verdicts are right: one job's bytes went over TCP, the other's over (simulated) EFA.")
    return 0


def run_and_report(loop: Loop, name: str) -> str:
    """Submit a rendered job, wait for its epilogs, print its report, and return its verdict."""
    explanations = {
        "over-tcp": "Real TCP traffic in both directions between the hosts; the EFA counters rest, as when NCCL's "
        "plugin is not found.",
        "over-efa": "The job moves the counters of the stand-in devices by known amounts.",
    }
    step(f"The job {name}", explanations[name])
    job = loop.run_job(name)
    print(f"  $ sbatch jobs/{name}.sbatch    (job {job})\n  $ efakit report {job}")
    show(loop.efakit("report", str(job)).stdout)
    return str(loop.report(job)["verdict"])


if __name__ == "__main__":
    sys.exit(main())
