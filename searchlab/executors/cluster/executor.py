"""Trainings on a Ray cluster, fused or not, in processes on all of its nodes.

The processes are those of a single machine and are handled in the same way: messages from a host or
a worker reach the loop's process through an actor on its node, and everything else is left to the
`FusedExecutor`. A study thus hears the same of its trials, in the same logical order, wherever they
are trained. Trainings that die with a process, an actor or a node are run again elsewhere.

The prepared data and the user's code are sent to each node once. A trial's files come back with its
outcome, and are sent out again with a trial that starts from them: a node needs no files of another
node or of the driver.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from searchlab.executors.cluster.nodes import Nodes, NodeSource
from searchlab.executors.fused import FusedExecutor
from searchlab.executors.process import ProcessExecutor
from searchlab.training.job import Job


class RayExecutor(FusedExecutor):
    """As many processes as fit on the nodes of a cluster, which may join and leave."""

    counts_resources: ClassVar = True

    def __init__(self, workers: int, directory: Path) -> None:
        """Connect to the cluster named by `RAY_ADDRESS`.

        Args:
            workers: minimum number of jobs in flight.
            directory: the study's directory.

        Raises:
            SearchlabError: if there is no usable cluster.
        """
        self._nodes = nodes = Nodes()

        def processes(workers: int, directory: Path) -> ProcessExecutor:
            return ProcessExecutor(workers, directory, NodeSource(nodes, "worker"))

        super().__init__(workers, directory, NodeSource(nodes, "host"), processes)

    def submit(self, job: Job) -> None:
        """Pass a job to a node as soon as there is one."""
        self._nodes.load(job)
        super().submit(job)

    def close(self) -> None:
        """Kill all processes on the nodes, and leave the cluster."""
        super().close()
        self._nodes.close()
