"""`python -m nwb_autolfads.cli`."""

from nwb_autolfads.cli.app import main

main()
