"""Whole layers left out of a stack."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, nn

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_06_smaller_networks.networks import drawn, numbers


def _drop_layers(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
    return prune.drop_layers(blocks, drop)


def _stack(g: Generator, count: int) -> nn.Sequential:
    return nn.Sequential(
        *(
            nn.Sequential(drawn(nn.Linear(3, 3), g), nn.ReLU()) if i % 2 else drawn(nn.Linear(3, 3), g)
            for i in range(count)
        )
    )


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    return [(_stack(g, count), drop) for count, drop in ((5, [1, 2]), (4, [0]), (6, [4, 1, 3]), (3, []))]


def _blocks_and_originals(f: Solution, blocks: nn.Sequential, drop: Sequence[int]) -> dict[str, Any]:
    own = copy.deepcopy(blocks)
    answer = f(own, drop)
    if not isinstance(answer, nn.Sequential):
        return {"value": answer}
    return {
        "value": "a stack",
        "number of blocks": len(answer),
        "blocks": [numbers(block) for block in answer],
        "original": [numbers(block) for block in own],
    }


def _of_its_own(f: Solution, g: Generator) -> bool:
    blocks = _stack(g, 3)
    before = [p.detach().clone() for p in blocks.parameters()]
    small = f(blocks, [1])
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.add_(1.0)
    return all(torch.equal(p.detach(), b) for p, b in zip(blocks.parameters(), before, strict=True))


def _keeping(wanted: Callable[[int, nn.Sequential, list[int]], bool]) -> Solution:
    def drop_layers(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
        return nn.Sequential(*(copy.deepcopy(b) for i, b in enumerate(blocks) if wanted(i, blocks, list(drop))))

    return drop_layers


def _positions_shift(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
    left = [copy.deepcopy(block) for block in blocks]
    for position in sorted(drop):
        if position < len(left):
            del left[position]
    return nn.Sequential(*left)


def _identity_in_place(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(nn.Identity() if i in drop else copy.deepcopy(b) for i, b in enumerate(blocks)))


def _in_place(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
    for position in sorted(drop, reverse=True):
        del blocks[position]
    return blocks


def _shared(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
    return nn.Sequential(*(block for i, block in enumerate(blocks) if i not in drop))


def _from_behind(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
    return _in_place(copy.deepcopy(blocks), drop)


def _appended(blocks: nn.Sequential, drop: Sequence[int]) -> nn.Sequential:
    stack = nn.Sequential()
    for position in range(len(blocks)):
        if position not in drop:
            stack.append(copy.deepcopy(blocks[position]))
    return stack


drop_layers = Exercise(
    reference=_drop_layers,
    inputs=_cases,
    observe=_blocks_and_originals,
    laws=[
        Law("shares no weight with the stack that it came from", _of_its_own,
            "Training the short stack changes the long one: the blocks are the same objects. Copy them."),
    ],
    mistakes=[
        Mistake("positions shift", _positions_shift,
                "After the first deletion all later positions move down by one, so you remove a neighbour. Positions count in the "
                "stack as it came."),
        Mistake("keeps what should go", _keeping(lambda i, blocks, drop: i in drop),
                "You keep the blocks that are named and drop the others."),
        Mistake("identity in their place", _identity_in_place,
                "The blocks do nothing now, but they are still there: the stack has its old length. Leave them out."),
        Mistake("number dropped, not which", _keeping(lambda i, blocks, drop: i < len(blocks) - len(drop)),
                "As many blocks go as should, but from the end. The positions say which."),
        Mistake("one block only", _keeping(lambda i, blocks, drop: i not in drop[:1]),
                "Only the first of the named blocks is gone."),
        Mistake("counts from one", _keeping(lambda i, blocks, drop: i + 1 not in drop),
                "You count positions from 1. The first block of a Sequential is 0."),
    ],
    styles={
        "a copy, deleted from behind": _from_behind,
        "appended one by one": _appended,
        "filtered, then copied": lambda blocks, drop: copy.deepcopy(_shared(blocks, drop)),
    },
    hints=(
        "Go through the blocks with their positions, and keep those whose position is not named.",
        "enumerate(blocks) gives both; copy.deepcopy(block) makes a block of its own.",
        "nn.Sequential(*list_of_blocks) makes the new stack.",
    ),
)  # fmt: skip
