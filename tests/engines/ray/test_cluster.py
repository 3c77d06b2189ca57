"""The cluster that the engine starts is for this user on this machine alone; an address that does not answer is an error at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jobs
import pytest
from engine_calls import call

from nasbench.engines.ray import cluster as ray_cluster
from nasbench.engines.ray.cluster import connected
from nasbench.engines.ray.engine import RayEngine
from nasbench.errors import StudyError

LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}  # as the kernel writes it


@pytest.fixture(scope="module")
def worker(cluster):
    """A worker has run a call."""
    with RayEngine(1) as engine:
        call(engine, jobs.double, 1)
        yield


def listeners():
    """The local addresses, as the kernel writes them, of every TCP socket on which a Ray process or this one listens."""
    inodes = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if int(folder.name) == os.getpid() or b"ray::" in command or b"/ray/" in command or b"raylet" in command:
                inodes |= {os.readlink(fd).removeprefix("socket:[").removesuffix("]") for fd in (folder / "fd").iterdir()}
        except OSError:
            continue
    addresses = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                addresses.append(fields[1].split(":")[0])
    return addresses


def test_nothing_listens_beyond_this_machine(worker):
    addresses = listeners()
    assert len(addresses) >= 4, "gcs, raylet, driver and worker at least: otherwise the test looks at the wrong processes"
    assert set(addresses) <= LOOPBACK


def test_the_token_is_in_no_file_and_only_this_user_reads_the_folder(worker):
    (folder,) = Path("/tmp").glob(f"nasbench-ray-{os.getpid()}-*")
    assert folder.stat().st_mode & 0o077 == 0
    token = os.environ["RAY_AUTH_TOKEN"].encode()
    assert not [file for file in folder.rglob("*") if file.is_file() and token in file.read_bytes()]
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "127.0.0.1:port", "127.0.0.1:99999", "ray://127.0.0.1:1"])
def test_an_address_that_does_not_answer(address):
    with RayEngine(address=address) as engine, pytest.raises(StudyError, match=f"--address is auto, HOST:PORT .*; {address}: "):
        engine.submit("key", jobs.double, 1)


@pytest.mark.parametrize(
    ("missing", "address", "match"),
    [
        ("ray", None, r"--engine ray needs Ray, .* pip install 'ray\[tune\]'"),
        ("grpcio", "ray://head:10001", r"needs Ray's client, .* pip install 'ray\[client\]'"),
    ],
)
def test_a_package_that_is_not_installed(missing, address, match, monkeypatch):
    def version(package):
        if package == missing:
            raise ray_cluster.metadata.PackageNotFoundError(package)
        return "2"

    monkeypatch.setattr(ray_cluster.metadata, "version", version)
    with pytest.raises(StudyError, match=match), connected(address, 0.0):
        pass


def test_a_process_that_starts_later_may_join_a_cluster_without_our_token():
    code = (
        "import os\n"
        "from nasbench.engines.ray.cluster import connected\n"
        "with connected(None, 0.0):\n"
        "    print(sorted(name for name in os.environ if name.startswith('RAY_AUTH')))\n"
        "print(sorted(name for name in os.environ if name.startswith('RAY_AUTH')))\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120, env=environment)
    assert process.stdout.splitlines() == ["['RAY_AUTH_MODE', 'RAY_AUTH_TOKEN']", "[]"]
