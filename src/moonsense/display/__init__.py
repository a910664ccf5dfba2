"""How sessions and lists are put before people: in words, and as HTML in a notebook."""
