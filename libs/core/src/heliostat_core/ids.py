"""Ids of streams and the few ids that are not UUIDs."""

from typing import NewType
from uuid import UUID

StreamId = NewType("StreamId", str)
EnvironmentId = NewType("EnvironmentId", str)
ContentId = NewType("ContentId", str)
VolumeId = NewType("VolumeId", str)

POLICY_STREAM = StreamId("policy")


def build_stream(build_id: UUID) -> StreamId:
    """Name the stream of one build."""
    return StreamId(f"build-{build_id}")


def environment_stream(environment_id: str) -> StreamId:
    """Name the stream of one environment."""
    return StreamId(f"environment-{environment_id}")


def launch_stream(launch_id: UUID) -> StreamId:
    """Name the stream of one launch."""
    return StreamId(f"launch-{launch_id}")


def session_stream(session_id: UUID) -> StreamId:
    """Name the stream of one session."""
    return StreamId(f"session-{session_id}")


def storage_stream(volume_id: str) -> StreamId:
    """Name the stream of one volume."""
    return StreamId(f"storage-{volume_id}")


def decision_stream(decision_id: UUID) -> StreamId:
    """Name the stream of one decision."""
    return StreamId(f"decision-{decision_id}")
