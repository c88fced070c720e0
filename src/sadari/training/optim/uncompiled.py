"""How does an optimiser step without torch's compiler? By its own methods, without their wrappers.

torch wraps them for `torch.compile`, and each wrapper imports `torch._dynamo` when it is first called: that takes about
as long as torch itself (1.2 s, measured), and nothing here compiles.
"""

from inspect import unwrap
from typing import TypeVar

import torch
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=Optimizer)
WRAPPED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")  # beside `step`


def uncompiled(kind: type[Kind]) -> type[Kind]:
    """Return a class that computes the same as the optimiser `kind`, to the bit, and never loads the compiler."""
    methods = {name: unwrap(getattr(kind, name)) for name in WRAPPED if hasattr(kind, name)}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(unwrap(kind.step))})
