"""The names and parameters that units, checks and learners rely on. They may grow; they may not change."""

import inspect

import pytest

from kdtutor import checks, distill, measure, prune, quantize

CONTRACT = {
    distill: {
        "soften": "logits temperature",
        "entropy": "probs",
        "kl_divergence": "p q",
        "kd_loss": "student_logits teacher_logits temperature=4.0 direction='forward' class_weights=None",
        "distillation_loss": "student_logits teacher_logits labels temperature=4.0 alpha=0.9",
        "standardize_logits": "logits",
        "dkd_loss": "student_logits teacher_logits labels temperature=4.0 alpha=1.0 beta=8.0",
        "dist_loss": "student_logits teacher_logits temperature=1.0 beta=1.0 gamma=1.0",
        "hint_loss": "student teacher",
        "attention_map": "features",
        "attention_loss": "student teacher",
        "similarity_loss": "student teacher",
        "rkd_distance_loss": "student teacher",
        "rkd_angle_loss": "student teacher",
        "correlation_loss": "student teacher",
        "pkt_loss": "student teacher",
        "VariationalInformation": "student_channels teacher_channels",
        "ContrastiveDistillation": "student_channels teacher_channels",
    },
    prune: {
        "magnitude_mask": "weight sparsity",
        "random_mask": "weight sparsity generator",
        "global_magnitude_masks": "weights sparsity",
        "n_m_mask": "weight n=2 m=4",
        "wanda_mask": "weight inputs sparsity",
        "cubic_sparsity": "step total_steps final initial=0.0",
        "soft_threshold": "weight amount",
        "remove_neurons": "first second keep",
        "remove_channels": "conv norm following keep",
    },
    quantize: {
        "affine_parameters": "low high bits=8",
        "quantize_affine": "x scale zero_point bits=8",
        "dequantize_affine": "codes scale zero_point",
        "fake_quantize": "x scale zero_point bits=8",
        "power_of_two": "x bits",
        "kmeans_codebook": "weight bits",
        "pack_bits": "codes bits",
        "unpack_bits": "packed bits count",
        "huffman_code_lengths": "counts",
        "Int8Linear.from_float": "linear",
    },
    checks: {"check": "solution", "examine": "exercise_name solution", "hint": "solution"},
    measure: {
        "parameters": "model",
        "macs": "model example",
        "artifact_bytes": "artifact",
        "latency": "fn",
        "accuracy": "model data",
    },
}
ROWS = [(room, name, wanted) for room, names in CONTRACT.items() for name, wanted in names.items()]


@pytest.mark.parametrize(("room", "name", "wanted"), ROWS, ids=[f"{room.__name__}.{name}" for room, name, _ in ROWS])
def test_a_public_function_takes_the_parameters_that_the_course_calls_it_with(room, name, wanted):
    found = room
    for part in name.split("."):
        found = getattr(found, part)
    parameters = inspect.signature(found).parameters
    has = [p if q.default is inspect.Parameter.empty else f"{p}={q.default!r}" for p, q in parameters.items()]
    assert has[: len(wanted.split())] == wanted.split()
