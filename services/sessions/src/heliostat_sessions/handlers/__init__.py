"""HTTP: parse, authorise, one service call, answer."""
