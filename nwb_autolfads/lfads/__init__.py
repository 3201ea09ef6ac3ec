"""The LFADS model for a population of P models at once. Tensors only: (P, T, B, features).

P members of the population, T bins, B windows, N channels. Parameters and data lead with P, so that one program trains
a whole population and member p of it computes exactly what that model alone would; a product over all bins and windows
is then one batched product without a copy. Equations: Pandarinath et al. 2018 (Online Methods, LFADS), Wimalasena et
al. 2022 (gamma observation model).
"""
