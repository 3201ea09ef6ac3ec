"""A whole session to look at: lazy signals, a page of them on this machine, figures for notebooks."""
