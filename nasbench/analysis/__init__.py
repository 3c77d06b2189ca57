"""Look at studies and networks: DataFrames (`study`, `compare`, `networks`), Pareto fronts (`fronts`) and pictures (`plots`)."""
