"""Wire models as lines of text. Pure: what goes in is printed by `output`, which also makes it safe to print."""
