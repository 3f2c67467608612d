"""The sweep: a few one-node models for every (operator, version, type) at exactly that opset, against plain formulas or onnx.reference.

    python tests/conformance/sweep.py [-k OPERATOR] [--part N/M] [--seed S] [--models N] [--ops] [--update]
"""
import argparse
import collections
import dataclasses
import pathlib
import sys
import warnings
import zlib

import numpy as np
import sweep_control  # noqa: F401  (each registers its generators)
import sweep_image  # noqa: F401
import sweep_math  # noqa: F401
import sweep_ml  # noqa: F401
import sweep_nn  # noqa: F401
import sweep_quant  # noqa: F401
import sweep_tensor  # noqa: F401
from backend_suite import drop, read_expected, write_block
from compare import Different
from forked import forked_map
from sweep_data import REGISTRY, Gen
from sweep_model import SCHEMAS, NoOracle, run_sample
from sweep_seeds import cases, seeded

EXCEPTIONS = pathlib.Path(__file__).with_name("sweep_exceptions.txt")
PREFERRED = ("tensor(float)", "tensor(int64)", "tensor(bool)", "seq(tensor(float))", "optional(tensor(float))")


@dataclasses.dataclass
class Combination:
    """A version of an operator with a type for each type variable."""
    schema: object
    types: dict
    varied: str

    @property
    def name(self):
        s = self.schema
        kind = f" {self.varied}={self.types[self.varied]}" if self.varied else ""
        return f"{s.domain + '.' if s.domain else ''}{s.name}({s.since_version}){kind}"


def combinations():
    """Each type of each type variable, the other variables at their preferred type."""
    out = []
    for s in sorted(SCHEMAS, key=lambda s: (s.domain, s.name, s.since_version)):
        allowed = {t.type_param_str: sorted(t.allowed_type_strs) for t in s.type_constraints}
        default = {v: next((p for p in PREFERRED if p in types), types[0]) for v, types in allowed.items()}
        seen = set()
        for v, types in allowed.items():
            for t in types:
                assigned = default | {v: t}
                key = tuple(sorted(assigned.items()))
                if key not in seen:
                    seen.add(key)
                    out.append(Combination(s, assigned, v))
        if not allowed:
            out.append(Combination(s, {}, ""))
    return out


def run_combination(c, seed, models):
    """("supported" | "wrong" | "refused" | "no oracle", what was found)."""
    generate = REGISTRY.get(c.schema.name, seeded)
    for turn in range(models):
        rng = np.random.default_rng([seed, turn, zlib.crc32(c.name.encode())])
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                g = Gen(c.schema, dict(c.types), c.varied, rng)
                sample = generate(g)
        except NoOracle as e:
            return "no oracle", str(e)
        except Exception as e:
            return "no oracle", f"generator: {type(e).__name__}: {e}"
        try:
            run_sample(c.schema, g.types, sample, rng)
        except Different as e:
            return "wrong", f"model {turn}: {describe(sample)}: {e}"
        except Exception as e:
            return "refused", f"model {turn}: {describe(sample)}: {type(e).__name__}: {e}"
    return "supported", ""


def surprises(results, exceptions):
    """Lines about combinations that are not supported and whose operator is no exception, and about exceptions that are none."""
    bad = {c.schema.name for c, verdict, _ in results if verdict != "supported"}
    seen = {c.schema.name for c, _, _ in results}
    return ([f"{verdict}: {c.name}: {detail[:400]}" for c, verdict, detail in results if verdict != "supported" and c.schema.name not in exceptions] +
            [f"{name} is supported, but {EXCEPTIONS.name} lists it" for name in exceptions if name in seen - bad])


def describe(sample):
    shapes = [f"{v.dtype}{list(v.shape)}" if isinstance(v, np.ndarray) else type(v).__name__ for v in sample.inputs]
    return f"{sample.attrs} {' '.join(shapes)}"[:300]


def run_sweep(chosen, seed=1, models=2):
    """[(combination, verdict, detail)]; a crash or a hang is a verdict too."""
    cases()  # once, before the children
    found = forked_map(lambda c: run_combination(c, seed, models), chosen)
    return [(c, *(r if isinstance(r, tuple) else ("crash", r))) for c, r in zip(chosen, found)]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("-k", default="", help="only this operator")
    p.add_argument("--part", default="0/1", help="N/M: every M-th combination, from the N-th on")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--models", type=int, default=2, help="models per combination")
    p.add_argument("--ops", action="store_true", help="print a line per operator")
    p.add_argument("--update", action="store_true", help=f"take operators that are supported out of {EXCEPTIONS.name}; write the totals into the page")
    a = p.parse_args()
    n, m = map(int, a.part.split("/"))
    chosen = [c for c in combinations() if not a.k or c.schema.name == a.k][n::m]
    results = run_sweep(chosen, a.seed, a.models)
    totals, per_op = collections.Counter(), collections.defaultdict(collections.Counter)
    for c, verdict, detail in results:
        totals[verdict] += 1
        per_op[(c.schema.domain, c.schema.name)][verdict] += 1
        if verdict != "supported" and a.k:
            print(f"{verdict}: {c.name}: {detail[:400]}")
    if a.ops:
        for (domain, name), counts in sorted(per_op.items()):
            print(f"{domain or 'ai.onnx':28} {name:28} " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())))
    print(f"{len(results):,} combinations: " + ", ".join(f"{v:,} {k}" for k, v in sorted(totals.items())))
    if a.update:
        bad = {c.schema.name for c, verdict, _ in results if verdict != "supported"}
        drop([name for name in read_expected(EXCEPTIONS) if name not in bad], EXCEPTIONS)
        if not a.k and m == 1:
            pairs = len({(c.schema.domain, c.schema.name, c.schema.since_version) for c in chosen})
            rows = [f"| {verdict} | {count:,} |" for verdict, count in totals.most_common()]
            write_block("sweep", "\n".join([f"{len(results):,} combinations of {pairs} versions, {a.models} models each:", "", "| verdict | combinations |", "|---|---|", *rows]))
    lines = surprises(results, read_expected(EXCEPTIONS))
    print(*lines, sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
