"""Other people's distillation losses in our terms, so that a configuration can be carried over.

Ours: kd_loss = T² · KL(p_t(T) ‖ p_s(T)), summed over classes, averaged over the batch; α weighs it:
distillation_loss = (1 - α) · CE + α · kd_loss. Each `from_...` takes a library's own numbers and returns the
`Translation` with

    their loss = scale · distillation_loss(z_s, z_t, labels, temperature, alpha).

SGD sees `scale` as a factor on the learning rate, Adam hardly sees it. What was read (commit, year where known):

    RepDistiller   HobbitLong/RepDistiller, distiller_zoo/KD.py, helper/loops.py, train_student.py
    mdistiller     megvii-research/mdistiller, mdistiller/distillers/KD.py, mdistiller/engine/cfg.py (a08d46f, e8c5bb3)
    torchdistill   yoshitomo-matsubara/torchdistill, torchdistill/losses/mid_level.py (3e4373c, 2026)
    KD_Lib         SforAiDl/KD_Lib, KD_Lib/KD/vision/vanilla/vanilla_kd.py (a94d236, 2023)
    DeiT           facebookresearch/deit, losses.py, main.py (7e160fe, 2024)
    TRL            huggingface/trl, trl/experimental/gkd/gkd_trainer.py, .../distillation_trainer.py (f2cd577, 2026)
"""

import math
from dataclasses import dataclass
from typing import Literal

from kdtutor.distill.arguments import require_count, require_positive, require_temperature, require_weight


@dataclass(frozen=True)
class Translation:
    """their loss = scale · ((1 - alpha) · CE + alpha · kd_loss at this temperature).

    exact: whether that is an equation for all logits; otherwise it holds as T → ∞ only.
    """

    temperature: float
    alpha: float
    scale: float
    exact: bool = True


def from_weights(label_weight: float, kd_weight: float, temperature: float, *, exact: bool = True) -> Translation:
    """label_weight · CE + kd_weight · kd_loss: α = kd_weight / (label_weight + kd_weight), scale = their sum.

    Weights: zero or more, not both zero. Raises ValueError otherwise, and for T <= 0.
    """
    require_temperature(temperature)
    require_weight("label_weight", label_weight, 0.0, math.inf)
    require_weight("kd_weight", kd_weight, 0.0, math.inf)
    scale = label_weight + kd_weight
    if scale == 0:
        raise ValueError("label_weight and kd_weight are both 0: nothing is left to train on")
    return Translation(temperature, kd_weight / scale, scale, exact)


def from_repdistiller(gamma: float = 1.0, alpha: float = 0.0, temperature: float = 4.0) -> Translation:
    """RepDistiller: γ · CE + α · T² · KL(p_t ‖ p_s) / N + β · (the method's own loss, not part of this).

    gamma, alpha, temperature: its options -r, -a and --kd_T (plain KD in its README: -r 0.1 -a 0.9, T = 4). The KL is
    summed and divided by the batch size, so its term is kd_loss itself.
    Source: HobbitLong/RepDistiller, distiller_zoo/KD.py (DistillKL), helper/loops.py (train_distill).
    """
    return from_weights(gamma, alpha, temperature)


def from_mdistiller(ce_weight: float = 0.1, kd_weight: float = 0.9, temperature: float = 4.0) -> Translation:
    """mdistiller: CE_WEIGHT · CE + KD_WEIGHT · T² · row mean of Σ_c p_t log(p_t / p_s); its term is kd_loss itself.

    Arguments: KD.LOSS.CE_WEIGHT, KD.LOSS.KD_WEIGHT, KD.TEMPERATURE of its configuration, with its defaults. Its DKD is
    our `dkd_loss` with the same α, β and T, times a warm-up of min(epoch / WARMUP, 1), beside CE at full weight.
    Source: megvii-research/mdistiller, mdistiller/distillers/KD.py and DKD.py, mdistiller/engine/cfg.py.
    """
    return from_weights(ce_weight, kd_weight, temperature)


def from_torchdistill(
    temperature: float,
    alpha: float,
    beta: float | None = None,
    *,
    reduction: Literal["batchmean", "mean", "sum"] = "batchmean",
    classes: int | None = None,
    batch: int | None = None,
) -> Translation:
    """torchdistill's KDLoss: α · CE + β · T² · KL, β = 1 - α if not given. There **α weighs the cross-entropy**.

    At α = 0 it returns the KL alone, without T² and whatever β is: the loss jumps, at T = 4 by a factor of 16.
    reduction "mean" divides the KL by the classes too (give classes); "sum" multiplies both terms by the batch size
    (give batch).
    Source: yoshitomo-matsubara/torchdistill, torchdistill/losses/mid_level.py (KDLoss).
    """
    require_temperature(temperature)
    kd_weight = (1 - alpha if beta is None else beta) if alpha != 0 else temperature**-2
    match reduction:
        case "batchmean":
            return from_weights(alpha, kd_weight, temperature)
        case "mean":
            return from_weights(alpha, kd_weight / _given("classes", classes), temperature)
        case "sum":
            batch = _given("batch", batch)
            return from_weights(alpha * batch, kd_weight * batch, temperature)
    raise ValueError(f"reduction is {reduction!r}: one of 'batchmean', 'mean', 'sum' is needed")


