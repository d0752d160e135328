"""What kerasfix says, one module a format, all over the same findings."""
