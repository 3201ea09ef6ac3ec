"""The LFADS model for a population of P models at once. Tensors only: (P, T, B, features).

P members of the population, T bins, B windows, N channels. Parameters and data lead with P, so that one program trains
a whole population and member p of it computes exactly what that model alone would; a product over all bins and windows
is then one batched product without a copy. Equations: Pandarinath et al. 2018 (Online Methods, LFADS), Wimalasena et
al. 2022 (gamma observation model).
"""

import os

# What one pass keeps is large and lives for one step. In small pages Linux spends a good part of that step on giving
# the memory out; torch asks for large ones where this is set before its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
