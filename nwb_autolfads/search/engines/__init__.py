"""What trains a population of models: on this machine (`local`)."""
