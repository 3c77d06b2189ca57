"""The final round: the best are trained again, the winner is measured again, and the verdict says what the search was worth."""
