"""Mutants are programs, differ from their origin, from each other, and by one change each."""

import ast

from kdtutor.grading.proof.mutants import mutants

SOURCE = '''
def loss(z, t, T):
    """Not 1 word of this changes."""
    z.train()
    scale = -1 if T > 2 else T ** 2
    return scale * (z / T).log_softmax(-1).sum(dim=1, keepdim=True).mean()
'''


def test_every_mutant_is_another_program_with_the_docstring_it_had():
    made = mutants(SOURCE)
    sources = [mutant.source for mutant in made]
    assert len(set(sources)) == len(sources) == len({mutant.what for mutant in made})
    assert ast.unparse(ast.parse(SOURCE)) not in sources
    for source in sources:
        compile(source, "<mutant>", "exec")
        assert "Not 1 word of this changes." in source


def test_operators_signs_numbers_arguments_calls_and_statements_are_changed():
    made = {mutant.what for mutant in mutants(SOURCE)}
    for what in (
        "z / T -> z * T",
        "T ** 2 -> T * 2",
        "T > 2 -> T >= 2",
        "2 -> 3",
        "-1 -> 0",
        "z.train() -> pass",
        "z.train() -> z.eval()",
        "(z / T).log_softmax(-1) -> (z / T).softmax(-1)",
        "-1 if T > 2 else T ** 2 -> T ** 2",
    ):
        assert what in made, sorted(made)
    assert any(mutant.source.count("dim=1") == 0 for mutant in mutants(SOURCE))


def test_a_program_with_nothing_to_change_has_no_mutants():
    assert mutants("answer = 'kl'") == []
