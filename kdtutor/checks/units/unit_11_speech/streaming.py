"""stream_step: one frame in, one answer out, and everything that must be remembered in the state."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_11_speech.shared import Case
from kdtutor.models import StreamingSpeechNetwork, seeded, streaming_speech_network

Step = Callable[[StreamingSpeechNetwork, Tensor, Any], Any]


@torch.no_grad()
def _stream_step(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    if state is None:
        state = frame.new_zeros(len(frame), model.conv.kernel_size[0] - 1, frame.shape[1]), None, 0.0, 0
    past, hidden, total, count = state
    window = torch.cat([past, frame[:, None]], 1)
    output, hidden = model.gru(model.conv(window.mT).relu().mT, hidden)
    total, count = total + output[:, 0], count + 1
    return model.head(total / count), (window[:, 1:], hidden, total, count)


def _network(g: Generator, *sizes: int) -> StreamingSpeechNetwork:
    channels, hidden, classes, mels, kernel = sizes
    seed = int(torch.randint(2**31, (), generator=g))
    model = streaming_speech_network(channels, hidden, classes, mels, kernel, seed=seed)
    with torch.no_grad(), seeded(seed):
        for parameter in model.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape))
    return model


def _cases(g: Generator) -> list[Case]:
    """A model, the first frame of an utterance, and no state yet."""
    sizes = [(2, (4, 3, 3, 5, 3)), (1, (3, 5, 4, 2, 5)), (3, (5, 2, 2, 3, 2))]
    return [(_network(g, *of_model), torch.randn(N, of_model[3], generator=g), None) for N, of_model in sizes]


def _answers(f: Solution, model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    """What is said after each of eight frames, of which the first is given."""
    others = torch.randn(len(frame), 7, frame.shape[1], generator=Generator().manual_seed(frame.numel()))
    return _said(f, model, torch.cat([frame[:, None], others], 1))


def _said(f: Solution, model: StreamingSpeechNetwork, utterances: Tensor) -> Any:
    """The answers after each frame, (N, T, classes)."""
    state, said = None, []
    for frame in utterances.unbind(1):
        reply = f(model, frame, state)
        if not isinstance(reply, (tuple, list)) or len(reply) != 2:
            return reply
        logits, state = reply
        said.append(logits)
    return torch.stack(said, 1)


# --- laws -----------------------------------------------------------------------------------------------------------


def _equals_the_whole(f: Solution, g: Generator) -> bool:
    model, x = _network(g, 4, 6, 5, 3, 4), torch.randn(2, 12, 3, generator=g)
    return near(_said(f, model, x), model.frame_logits(x).detach())


def _streams_do_not_mix(f: Solution, g: Generator) -> bool:
    model, x = _network(g, 4, 6, 5, 3, 3), torch.randn(2, 6, 3, generator=g)
    states: list[Any] = [None, None]
    said = []
    for t in range(6):
        for i in (0, 1):
            logits, states[i] = f(model, x[i : i + 1, t], states[i])
        said.append(logits)
    return near(torch.stack(said, 1), model.frame_logits(x[1:]).detach())


def _numbers_in(state: Any) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    if isinstance(state, Mapping):
        return [tensor for value in state.values() for tensor in _numbers_in(value)]
    if isinstance(state, (tuple, list)):
        return [tensor for value in state for tensor in _numbers_in(value)]
    return []


def _state_after(f: Solution, g: Generator, *frames: int) -> list[list[Tensor]]:
    model, x = _network(g, 4, 6, 5, 3, 3), torch.randn(1, max(frames), 3, generator=g)
    state, kept = None, []
    for t in range(max(frames)):
        _, state = f(model, x[:, t], state)
        if t + 1 in frames:
            kept.append(_numbers_in(state))
    return kept


def _state_does_not_grow(f: Solution, g: Generator) -> bool:
    early, late = (sum(t.numel() for t in tensors) for tensors in _state_after(f, g, 6, 30))
    return early == late


def _state_carries_no_graph(f: Solution, g: Generator) -> bool:
    (tensors,) = _state_after(f, g, 3)
    return not any(tensor.requires_grad for tensor in tensors)


# --- mistakes -------------------------------------------------------------------------------------------------------


def _made_of(
    window: Callable[[Tensor, Tensor], Tensor] = lambda past, frame: torch.cat([past, frame], 1),
    carry_past: bool = True,
    carry_hidden: bool = True,
    activation: Callable[[Tensor], Tensor] = torch.relu,
    answer: Callable[[Tensor, Tensor, int], Tensor] = lambda output, total, count: total / count,
) -> Step:
    """A step with one of its parts exchanged."""

    @torch.no_grad()
    def step(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
        nothing = frame.new_zeros(len(frame), model.conv.kernel_size[0] - 1, frame.shape[1])
        past, hidden, total, count = state if state is not None else (nothing, None, 0.0, 0)
        seen = window(past, frame[:, None])
        output, hidden = model.gru(activation(model.conv(seen.mT)).mT, hidden if carry_hidden else None)
        total, count = total + output[:, 0], count + 1
        past = torch.cat([past, frame[:, None]], 1)[:, 1:] if carry_past else nothing
        return model.head(answer(output[:, 0], total, count)), (past, hidden, total, count)

    return step


def _remembers_everything(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    heard = frame[:, None] if state is None else torch.cat([state, frame[:, None]], 1)
    with torch.no_grad():
        return model.frame_logits(heard)[:, -1], heard


def _with_the_graph(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    with torch.enable_grad():
        return _stream_step.__wrapped__(model, frame, state)  # type: ignore[attr-defined]


_MEMORY: dict[str, Any] = {}


def _remembers_beside_the_state(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    logits, _MEMORY["state"] = _stream_step(model, frame, None if state is None else _MEMORY["state"])
    return logits, True


def _state_first(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    logits, state = _stream_step(model, frame, state)
    return state, logits


def _always_from_the_beginning(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    return _stream_step(model, frame, None)


def _logits_averaged_over_two(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    """The mean of the newest state and the mean before: old frames fade."""
    before = None if state is None else state[2]
    step = _made_of(answer=lambda output, total, count: output if before is None else (before + output) / 2)
    logits, (past, hidden, _, count) = step(model, frame, state)
    output = hidden[0]
    return logits, (past, hidden, output if before is None else (before + output) / 2, count)


# --- styles ---------------------------------------------------------------------------------------------------------


def _in_a_dictionary(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    reach = model.conv.kernel_size[0]
    with torch.no_grad():
        if state is None:
            state = {
                "window": torch.zeros(len(frame), frame.shape[1], reach),
                "hidden": torch.zeros(1, len(frame), model.gru.hidden_size),
            }
            state |= {"mean": torch.zeros(len(frame), model.gru.hidden_size), "frames": 0}
        window = torch.cat([state["window"][..., 1:], frame.unsqueeze(-1)], -1)
        output, hidden = model.gru(torch.relu(model.conv(window)).transpose(1, 2), state["hidden"])
        frames = state["frames"] + 1
        mean = state["mean"] + (output[:, -1] - state["mean"]) / frames
        return model.head(mean), {"window": window, "hidden": hidden, "mean": mean, "frames": frames}


def _gates_by_hand(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    weight = {name: p.detach() for name, p in model.named_parameters()}
    k = weight["conv.weight"].shape[-1]
    if state is None:
        state = [frame.new_zeros(frame.shape)] * (k - 1), torch.zeros(len(frame), model.gru.hidden_size), 0, 0
    past, h, total, count = state
    window = [*past, frame]
    z = weight["conv.bias"] + sum(x @ weight["conv.weight"][..., j].T for j, x in enumerate(window))
    a = z.clamp_min(0) @ weight["gru.weight_ih_l0"].T + weight["gru.bias_ih_l0"]
    b = h @ weight["gru.weight_hh_l0"].T + weight["gru.bias_hh_l0"]
    (a_r, a_z, a_n), (b_r, b_z, b_n) = a.chunk(3, -1), b.chunk(3, -1)
    r, u = (a_r + b_r).sigmoid(), (a_z + b_z).sigmoid()
    h = (1 - u) * (a_n + r * b_n).tanh() + u * h
    total, count = total + h, count + 1
    logits = total / count @ weight["head.weight"].T + weight["head.bias"]
    return logits, (window[1:], h, total, count)


def _detached_at_the_end(model: StreamingSpeechNetwork, frame: Tensor, state: Any) -> Any:
    k = model.conv.kernel_size[0]
    past, hidden, total, count = state or (
        torch.zeros(len(frame), frame.shape[1], k - 1),
        None,
        torch.tensor(0.0),
        torch.tensor(0),
    )
    window = torch.cat([past, frame[:, :, None]], 2)
    output, hidden = model.gru(model.conv(window).relu().mT, hidden)
    total = total + output.squeeze(1)
    count = count + 1
    return model.head(total / count).detach(), (window[:, :, 1:], hidden.detach(), total.detach(), count)


stream_step = Exercise(
    reference=_stream_step,
    inputs=_cases,
    observe=_answers,
    laws=[
        Law("says after each frame what the whole utterance says there", _equals_the_whole,
            "model.frame_logits(x) computes all answers at once: yours, frame by frame, have to be the same."),
        Law("keeps two streams apart that are fed in turns", _streams_do_not_mix,
            "A server listens to many people with one model. Whatever has to be remembered belongs into the state."),
        Law("keeps a state that does not grow", _state_does_not_grow,
            "After a minute of speech a frame may cost no more than after a second."),
        Law("carries no graph along", _state_carries_no_graph,
            "With gradients recorded the state holds on to every frame since the first. Work under torch.no_grad()."),
    ],
    mistakes=[
        Mistake("hidden state forgotten", _made_of(carry_hidden=False),
                "The GRU starts anew at every frame: hand its state of the last frame in, and keep the one that comes out."),
        Mistake("past frames forgotten", _made_of(carry_past=False),
                "The convolution sees zeros where the frames before should be. Its last k - 1 frames belong into the state."),
        Mistake("frames in the wrong order", _made_of(window=lambda past, frame: torch.cat([frame, past.flip(1)], 1)),
                "The newest frame stands first in your window. The kernel's last entry meets the newest frame."),
        Mistake("nothing remembered", _always_from_the_beginning,
                "Every frame is answered as if it were the first: the state that comes in is not used."),
        Mistake("newest state alone", _made_of(answer=lambda output, total, count: output),
                "You answer from the GRU's newest state alone. The answer is made of the mean of all its states so far."),
        Mistake("sum, not mean", _made_of(answer=lambda output, total, count: total),
                "You answer from the sum of the states. Divide by the number of frames heard so far."),
        Mistake("divided by one frame too many", _made_of(answer=lambda output, total, count: total / (count + 1)),
                "You divide by one frame too many. After the first frame the mean is of one state."),
        Mistake("old frames fade", _logits_averaged_over_two,
                "Your mean is half the newest state and half the mean before, so the first frames fade away. All frames weigh "
                "alike: keep their sum and their number."),
        Mistake("relu forgotten", _made_of(activation=lambda z: z),
                "The ReLU between convolution and GRU is missing."),
        Mistake("remembers every frame", _remembers_everything,
                "The answers are right, but the state holds all frames and each answer starts again from the first: frame "
                "1,000 costs a thousand times what the first did."),
        Mistake("memory beside the state", _remembers_beside_the_state,
                "Right for one stream. What you remember is not in the state but beside it, so two streams fed in turns get "
                "mixed up."),
        Mistake("graph carried along", _with_the_graph,
                "The answers are right, but gradients are recorded, and the state holds the graph of every frame since the "
                "first. It grows and grows: work under torch.no_grad().", only_at_home=True),
        Mistake("state first", _state_first, "You return the state first. The logits come first, then the state."),
    ],
    styles={
        "a tuple": _made_of(),
        "a dictionary and a running mean": _in_a_dictionary,
        "the gates by hand": _gates_by_hand,
        "detached at the end": _detached_at_the_end,
    },
    hints=(
        "Ask of each part of the model what it has to remember: the convolution, the GRU, the mean.",
        "The convolution remembers k - 1 frames, the GRU its hidden state, the mean a sum and a number. With state None all "
        "of them are zero.",
        "A window of k frames, (N, mels, k), gives the convolution one output. model.gru(one_frame, hidden) returns its "
        "output and the new hidden state.",
    ),
)  # fmt: skip
