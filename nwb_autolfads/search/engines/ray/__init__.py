"""A population trained by the workers of a Ray cluster, each of which holds some members (a shard)."""
