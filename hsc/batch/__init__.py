"""Whole collections: pictures in, shards of compressed files out, and back, on one machine or on a Ray cluster.

A run is described once (:class:`hsc.batch.options.Job`), its inputs are listed once and cut into numbered shards
(:mod:`hsc.batch.plan`), and what is done with one picture is a function of that picture alone (:mod:`hsc.batch.work`).
An engine only carries pictures to workers and results back (:mod:`hsc.batch.local_engine`,
:mod:`hsc.batch.ray_engine`); :mod:`hsc.batch.run` keeps what comes back in a journal and puts shards together.
"""

from __future__ import annotations
