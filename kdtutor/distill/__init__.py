"""What a student can learn from: a teacher's outputs (logits), features, relations, and how the two are trained."""

from kdtutor.distill.logits import distillation_loss, entropy, kd_loss, kl_divergence, soften

__all__ = ["distillation_loss", "entropy", "kd_loss", "kl_divergence", "soften"]
