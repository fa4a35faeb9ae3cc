"""``make soak`` on property tests of a few milliseconds: what it counts, where it goes on, how it ends."""

from __future__ import annotations

import json
import re

import pytest

from tests import soak

# Ten and five examples to a batch, whose seed goes to a file. With a file "bad", the second test fails under seed 2.
_TESTS = """
from pathlib import Path
import pytest
from hypothesis import given, settings, strategies as st

HERE = Path(__file__).parent

@pytest.fixture(autouse=True, scope="session")
def seed(request):
    seed = request.config.getoption("--hypothesis-seed")
    with (HERE / "seeds").open("a") as seeds:
        print(seed, file=seeds)
    return seed

@settings(max_examples=10, deadline=None, database=None)
@given(st.integers())
def test_one(number):
    pass

@settings(max_examples=5, deadline=None, database=None)
@given(number=st.integers())
def test_two(seed, number):
    if (HERE / "bad").exists() and seed == "2":
        raise AssertionError("this history broke it")

def test_of_no_property():
    pass
"""


@pytest.fixture
def call(tmp_path):
    (tmp_path / "properties").mkdir()
    (tmp_path / "properties" / "test_them.py").write_text(_TESTS)

    def run(*arguments, lanes=1):
        folders = ["--tests", str(tmp_path / "properties"), "--folder", str(tmp_path / "soak")]
        return soak.main([*folders, "--lanes", str(lanes), *arguments])

    run.progress = lambda: json.loads((tmp_path / "soak" / "progress.json").read_text())
    run.seeds = lambda: (tmp_path / "properties" / "seeds").read_text().split()
    run.bad = tmp_path / "properties" / "bad"
    return run


def test_counts_what_passed_and_goes_on_where_it_was(call, capsys):
    assert call("--examples", "15") == 0
    assert call.progress()["done"] == {"1": 15}
    assert call("--examples", "20") == 0
    assert call.progress()["done"] == {"1": 15, "2": 15}
    assert re.search(r"seed 2: 15 histories in 0:00:\d\d; so far 30 of 20 in", capsys.readouterr().out)
    assert call("--examples", "20") == 0
    assert capsys.readouterr().out == ""


def test_seeds_begin_after_a_given_one(call):
    assert call("--examples", "15", "--after", "7") == 0
    assert call.progress()["done"] == {"8": 15}


def test_a_batch_that_fails_does_not_count_and_is_first_in_the_next_call(call, capsys):
    call.bad.touch()
    assert call("--examples", "45") == 1
    assert call.progress()["done"] == {"1": 15}
    assert "this history broke it" in capsys.readouterr().out
    call.bad.unlink()
    assert call("--examples", "30") == 0
    assert call.progress()["done"] == {"1": 15, "2": 15}


def test_a_batch_beside_a_failed_one_counts(call):
    call.bad.touch()
    assert call("--examples", "1000", lanes=2) == 1
    done = call.progress()["done"]
    assert "1" in done
    assert "2" not in done


def test_again_takes_new_seeds_and_lanes_never_share_one(call):
    assert call("--examples", "15") == 0
    assert call("--examples", "30", "--again", lanes=2) == 0
    progress = call.progress()
    assert progress["before"] == 1
    assert len(call.seeds()) == len(set(call.seeds()))
    # The lane that ends first may begin a third batch before the other has counted its own.
    assert progress["done"] in ({"2": 15, "3": 15}, {"2": 15, "3": 15, "4": 15})


@pytest.mark.parametrize("names", ["of_no_history", "of_no_property"])
def test_no_history_at_all_is_a_failure(call, names):
    assert call("--examples", "15", "--only", names) != 0


def test_time_is_up(call, capsys):
    assert call("--examples", "1000", "--minutes", "0.001") == 0
    assert re.search(r"time is up; \d+ of 1,000 histories so far", capsys.readouterr().out)
