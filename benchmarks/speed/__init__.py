"""How long kerasfix takes, beside other tools on the same files."""
