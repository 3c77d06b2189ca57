"""The Ray engine: trials on one machine or many, executed by Ray Tune."""
