"""The published generator of random numbers, in whole numbers of Python: what `Streams` must draw."""


def split_mix_64(seed):
    """SplitMix64 (Steele et al. 2014), from a seed on."""
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) % 2**64
        z = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        yield z ^ (z >> 31)


def signed(word):
    """The number whose 64 bits are those of a word."""
    return word - 2**64 if word >= 2**63 else word
