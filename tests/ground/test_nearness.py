"""Words that are like one another."""

from __future__ import annotations

import subprocess
import sys

from efakit.nearness import by_nearness, choice, did_you_mean, near, nearest

WORDS = ["NCCL_NET", "NCCL_DEBUG", "torchrun"]


def test_the_case_does_not_count_and_the_word_s_own_is_kept():
    assert near("nccl_nett", WORDS) == ["NCCL_NET"]
    assert near("TorchRun", WORDS) == ["torchrun"]


def test_what_is_like_nothing_has_no_neighbour():
    assert near("qqqq", WORDS) == []
    assert near("", WORDS) == []
    assert near("NCCL_NXT", WORDS, cutoff=1) == []


def test_there_are_no_more_than_were_asked_for_and_the_nearest_comes_first():
    assert near("NCCL_DEBUGS", WORDS, most=2, cutoff=0.4) == ["NCCL_DEBUG", "NCCL_NET"]


def test_a_message_offers_what_was_found_and_is_silent_otherwise():
    assert did_you_mean(["a", "b"]) == "did you mean a or b?"
    assert did_you_mean([]) == ""
    assert nearest("torchrn", WORDS) == "; did you mean 'torchrun'?"
    assert nearest("qqqq", WORDS) == ""


def test_a_choice_names_the_nearest_and_all():
    assert choice("torchrn", ["torchrun", "osu"], "templates") == "did you mean 'torchrun'? (templates: torchrun, osu)"
    assert choice("qqqq", ["torchrun", "osu"], "templates") == "write one of torchrun, osu"
    assert choice("qqqq", [], "templates") == "remove it"
    assert by_nearness("torchrn", ["z", "torchrun", "a"]) == ["torchrun", "a", "z"]


def test_nothing_is_compared_before_something_is_wrong():
    script = "import sys, efakit.nearness; print('difflib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
