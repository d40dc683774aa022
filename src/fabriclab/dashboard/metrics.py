"""The lab's numbers in Prometheus' text format, for whoever watches a lab for long."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fabriclab.dashboard.room import Room

MEBIBYTE = 1 << 20


class _Lab(Collector):
    def __init__(self, room: Room) -> None:
        self._room = room

    def collect(self) -> Iterator[Metric]:
        room = self._room
        requests = CounterMetricFamily("fabriclab_requests", "Exchanges, by service and status", labels=["service", "status"])
        for (service, status), count in sorted(room.picture.requests.items()):
            requests.add_metric([service, status], count)
        yield requests
        for name, about in (("refused", "Requests that the fabric refused"), ("struck", "Exchanges struck by a fault")):
            family = CounterMetricFamily(f"fabriclab_{name}", about, labels=["service"])
            for channel in room.picture.channels.values():
                family.add_metric([channel.name], getattr(channel, name))
            yield family
        yield CounterMetricFamily("fabriclab_connections", "TCP connections accepted", value=room.lab.fabric.connections)
        yield CounterMetricFamily("fabriclab_status_uploads", "Status blobs uploaded", value=room.picture.statuses)
        yield CounterMetricFamily("fabriclab_agent_starts", "Starts of the agent", value=room.picture.boots)
        yield GaugeMetricFamily("fabriclab_incarnation", "Incarnation of the goal state", value=room.world.incarnation)
        ready = room.picture.health is not None and room.picture.health["state"] == "Ready"
        yield GaugeMetricFamily("fabriclab_ready", "Whether the agent has reported Ready", value=int(ready))
        states = GaugeMetricFamily(
            "fabriclab_extension", "Extensions by what they report", labels=["name", "instance", "status"]
        )
        for one in room.picture.reported:
            states.add_metric([one.name, one.instance, one.status or one.handler], 1)
        yield states
        latest = room.vitals.latest
        if latest is not None and latest.memory is not None:
            yield GaugeMetricFamily("fabriclab_agent_memory_bytes", "Agent, proportional set size", latest.memory * MEBIBYTE)
            yield CounterMetricFamily("fabriclab_agent_cpu_seconds", "Processor time of the agent", value=room.vitals.cpu)


def text(room: Room) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Lab(room))
    return generate_latest(registry)
