# SPDX-License-Identifier: MIT
"""What the rivals and our own solver are given, against the benchmark's own problem."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import osqp
import pytest
from scipy.sparse import csc_matrix, triu

from mesor.errors import ImageError
from mesor.program.design import design
from mesor_hil.bench_solver.own import therapy_problem
from mesor_hil.bench_solver.problem import make_problem
from mesor_hil.bench_solver.reference import Reference
from mesor_hil.bench_solver.rivals import packages
from mesor_hil.bench_solver.rivals.c_module import Rival, c_table, c_terms, write_module
from mesor_hil.bench_solver.rivals.quadratic import QuadraticProgram, condensed, sparse
from mesor_hil.bench_solver.states import Purpose, random_states


@pytest.mark.parametrize("form", [condensed, sparse])
def test_each_form_has_the_optimum_of_the_problem(form) -> None:
    """A rival that is given another problem would be timed for nothing."""
    problem = make_problem(10)
    program: QuadraticProgram = form(problem)
    reference = Reference(problem)
    for state in random_states(10, 3, Purpose.TUNING):
        numbers = np.array(
            [state.central, state.peripheral, state.disturbance, state.target, state.move_before]
        )
        shift = program.bounds_by_state @ numbers
        solver = osqp.OSQP()
        solver.setup(
            triu(csc_matrix(program.cost), format="csc"),
            program.linear_by_state @ numbers,
            csc_matrix(program.rows),
            program.lower + shift,
            program.upper + shift,
            eps_abs=1e-8,
            eps_rel=1e-8,
            max_iter=200_000,
            verbose=False,
        )
        found = solver.solve(raise_error=True)
        assert found.x[0] == pytest.approx(reference.solve(state).point[0], abs=2e-6)


def test_our_solver_is_given_the_same_problem_as_its_rivals() -> None:
    """The therapy's units and rounding to whole steps must not change the problem."""
    ours, theirs = design(therapy_problem(20)), make_problem(20)
    assert ours.response == pytest.approx(theirs.response, rel=1e-9)
    assert ours.free[:, :2] == pytest.approx(theirs.free, rel=1e-9)
    assert ours.hessian == pytest.approx(theirs.cost[:20, :20], rel=1e-9)
    assert 2 * ours.soft_weight == theirs.cost[20, 20]


def test_a_table_in_c_gives_back_every_bit() -> None:
    """C reads the decimal that stands for one float32 and no other."""
    values = np.random.default_rng(4).normal(0, 1e3, (5, 3)).astype(np.float32)
    text = c_table("table", values)
    assert text.startswith("static const float table[5][3] = {{")
    numbers = [float(number) for number in re.findall(r"(-?[\d.]+e[+-]\d+)f", text)]
    assert np.array(numbers, dtype=np.float32).reshape(5, 3).tolist() == values.tolist()


def test_terms_are_the_entries_that_are_not_zero() -> None:
    """Row, entry of the state, factor."""
    matrix = np.array([[0.0, 0.5], [0.0, 0.0], [-2.0, 0.0]])
    assert c_terms("terms", matrix) == (
        "static const term terms[2] = {{0, 1, 5.00000000e-01f}, {2, 0, -2.00000000e+00f}};\n"
    )


def test_a_module_names_its_own_files_and_shows_micropython_one(tmp_path: Path) -> None:
    """MicroPython preprocesses what it is shown, without a rival's options."""
    source = tmp_path / "their.c"
    source.write_text("int answer;\n")
    rival = Rival("R", "as is", "daqp_glue.c", (source,), (), "#define N 1\n", ("-DN=1",))
    folder = write_module(rival, tmp_path / "module")
    text = (folder / "micropython.cmake").read_text()
    library = text.partition("add_library(usermod_rival")[0]
    assert "their.c" in library and "daqp_glue.c" in library and "-DN=1" in library
    assert "module.c" not in library
    assert (folder / "rival" / "tables.h").read_text() == "#define N 1\n"


def test_without_a_network_the_reason_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends with status 2 and this sentence, never with a traceback."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ImageError, match=r"pip cannot fetch the source package daqp 0\.11\.0"):
        packages.unpack(packages.DAQP, tmp_path / "out", lambda text: None)
    assert not (tmp_path / "out").exists()
