"""Look at it: studies as DataFrames (`study`), fronts (`front`), plots (`plots`), and whether a search was worth it (`worth`)."""
