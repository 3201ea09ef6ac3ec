"""Results out: the only room that writes NWB, and that reads its own results back."""
