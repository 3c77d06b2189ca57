"""The probe: a few networks are trained briefly and longer, to choose the short training that ranks networks best."""
