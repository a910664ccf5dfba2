"""``moonsense demo``: the whole way of the data, once, with a check that nothing got lost on it."""
