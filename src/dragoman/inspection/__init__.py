"""Looking inside: words and pieces, the six steps of attention, in the terminal and as pictures."""
