"""What a student can learn from: a teacher's outputs (logits), features, relations, and how the two are trained."""

from kdtutor.distill.chunked import chunked_kd_loss
from kdtutor.distill.contrastive import ContrastiveDistillation
from kdtutor.distill.decoupled import decoupled_parts, dkd_loss
from kdtutor.distill.dist import dist_loss
from kdtutor.distill.features import Regressor, attention_loss, attention_map, hint_loss
from kdtutor.distill.fingerprint import samples_fingerprint, weights_fingerprint
from kdtutor.distill.logits import distillation_loss, entropy, kd_loss, kl_divergence, soften, standardize_logits
from kdtutor.distill.missing_class import correct_missing_class, missing_class_shift, missing_class_shift_for_frequency
from kdtutor.distill.multi_task import UncertaintyWeights, multi_task_loss, task_losses
from kdtutor.distill.online import OnlineDistiller, OnlineStep, ReplayMemory
from kdtutor.distill.per_sample import entropy_temperatures, entropy_weights, per_sample_kd_loss
from kdtutor.distill.regimes import (
    Stage,
    distil_from_scratch,
    finetune_with_teacher,
    follow,
    pretrain_then_finetune,
    total_epochs,
)
from kdtutor.distill.relational import rkd_angle_loss, rkd_distance_loss
from kdtutor.distill.relations import correlation_loss, pkt_loss, similarity_loss
from kdtutor.distill.sequences import generalized_js
from kdtutor.distill.sparse_targets import (
    SparseTargets,
    bytes_per_sample,
    nucleus_targets,
    sparse_kd_loss,
    topk_targets,
)
from kdtutor.distill.targets import ensemble_targets, geometric_ensemble_targets, soft_cross_entropy, soft_target_loss
from kdtutor.distill.teacher_cache import LogitCache, cache_logits, load_logit_cache, save_logit_cache
from kdtutor.distill.teachers import born_again, ema_update, evaluating, mutual_losses, teacher_logits
from kdtutor.distill.transfer import transfer_weights, weight_pull
from kdtutor.distill.variational_information import VariationalInformation
from kdtutor.distill.views import Views, shifts, unchanged

__all__ = [
    "ContrastiveDistillation",
    "LogitCache",
    "OnlineDistiller",
    "OnlineStep",
    "Regressor",
    "ReplayMemory",
    "SparseTargets",
    "Stage",
    "UncertaintyWeights",
    "VariationalInformation",
    "Views",
    "attention_loss",
    "attention_map",
    "born_again",
    "bytes_per_sample",
    "cache_logits",
    "chunked_kd_loss",
    "correct_missing_class",
    "correlation_loss",
    "decoupled_parts",
    "dist_loss",
    "distil_from_scratch",
    "distillation_loss",
    "dkd_loss",
    "ema_update",
    "ensemble_targets",
    "entropy",
    "entropy_temperatures",
    "entropy_weights",
    "evaluating",
    "finetune_with_teacher",
    "follow",
    "generalized_js",
    "geometric_ensemble_targets",
    "hint_loss",
    "kd_loss",
    "kl_divergence",
    "load_logit_cache",
    "missing_class_shift",
    "missing_class_shift_for_frequency",
    "multi_task_loss",
    "mutual_losses",
    "nucleus_targets",
    "per_sample_kd_loss",
    "pkt_loss",
    "pretrain_then_finetune",
    "rkd_angle_loss",
    "rkd_distance_loss",
    "samples_fingerprint",
    "save_logit_cache",
    "shifts",
    "similarity_loss",
    "soft_cross_entropy",
    "soft_target_loss",
    "soften",
    "sparse_kd_loss",
    "standardize_logits",
    "task_losses",
    "teacher_logits",
    "topk_targets",
    "total_epochs",
    "transfer_weights",
    "unchanged",
    "weight_pull",
    "weights_fingerprint",
]
