"""What the commands print: plans, progress, studies, scalings."""
