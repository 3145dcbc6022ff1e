"""What Slurm tells of a job ends in a record that a report reads, whatever it tells."""

from __future__ import annotations

import pytest

from efakit.hook.job import NoJob, job_from
from efakit.hook.run import Run
from efakit.hook.settings import Settings
from efakit.jobs import fields
from efakit.node.record import make_record
from efakit.node.snapshot import assemble

NUMBERS = (
    *("SLURM_JOB_START_TIME", "SLURM_JOB_END_TIME", "SLURM_JOB_RESTART_COUNT", "SLURM_JOB_NUM_NODES", "SLURM_JOB_UID"),
    *("SLURM_HET_JOB_ID", "SLURM_PACK_JOB_ID", "SLURM_JOB_EXIT_CODE", "SLURM_JOB_DERIVED_EC"),
)
ODD_NUMBERS = (
    *("", "0", "-1", "007", "7 ", "0x7", "1e9", "\u0667", "4294967294", "4294967295", "4294967296"),
    # NO_VAL64 and INFINITE64 in slurm.h, and what does not fit into 64 bits.
    *("253402300799", "253402300800", "18446744073709551614", "18446744073709551615", "9" * 20, "9" * 5000),
)
NAMES = (
    *("SLURM_CLUSTER_NAME", "SLURM_JOB_SLUID", "SLURM_JOB_USER", "SLURM_JOB_PARTITION", "SLURM_JOB_EXIT_CODE2"),
    "SLURMD_NODENAME",
)
ODD_NAMES = ("", " ", ".", "../x", "\x1b[31m", "\udcff", "c" * 1025, "c\u0665", "c\u00b2", "r0", "t5")


def checked(**variables: str) -> dict:
    """Return the fields, as a report knows them, of the record of a job of which Slurm tells these."""
    environment = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n[1-2]", "SLURMD_NODENAME": "n1", **variables}
    node = Run(Settings(), [], environment).node
    expectation = {"devices_expected": 4, "expected_by": "settings"}
    return fields.check_record(
        make_record(job_from(environment, node), expectation, None, assemble([]), mode="observe")
    )


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ODD_NUMBERS)
def test_no_number_of_slurm_s_makes_a_record_that_no_report_reads(name, value):
    assert checked(**{name: value})["job_id"] == 7


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ODD_NAMES)
def test_no_name_of_slurm_s_makes_a_record_that_no_report_reads(name, value):
    assert checked(**{name: value})["job_id"] == 7


def test_a_time_that_is_none_does_not_tell_runs_apart():
    assert checked(SLURM_JOB_START_TIME="18446744073709551614")["run"] == "r0"
    assert checked(SLURM_JOB_START_TIME="1790000000")["run"] == "t1790000000"


@pytest.mark.parametrize(("leader", "het_job_id"), [("7", 7), ("5", 5), ("8", None), ("0", None), ("4294967297", None)])
def test_a_job_is_of_a_heterogeneous_one_only_where_its_id_can_be_a_component_s(leader, het_job_id):
    assert checked(SLURM_HET_JOB_ID=leader)["het_job_id"] == het_job_id


@pytest.mark.parametrize(("job_id", "het_job_id"), [("132", 5), ("133", None)])
def test_a_heterogeneous_job_has_so_many_components_at_most(job_id, het_job_id):
    assert checked(SLURM_JOB_ID=job_id, SLURM_HET_JOB_ID="5")["het_job_id"] == het_job_id


@pytest.mark.parametrize("job_id", ["0", "00", "4294967296", "-7", "7 ", " 7", "7\n", "0x7", "\u0667", "9" * 20])
def test_what_is_no_job_id_names_no_job(job_id):
    with pytest.raises(NoJob):
        checked(SLURM_JOB_ID=job_id)
