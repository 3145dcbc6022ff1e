"""Slurm's configuration is read as each release prints it."""

from __future__ import annotations

import pytest

from efakit.slurm import running_config
from efakit.slurm.config import parse_config
from efakit.slurm.job import SourceError

# Lines as 22.05 and 25.11 print them.
OLD = """\
Configuration data as of 2026-11-17T10:00:00
Prolog                  = /opt/slurm/etc/scripts/prolog.d/*
PrologEpilogTimeout     = 65534
PrologFlags             = Alloc,Contain
TaskProlog              = (null)
MessageTimeout          = 60 sec
HealthCheckInterval     = 0 sec
SLURM_VERSION           = 22.05.8

Cgroup Support Configuration:
CgroupMountpoint        = /sys/fs/cgroup
MessageTimeout          = 7 sec

Slurmctld(primary) at head is UP
"""
NEW = """\
Prolog[1]               = /site/prolog
Prolog[0]               = /opt/slurm/etc/scripts/prolog.d/*
Epilog[0]               = /opt/slurm/etc/scripts/epilog.d/*
PrologTimeout           = 65534
EpilogTimeout           = 120
"""


def test_a_setting_is_found_whatever_its_case_and_not_where_it_is_not_set():
    config = parse_config(OLD)
    assert config.get("prolog") == config.get("Prolog") == "/opt/slurm/etc/scripts/prolog.d/*"
    assert config.get("TaskProlog") is None
    assert config.get("Epilog") is None
    assert config.words("PrologFlags") == ("alloc", "contain")
    assert config.get("SLURM_VERSION") == "22.05.8"


def test_seconds_and_no_limit():
    config = parse_config(OLD)
    assert config.seconds("MessageTimeout") == 60, "the first one counts: a plugin's own settings come further down"
    assert config.seconds("HealthCheckInterval") == 0
    assert config.seconds("PrologEpilogTimeout") is None
    assert config.seconds("PrologTimeout") is None


def test_settings_that_may_stand_several_times_come_in_slurm_s_order():
    config = parse_config(NEW)
    assert config.all("Prolog") == ("/opt/slurm/etc/scripts/prolog.d/*", "/site/prolog")
    assert config.all("Epilog") == ("/opt/slurm/etc/scripts/epilog.d/*",)
    assert config.seconds("PrologTimeout") is None
    assert config.seconds("EpilogTimeout") == 120


@pytest.mark.parametrize("text", ["", "no configuration", "= = =\n", "\0\n", "Prolog"])
def test_what_is_no_configuration_has_no_settings(text):
    assert parse_config(text).all("Prolog") == ()


def test_where_there_is_no_slurm_the_reason_is_told_at_once(monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    with pytest.raises(SourceError, match="which is not there"):
        running_config()