def from_kd_lib(classes: int, distil_weight: float = 0.5, temperature: float = 20.0) -> Translation:
    """KD_Lib's VanillaKD: (1 - w) · CE + w · T² · mean over samples and classes of (p_t - p_s)²: no KL, **not exact**.

    As T → ∞, with logits centred by row, kd_loss → Σ_c (z_s - z_t)² / (2 C) and KD_Lib's term → Σ_c (z_s - z_t)² / C³,
    rows averaged in both: a factor of 2 / C², by which the weight is translated. How far a given T is from that limit
    depends on the logits' size against T: at its default T = 20, with 10 classes and logits N(0, 3), the gradients are
    still 16 % apart.
    Source: SforAiDl/KD_Lib, KD_Lib/KD/vision/vanilla/vanilla_kd.py (calculate_kd_loss; loss_fn left at MSELoss).
    """
    require_count("classes", classes)
    require_weight("distil_weight", distil_weight, 0.0, 1.0)
    return from_weights(1 - distil_weight, distil_weight * 2 / classes**2, temperature, exact=False)


def from_deit(classes: int, alpha: float = 0.5, tau: float = 1.0) -> Translation:
    """DeiT, soft distillation: (1 - α) · base + α · τ² · KL summed / (N · C): C times weaker than kd_loss.

    classes: C, 1000 on ImageNet. alpha, tau: --distillation-alpha and --distillation-tau. The KL is taken at the
    distillation token's logits; base is the class token's loss, which is a cross-entropy with mixed or smoothed labels.
    Source: facebookresearch/deit, losses.py (DistillationLoss), main.py; issue 61 there.
    """
    require_count("classes", classes)
    require_weight("alpha", alpha, 0.0, 1.0)
    return from_weights(1 - alpha, alpha / classes, tau)


def from_logit_standardization(classes: int, ce_weight: float, kd_weight: float, temperature: float) -> Translation:
    """Logit standardisation's program: logits / (std with divisor C - 1), then KD at T: ours at T · √(C / (C - 1)).

    The translation is to be used with our `standardize_logits`, whose std has divisor C: its z-scores are larger by
    √(C / (C - 1)), the higher temperature undoes that, and the scale takes the surplus out of T². (Its 1e-7 beside the
    standard deviation is left out.)
    Source: sunshangquan/logit-standardization-KD, mdistiller/distillers/KD.py.
    """
    require_count("classes", classes)
    if classes < 2:
        raise ValueError("classes is 1: a standard deviation with divisor C - 1 needs two")
    ratio = classes / (classes - 1)
    return from_weights(ce_weight, kd_weight / ratio, temperature * math.sqrt(ratio))


def trl_scale(temperature: float = 1.0) -> float:
    """TRL's generalised JSD = trl_scale(T) · generalized_js(z_s, z_t, β, T, mask=labels != -100): 1 / T², it has no T².

    β means the same in both, ends included. Its GKDTrainer never hands its `temperature` (0.9) to the loss: that one
    is for sampling, so take T = 1 here; DistillationTrainer and GOLDTrainer do hand theirs on. Two differences in what
    is averaged: without labels its "batchmean" divides by the batch alone, L times more than ours for (B, L, V) logits;
    and given num_items_in_batch it divides by that.
    Source: huggingface/trl, trl/experimental/gkd/gkd_trainer.py (generalized_jsd_loss),
    trl/experimental/distillation/distillation_trainer.py.
    """
    require_temperature(temperature)
    return temperature**-2


def dist_scale(temperature: float) -> float:
    """torchdistill's DISTLoss = dist_scale(T) · dist_loss at the same T, β, γ: T², which the paper does not have.

    Source: yoshitomo-matsubara/torchdistill, torchdistill/losses/mid_level.py (DISTLoss).
    """
    require_temperature(temperature)
    return temperature**2


def attention_code_over_paper(distance: float, positions: int) -> float:
    """How much smaller the gradient of attention_loss(form="code") is than that of form="paper", for one sample.

    code = paper² / (H·W), so their slopes differ by 2 · distance / positions: distance the paper's value ‖q_s - q_t‖,
    positions H·W. It shrinks as the student learns, which a fixed weight cannot make up for.
    Source: szagoruyko/attention-transfer, utils.py (at_loss), issue 34.
    """
    require_positive("distance", distance)
    require_count("positions", positions)
    return 2 * distance / positions


def rkd_distance_factor(batch: int) -> float:
    """The authors' RKD distance loss = factor · rkd_distance_loss: (N - 1) / N, as N zeros of (i, i) are averaged too.

    Samples that coincide are left out of its mean distance, not of ours.
    Source: lenscloth/RKD, metric/loss.py (RkdDistance).
    """
    require_count("batch", batch)
    return (batch - 1) / batch


def rkd_angle_factor(batch: int) -> float:
    """The authors' RKD angle loss = factor · rkd_angle_loss: (N - 1) (N - 2) / N², its mean runs over all N³ triplets.

    Source: lenscloth/RKD, metric/loss.py (RKdAngle).
    """
    require_count("batch", batch)
    return (batch - 1) * (batch - 2) / batch**2


def _given(name: str, value: int | None) -> int:
    if value is None:
        raise ValueError(f"{name} is missing: this reduction depends on it")
    require_count(name, value)
    return value
