"""The search: what is asked for, the plan, the loop, the final round and the winner."""
