import pytest

from kdtutor.grading.sandbox import Limits


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, None, "1"])
def test_a_limit_is_a_whole_number_from_one(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"cpu_seconds is .*: a whole number from 1 is needed"):
        Limits(cpu_seconds=wrong)  # type: ignore[arg-type]
