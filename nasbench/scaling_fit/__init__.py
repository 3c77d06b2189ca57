"""The search for a scaling law: trials of one network grown in different ways, and what they say."""
