"""An error answer to be."""

from __future__ import annotations

import pickle

import pytest

from moonsense.contract.problems import TYPES, Problem


@pytest.mark.parametrize("status", TYPES)
def test_every_status_has_its_own_type(status: int) -> None:
    assert Problem(status, "no").type == TYPES[status]
    assert len(set(TYPES.values())) == len(TYPES)


def test_other_statuses_have_one_too() -> None:
    assert Problem(418, "no").type == "invalid_request_error"
    assert Problem(507, "no").type == "server_error"


def test_a_problem_is_an_exception_with_a_hash_that_pickles() -> None:
    problem = Problem(status=429, message="slower", param="page", retry_after=3)
    assert len({problem, Problem(429, "slower", "page", 3)}) == 2
    again = pickle.loads(pickle.dumps(problem))
    assert vars(again) == vars(problem)
    assert str(again) == "slower"
