"""``efakit explain SPEC`` tells every decision with its reason and its source."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from efakit.catalog.job_templates import template_names
from efakit.cli.main import efakit
from efakit.errors import EfakitError, UsageError
from efakit.plan.make import make_plan
from efakit.spec.load import load_spec

SPEC = Path(__file__).resolve().parents[2] / "cluster-configs/p5-capacity-block.yaml"


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_decision_is_told(form):
    output = CliRunner().invoke(efakit, ["explain", str(SPEC), "--format", form]).output
    for decision in make_plan(load_spec(SPEC)).decisions:
        assert decision.subject in output
        assert decision.source in output


def test_a_capacity_block_has_no_placement_group_and_says_why():
    data = json.loads(CliRunner().invoke(efakit, ["explain", str(SPEC), "--format", "json"]).output)
    found = {decision["subject"]: decision for decision in data["decisions"]}["placement group of gpu/p5"]
    assert found["choice"] == "none"
    assert "Capacity Block" in found["reason"]


def run(*arguments: str):
    return CliRunner().invoke(efakit, ["explain", *arguments])


def data_of(*arguments: str):
    return json.loads(run(*arguments, "--format", "json").output)


def names(rows) -> set[str]:
    return {row["name"] for row in rows}


def test_on_a_new_stack_a_job_sets_next_to_nothing_and_the_plugin_the_rest():
    data = data_of("--instance", "p5.48xlarge", "--installer", "1.49.0", "--workload", "nccl")
    assert names(data["set"]) == {"NCCL_NET"}
    assert {"NCCL_BUFFSIZE", "NCCL_P2P_NET_CHUNKSIZE", "NCCL_TUNER_PLUGIN"} <= names(data["set_by_plugin"])
    assert {"FI_PROVIDER", "NCCL_PROTO"} <= names(data["not_needed"])


def test_on_an_old_stack_it_sets_more_and_says_since_when():
    old = run("--instance", "p5.48xlarge", "--installer", "1.42.0", "--nccl", "2.23.4", "--all").output
    for line in ("NCCL_BUFFSIZE=8388608", "NCCL_TUNER_PLUGIN=libnccl-ofi-tuner.so", "aws-ofi-nccl before 1.16.0"):
        assert line in old.split("Depends on")[0].split("The plugin sets")[0]


def test_what_depends_on_an_unknown_release_is_told_as_such():
    data = data_of("--instance", "p5.48xlarge", "--installer", "1.42.0")
    assert "NCCL_TUNER_PLUGIN" in names(data["undecided"])
    assert "NCCL_TUNER_PLUGIN" not in names(data["set"])


@pytest.mark.parametrize(
    ("instance", "workloads"),
    [("trn1.32xlarge", ["neuron"]), ("p5.48xlarge", ["nccl"]), ("hpc7a.96xlarge", ["openmpi"])],
)
def test_without_a_workload_it_is_what_the_type_is_for(instance, workloads):
    assert data_of("--instance", instance)["workloads"] == workloads


def test_a_job_of_a_spec_is_told_with_what_it_does_not_set():
    data = data_of(str(SPEC), "--job", "train")
    assert names(data["set"]) == {"NCCL_NET"}
    assert "NCCL_BUFFSIZE" in names(data["set_by_plugin"])
    assert "Set by the plugin itself" in run(str(SPEC), "--job", "train").output


def test_a_variable_has_its_whole_story():
    story = run("--variable", "FI_EFA_SET_CUDA_SYNC_MEMOPS").output
    assert "no more since 1.19" in story.replace("1.19.1", "1.19")
    assert "Needed: 0" in story
    assert "No effect" in story
    assert {row["effect"] for row in data_of("--variable", "FI_PROVIDER")["rules"]} >= {"needed", "no-effect"}


def test_a_variable_says_what_proves_each_of_its_boundaries():
    story = run("--variable", "FI_EFA_SHM_AV_SIZE").output
    assert "libfabric until 1.18.1: code: prov/efa/src/rdm/rxr_env.c of ofiwg/libfabric, in v1.18.0 and not in" in story
    assert "proven by a report that shows it: https://github.com/open-mpi/ompi/issues/11924" in story
    assert "NCCL until 2.31.2: a document: doc/gin-getting-started.md" in run("--variable", "NCCL_GIN_TYPE").output
    evidence = data_of("--variable", "NCCL_NET")["rules"][0]["evidence"]
    assert {"component": "plugin", "side": "since", "version": "1.13.0", "kind": "code"}.items() <= evidence[0].items()


def test_versions_that_do_not_go_together_are_told():
    pair = ("--instance", "p4de.24xlarge", "--plugin", "1.16.2", "--nccl", "2.20.5")
    assert "error plugin-nccl-2.19-p4d" in run(*pair).output
    assert data_of(*pair)["software"][0]["severity"] == "error"
    assert not [row for row in data_of(*pair, "--workload", "openmpi")["software"] if row["severity"] == "error"]


def test_ranks_over_nvshmem_need_shared_memory_off():
    data = data_of("--instance", "p5en.48xlarge", "--workload", "nvshmem")
    assert {"FI_EFA_ENABLE_SHM_TRANSFER": "0"}.items() <= {row["name"]: row["value"] for row in data["set"]}.items()


def test_libfabric_can_be_ones_own():
    old = data_of("--instance", "p5.48xlarge", "--libfabric", "1.18.1")
    assert old["target"]["libfabric"] == "1.18.1"


@pytest.mark.parametrize("name", template_names())
def test_a_template_is_told_with_the_keys_that_it_reads(name):
    told, data = run("--template", name).output.replace("\n    ", " "), data_of("--template", name)
    assert told.startswith(f"{name}: {data['what']}")
    for key in data["keys"]:
        assert key in told
    assert data["source"] in told


def shell(*arguments: str) -> dict[str, str]:
    """Return what a shell exports that reads the brief answer."""
    text = run(*arguments).output + "\nenv -0"
    done = subprocess.run(["/bin/sh", "-eu"], input=text, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stderr) == (0, "")
    listed = dict(item.partition("=")[::2] for item in done.stdout.split("\0") if item)
    return {name: value for name, value in listed.items() if name not in ("PATH", "PWD", "SHLVL", "_")}


@pytest.mark.parametrize("more", [[], ["--installer", "1.42.0", "--nccl", "2.23.4"], ["--workload", "openmpi"]])
@pytest.mark.parametrize("instance", ["p5.48xlarge", "p4d.24xlarge", "hpc7a.96xlarge", "trn1.32xlarge", "g5.xlarge"])
def test_the_brief_answer_is_what_a_shell_exports_and_nothing_else(instance, more):
    wanted = {row["name"]: row["value"] for row in data_of("--instance", instance, *more)["set"]}
    assert shell("--instance", instance, *more) == wanted


def test_the_brief_answer_is_brief_and_says_how_to_get_the_rest():
    brief, full = run("--instance", "p5.48xlarge").output, run("--instance", "p5.48xlarge", "--all").output
    assert len(brief.splitlines()) <= 8
    assert "NCCL_TOPO_FILE" not in brief
    assert "NCCL_TOPO_FILE" in full
    assert "--all" in brief


def test_what_is_not_known_names_the_option_that_tells():
    unknown = run("--instance", "p5.48xlarge", "--installer", "1.42.0").output.replace("\n#   ", " ")
    assert "not known: --nccl tells whether to export NCCL_TUNER_PLUGIN=libnccl-ofi-tuner.so" in unknown
    told = run("--instance", "p5.48xlarge", "--installer", "1.42.0", "--nccl", "2.23.4").output
    assert "not known" not in told
    row = next(row for row in data_of("--instance", "p5.48xlarge", "--installer", "1.42.0")["undecided"])
    assert row["depends_on"] == ["--nccl"]


def test_an_installer_may_be_named_by_two_numbers():
    assert data_of("--instance", "p5.48xlarge", "--installer", "1.30")["target"]["libfabric"] == "1.19.0"


def test_in_a_container_only_the_image_s_releases_count():
    assert "parallelcluster" not in data_of("--instance", "p5.48xlarge", "--container", "pyxis")["target"]
    data = data_of("--instance", "p5.48xlarge", "--container", "pyxis", "--installer", "1.47.0")
    assert data["target"]["plugin"] == "1.18.0"
    assert "driver" not in data["target"]
    assert data["container"] == "pyxis"


def test_the_brief_answer_says_how_exports_get_into_a_container():
    known = ("--instance", "p5.48xlarge", "--installer", "1.47.0")
    assert "srun --container-env=NCCL_NET --container-image" in run(*known, "--container", "pyxis").output
    exported = shell(*known, "--container", "apptainer")
    assert exported["APPTAINERENV_NCCL_NET"] == exported["NCCL_NET"] == "Libfabric"


def test_without_efa_a_job_sets_nothing_for_it():
    assert data_of("--instance", "g5.xlarge")["set"] == []
    assert "without EFA" in run("--instance", "g5.xlarge").output


def test_variables_of_other_programs_are_left_out():
    left = names(data_of("--instance", "p5.48xlarge")["leave_alone"])
    assert "NCCL_TOPO_FILE" in left
    assert not [name for name in left if name.startswith(("I_MPI_", "NVSHMEM_", "NEURON_"))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs one of SPEC, --variable, --rule, --template, --instance; given: none"),
        (["--template", "torchrn"], "did you mean 'torchrun'"),
        ([str(SPEC), "--variable", "X"], "given: SPEC, --variable"),
        (["--variable", "NCCL_BUFSIZE"], "did you mean NCCL_BUFFSIZE"),
        (["--instance", "p5.99xlarge"], "p5.99xlarge"),
        (["--instance", "p5.48xlarge", "--installer", "9.9.9"], "the nearest known is 1.51.0"),
        (["--instance", "p5.48xlarge", "--parallelcluster", "3.99.0"], "newest known is"),
        (["--instance", "p5.48xlarge", "--plugin", "abc"], "--plugin abc: not a release"),
        (["--instance", "p5.48xlarge", "--nccl", "2..3"], "--nccl 2..3: not a release"),
        (["--instance", "p5.48xlarge", "--libfabric", "new"], "--libfabric new: not a release"),
        (["--variable", "NCCL_NET", "--workload", "nccl"], "need --instance"),
        ([str(SPEC), "--job", "none"], "its jobs: train"),
        (["--instance", "p5.48xlarge", "--job", "train"], "give SPEC too"),
        (["--variable", "NCCL_NET", "--all"], "need --instance"),
        (["--instance", "p5.48xlarge", "--container", "pyxis", "--parallelcluster", "3.16.3"], "give its --installer"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_ask(arguments, message):
    result = run(*arguments)
    assert isinstance(result.exception, EfakitError)
    assert result.exception.exit_code == 2
    assert message in str(result.exception)


def test_a_rule_s_old_name_is_refused_with_the_one_that_it_has_now():
    done = run("--rule", "hugepages")
    assert isinstance(done.exception, EfakitError)
    assert str(done.exception) == "--rule hugepages: the rule is now called huge-pages-few"


@pytest.mark.parametrize(
    ("word", "option"),
    [("p5.48xlarge", "--instance"), ("NCCL_PROTO", "--variable"), ("nccl-net", "--rule"), ("nope.yaml", None)],
)
def test_a_word_that_is_no_file_is_offered_with_its_option(word, option):
    done = CliRunner().invoke(efakit, ["explain", word], standalone_mode=False)
    assert isinstance(done.exception, EfakitError)
    assert (f"did you mean {option} {word}?" in str(done.exception)) is (option is not None)
    assert "no such file" in str(done.exception)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("FI_PROVIDERR", "no variable of this name is known; did you mean --variable FI_PROVIDER"),
        ("NCCL_PROTOO", "did you mean --variable NCCL_PROTO"),
        ("nccl-nett", "did you mean --rule nccl-net"),
        ("p5.48xlarg", "did you mean --instance p5.48xlarge"),
        ("torchrn", "did you mean --template torchrun"),
        ("QQ_WW_ZZ", "no variable of this name is known"),
        ("zz9.96xlarge", "no instance type of this name is known"),
    ],
)
def test_a_misspelt_name_is_offered_rightly_spelt_with_its_option(word, said):
    done = CliRunner().invoke(efakit, ["explain", word], standalone_mode=False)
    assert isinstance(done.exception, UsageError)
    assert said in str(done.exception)
    assert "efakit init" not in str(done.exception)


@pytest.mark.parametrize("word", ["cluster.yml", "specs/FI_PROVIDERR", "zebra", "spec.yam"])
def test_a_file_that_is_not_there_leads_to_a_first_spec(word):
    done = CliRunner().invoke(efakit, ["explain", word], standalone_mode=False)
    assert "efakit init" in str(done.exception)


@pytest.mark.parametrize(("release", "said"), [("latest", "not a release"), ("1.2.0", "nearest known is 1.18.0")])
def test_an_installer_that_is_not_known_is_refused_with_what_to_do(release, said):
    done = CliRunner().invoke(
        efakit, ["explain", "--instance", "p5.48xlarge", "--installer", release], standalone_mode=False
    )
    assert isinstance(done.exception, EfakitError)
    assert said in str(done.exception)
