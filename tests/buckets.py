"""Filesystems for tests of the store: a real S3 server, and pyarrow's with faults put in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyarrow import fs

BUCKET = "maps"


class Server:
    """moto's S3 server on a free port of this machine, in a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, empty but for one bucket."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env={**os.environ, "LC_ALL": "C"}, **quiet)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                assert self.process.poll() is None, "the server ended"
                time.sleep(0.1)
        self.filesystem(allow_bucket_creation=True).create_dir(BUCKET)

    def filesystem(self, **settings: Any) -> fs.S3FileSystem:
        """Return pyarrow's view of it; only the store tries again what fails."""
        return fs.S3FileSystem(
            access_key="test", secret_key="test", region="us-east-1", scheme="http",
            endpoint_override=f"127.0.0.1:{self.port}", connect_timeout=5, request_timeout=20,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1), **settings,
        )  # fmt: skip

    @property
    def uri(self) -> str:
        """The bucket with everything that a client needs."""
        return (
            f"s3://test:test@{BUCKET}?scheme=http&region=us-east-1"
            f"&endpoint_override=127.0.0.1:{self.port}"
        )

    def stop(self) -> None:
        """End the process; what it held is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Faulty(fs.FileSystemHandler):
    """A bucket that asks before and after each operation whether to fail.

    ``ask(step, path)`` is called with steps such as "open", "write", "close", "closed", "list",
    "delete"; what it raises is raised there. "closed" is after the data has arrived. Of a stream
    that failed nothing arrives, as on S3; where `tears`, what was written until then.
    """

    def __init__(
        self, inner: fs.FileSystem, ask: Callable[[str, str], None], tears: bool = False
    ) -> None:
        self.inner, self.ask, self.tears = inner, ask, tears

    def get_type_name(self) -> str:
        return "s3"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        self.ask("look", paths[0])
        return self.inner.get_file_info(paths)

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        self.ask("list", selector.base_dir)
        return self.inner.get_file_info(selector)

    def create_dir(self, path: str, recursive: bool) -> None:
        self.ask("folder", path)
        self.inner.create_dir(path, recursive=recursive)

    def delete_dir(self, path: str) -> None:
        self.ask("delete folder", path)
        self.inner.delete_dir(path)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        raise NotImplementedError

    def delete_root_dir_contents(self) -> None:
        raise NotImplementedError

    def delete_file(self, path: str) -> None:
        self.ask("delete", path)
        self.inner.delete_file(path)

    def move(self, src: str, dest: str) -> None:
        self.ask("move", dest)
        self.inner.move(src, dest)

    def copy_file(self, src: str, dest: str) -> None:
        raise NotImplementedError

    def open_input_stream(self, path: str) -> pa.NativeFile:
        raise NotImplementedError

    def open_input_file(self, path: str) -> pa.NativeFile:
        self.ask("read", path)
        return pa.PythonFile(_Input(self, path), mode="r")

    def open_output_stream(self, path: str, metadata: Any) -> pa.NativeFile:
        self.ask("open", path)
        return pa.PythonFile(_Stream(self, path), mode="w")

    def open_append_stream(self, path: str, metadata: Any) -> pa.NativeFile:
        raise NotImplementedError


class _Input:
    """A file that is read, with a question at each block."""

    def __init__(self, home: Faulty, path: str) -> None:
        self.home, self.path, self.inner = home, path, home.inner.open_input_file(path)
        self.closed = False

    def read(self, n: int = -1) -> bytes:
        self.home.ask("block", self.path)
        return self.inner.read(None if n < 0 else n)

    def seek(self, to: int, whence: int = 0) -> int:
        return self.inner.seek(to, whence)

    def tell(self) -> int:
        return self.inner.tell()

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
        self.inner.close()


class _Stream:
    """A file that is written, with the same question at each step."""

    def __init__(self, home: Faulty, path: str) -> None:
        self.home, self.path = home, path
        self.data, self.failed, self.closed = bytearray(), False, False

    def write(self, data: Any) -> int:
        try:
            self.home.ask("write", self.path)
        except BaseException:
            self.failed = True
            raise
        self.data += data
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        try:
            self.home.ask("close", self.path)
        except BaseException:
            self.failed = True
            raise
        finally:
            if self.home.tears or not self.failed:
                if isinstance(self.home.inner, fs.LocalFileSystem):  # a bucket has no folders
                    self.home.inner.create_dir(self.path.rpartition("/")[0])
                with self.home.inner.open_output_stream(self.path, compression=None) as file:
                    file.write(bytes(self.data))
        self.home.ask("closed", self.path)


def faulty(
    inner: fs.FileSystem, ask: Callable[[str, str], None], *, tears: bool = False
) -> fs.PyFileSystem:
    """Return a filesystem with faults."""
    return fs.PyFileSystem(Faulty(inner, ask, tears))
