"""A slice of the sweep: every version of every operator in some of its types. All of it: make conformance."""
import numpy as np
import pytest
from backend_suite import read_expected
from compare import Different
from sweep import EXCEPTIONS, combinations, run_sweep, surprises
from sweep_model import SCHEMAS, Sample, numpy_type, run_sample

PARTS = 4


def test_sweep_covers_everything():
    """Each (operator, version) is there, in each type of each type variable."""
    all_of = combinations()
    assert {(c.schema.domain, c.schema.name, c.schema.since_version) for c in all_of} == {(s.domain, s.name, s.since_version) for s in SCHEMAS}
    for s in SCHEMAS:
        mine = [c.types for c in all_of if c.schema is s]
        for t in s.type_constraints:
            assert {types[t.type_param_str] for types in mine} == set(t.allowed_type_strs)


def test_slice_of_the_sweep():
    lines = surprises(run_sweep(combinations()[::PARTS], models=1), read_expected(EXCEPTIONS))
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("t, off", [("float", 1e-3), ("double", 1e-6), ("float16", 0.05), ("bfloat16", 0.25), ("int32", 1)])
def test_a_wrong_result_is_seen(t, off):
    add = next(s for s in SCHEMAS if (s.domain, s.name, s.since_version) == ("", "Add", 14))
    types = {"T": f"tensor({t})"}
    x = np.array([1, 2], np.float64).astype(numpy_type(types["T"]))
    rng = np.random.default_rng(0)
    run_sample(add, types, Sample([x, x], [np.array([2.0, 4.0])]), rng)
    for want in (np.array([2.0, 4.0 + off]), np.array([[2.0, 4.0]]), np.array([2.0])):
        with pytest.raises(Different):
            run_sample(add, types, Sample([x, x], [want]), rng)
