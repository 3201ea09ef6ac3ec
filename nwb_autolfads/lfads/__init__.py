"""The LFADS model for a population of P models at once. Tensors only, time first: (T, P, B, features).

T bins, P members of the population, B windows, N channels. Every parameter leads with P, so that one program trains a
whole population and member p of it computes exactly what that model alone would. Equations: Pandarinath et al. 2018
(Online Methods, LFADS), Wimalasena et al. 2022 (gamma observation model).
"""
