"""A training for use: what was asked for, how many epochs fit into the time, the output folder, and what is delivered in it."""

GENOTYPE, WEIGHTS, SUMMARY, METRICS = "genotype.yaml", "weights.safetensors", "summary.json", "metrics.csv"  # in the output folder
BEST = "best.safetensors"
