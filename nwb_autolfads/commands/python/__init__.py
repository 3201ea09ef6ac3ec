"""How the commands are met in Python: as functions, with one object for what they leave, and progress."""
