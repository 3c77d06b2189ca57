"""The local engine: each call runs in its own process on this machine.

engine.py is the driver's side: it starts, watches and kills processes. worker.py is what runs in each of them.

    driver                              fork server (has loaded torch)       process of a call
    LocalEngine.submit --- start -----> fork ------------------------------> worker.run: function(argument)
    LocalEngine.wait   <----------------------------- pipe ----------------- the answer, pickled
"""
