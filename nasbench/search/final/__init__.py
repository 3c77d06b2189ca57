"""The final round: finalists are trained again with fresh seeds, and the winner is measured again."""
