"""Trainings on a Ray cluster: fused ones and others, in processes on all of its nodes.

The processes are those of a single machine, and so is all that is done with them here: what a host
or a worker says reaches the loop's process through an actor on its node, and everything else is
the `FusedExecutor`'s. So a study hears the same of its trials, in the same logical order, wherever
they are trained. What dies with a process, an actor or a node is trained again elsewhere.

The prepared data and the user's code are sent to each node once. What a trial leaves comes back
with its outcome, and goes out again with a trial that starts from it: a node needs no other's files
and none of the driver's.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from searchlab.executors.cluster.nodes import Nodes, NodeSource
from searchlab.executors.fused import FusedExecutor
from searchlab.executors.process import ProcessExecutor
from searchlab.training.job import Job


class RayExecutor(FusedExecutor):
    """As many processes as have room on the nodes of a cluster, which may come and go."""

    counts_resources: ClassVar = True

    def __init__(self, workers: int, directory: Path) -> None:
        """Connects to the cluster that `RAY_ADDRESS` names.

        Args:
            workers: how many jobs are in flight at least.
            directory: the study's directory.

        Raises:
            SearchlabError: if there is none that can be used.
        """
        self._nodes = nodes = Nodes()

        def processes(workers: int, directory: Path) -> ProcessExecutor:
            return ProcessExecutor(workers, directory, NodeSource(nodes, "worker"))

        super().__init__(workers, directory, NodeSource(nodes, "host"), processes)

    def submit(self, job: Job) -> None:
        """Hands a job to a node, as soon as there is one."""
        self._nodes.load(job)
        super().submit(job)

    def close(self) -> None:
        """Ends all that is on the nodes."""
        super().close()
        self._nodes.close()
