"""The Ray engine: Ray Tune runs the calls, in workers on this machine or on many.

The way of a call:

    driver's thread             Tune's thread                            worker's process (there are several)
    engine.py                   tuner.py                                 worker.py

    RayEngine.submit -- put --> CallQueue -- take --> CallDispatcher --> Worker.receive
                                                                         Worker.step: function(argument)
    RayEngine.wait <- get_finished - CallQueue <- put_answer - CallDispatcher <---+ the answer, pickled

A trial of Tune is a worker, which stays until the engine is closed; it is not a call. WorkerSearcher suggests a new trial when a
call waits and no worker is idle. A worker then runs one call in each of its steps, and a result of Tune is the answer of a call. If
each call were a trial, with Tune's `reuse_actors`, Tune would give the call of a worker that still starts to a worker that is free,
and stop the one that starts: calls shorter than the start of a worker would run one at a time.

The other files: call_queue.py is the queue between the two threads. With `--address ray://...` the queue and Tune's thread are in the
cluster, and client.py connects the driver with them. cluster.py connects to a cluster, and nodes.py checks what its nodes have.
mailbox.py passes messages of running calls to the driver. driver.py says what a worker takes over from the
driver, with which it also dies. measure.py measures latencies on a node.
"""
