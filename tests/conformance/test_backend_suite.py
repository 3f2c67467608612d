"""All backend cases of the onnx package, at levels 0 and 99: exactly those of expected_failures.txt fail."""
import faulthandler
import os

import pytest
from backend_suite import PAGE, read_expected, run_suite, surprises, totals, totals_table
from forked import forked_map
from onnx_cases import TOTAL, load_cases


@pytest.fixture(scope="module")
def cases():
    return load_cases()


def test_no_case_is_left_out(cases):
    assert len(cases) == len({(c.kind, c.name) for c in cases}) == TOTAL


def test_cases_pass_as_expected(cases):
    results = run_suite(cases)
    lines = surprises(results, read_expected())
    assert not lines, "\n".join(lines)
    assert totals_table(totals(cases, results)) in PAGE.read_text(), "run: backend_suite.py --update"


def crash():
    faulthandler.disable()  # the crash is meant: no trace in the log
    os.abort()


def test_a_crash_is_a_result():
    assert forked_map(lambda x: crash() if x == 1 else x, [0, 1, 2]) == [0, "crash: SIGABRT", 2]


def test_a_hang_is_a_result():
    def function(x):
        while x == 1:
            pass
        return x
    assert forked_map(function, [0, 1, 2], timeout_s=0.5) == [0, "hang: more than 0.5 s", 2]


def test_both_kinds_of_surprise_are_told():
    results = {("a", 0): "wrong", ("a", 99): "wrong", ("b", 0): None, ("b", 99): None, ("c", 0): None, ("c", 99): "wrong", ("d", 0): "wrong", ("d", 99): "wrong"}
    lines = surprises(results, {"b": "why", "c@99": "why", "d": "why", "e": "why"})
    assert [line.split()[0] for line in lines] == ["a@0", "a@99", "b", "e"]
