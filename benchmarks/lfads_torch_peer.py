"""The unmodified model of lfads-torch, at sizes of ours: for benchmarks that are given a checkout of it.

It needs pytorch-lightning, hydra-core and torchmetrics in the environment; the package itself needs no installing.
"""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from nwb_autolfads.lfads.sizes import Sizes

GRADIENT_NORM = 200.0


def build_peer(
    checkout: str,
    sizes: Sizes,
    bins: int,
    *,
    learning_rate: float = 4e-3,
    dropout: float = 0.05,
    mask_rate: float = 0.5,
    kl_initial_condition: float = 1e-4,
    kl_inputs: float = 1e-4,
    l2: float = 1e-4,
    ramp_epochs: int = 80,
) -> Any:
    """Build its LFADS with gamma observations, an AR(1) prior of the inputs and coordinated dropout."""
    if checkout not in sys.path:
        sys.path.insert(0, checkout)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    from lfads_torch.model import LFADS
    from lfads_torch.modules import augmentations, priors, recons
    from lfads_torch.modules.readin_readout import FanInLinear

    s, gamma = sizes, recons.Gamma()
    hide = augmentations.CoordinatedDropout(mask_rate, cd_pass_rate=0.0, ic_enc_seq_len=0)
    return LFADS(
        **{"encod_data_dim": s.channels, "encod_seq_len": bins, "recon_seq_len": bins, "ext_input_dim": 0},
        **{"ic_enc_seq_len": 0, "ic_enc_dim": s.ic_encoder, "ci_enc_dim": s.ci_encoder, "ci_lag": 1},
        **{"con_dim": s.controller, "co_dim": s.inputs, "ic_dim": s.initial_condition, "gen_dim": s.generator},
        **{"fac_dim": s.factors, "dropout_rate": dropout, "variational": True, "cell_clip": 5.0},
        reconstruction=nn.ModuleList([gamma]),
        co_prior=priors.AutoregressiveMultivariateNormal(tau=10.0, nvar=0.1, shape=s.inputs),
        ic_prior=priors.MultivariateNormal(mean=0, variance=0.1, shape=s.initial_condition),
        ic_post_var_min=1e-4,
        train_aug_stack=augmentations.AugmentationStack([hide], batch_order=[0], loss_order=[0]),
        infer_aug_stack=augmentations.AugmentationStack(),
        readin=nn.ModuleList([nn.Identity()]),
        readout=nn.ModuleList([FanInLinear(s.factors, s.channels * gamma.n_params)]),
        **{"loss_scale": 1e4, "recon_reduce_mean": True, "lr_scheduler": False, "lr_init": learning_rate},
        **{"lr_stop": 1e-5, "lr_decay": 0.95, "lr_patience": 6, "lr_adam_beta1": 0.9, "lr_adam_beta2": 0.999},
        **{"lr_adam_epsilon": 1e-8, "weight_decay": 0.0, "l2_start_epoch": 0, "l2_increase_epoch": ramp_epochs},
        **{"l2_ic_enc_scale": 0.0, "l2_ci_enc_scale": 0.0, "l2_gen_scale": l2, "l2_con_scale": l2},
        **{"kl_start_epoch": 0, "kl_increase_epoch": ramp_epochs},
        **{"kl_ic_scale": kl_initial_condition, "kl_co_scale": kl_inputs},
    )


def session_batch(x: Tensor) -> Any:
    """Wrap windows (B, T, N) as one session's batch."""
    from lfads_torch.tuples import SessionBatch

    B, T, _ = x.shape
    nothing = {"ext_input": x.new_zeros(B, T, 0), "truth": x.new_full((B, 0, 0), torch.nan)}
    return SessionBatch(encod_data=x, recon_data=x, sv_mask=x.new_ones(B, 0, 0), **nothing)


def peer_step(model: Any, optimiser: torch.optim.Optimizer, x: Tensor) -> Tensor:
    """Do what its Trainer does with one batch (B, T, N), without the Trainer's own cost; give the loss."""
    loss: Tensor = model._shared_step({0: (session_batch(x), ())}, 0, "train")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    optimiser.step()
    return loss
