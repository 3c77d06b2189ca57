"""Engines run calls `function(argument)` in other processes. They know nothing of studies or of training.

base.py defines the interface. local/ runs each call in its own process on this machine; ray/ runs calls with Ray Tune, on this
machine or on many. A running call may send messages to its driver (messages.py). config.py holds the user's choice, and open.py makes
the engine that it names.
"""
