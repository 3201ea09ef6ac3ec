"""The time loops of LFADS: compiled, in torch operations, and the choice between them."""
