"""Parts of an estimate in the file: its muscles, the recording it was made from, and its model."""
