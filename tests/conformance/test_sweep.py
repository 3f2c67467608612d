"""A slice of the sweep: every version of every operator in some of its types. All of it: make conformance."""
from backend_suite import read_expected
from sweep import EXCEPTIONS, combinations, run_sweep, surprises
from sweep_model import SCHEMAS

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
