"""Arrow IPC (Feather V2): a file or a stream, rewritten as Parquet batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers import parquet
from moulouya.readers.table import RawTable


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open Arrow files or streams with the types they carry.

    Raises ReadError when one is damaged or cut off, or has a type that Parquet has not.
    """
    folder = scratch / "arrow"
    written = []
    for number, path in enumerate(files, 1):
        target = folder / str(number) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        _rewrite(path, target)
        written.append(target)
    return parquet.opened(con, written)


def _rewrite(path: Path, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            batches, schema = _batches(pa, path, file)
            with pq.ParquetWriter(
                target, schema, compression="zstd", compression_level=1
            ) as writer:
                for batch in batches:
                    batch.validate(full=True)
                    writer.write_batch(batch)
    except (pa.ArrowException, ValueError, EOFError, KeyError) as error:
        raise ReadError(
            f"{path.name} is not readable Arrow: {str(error).splitlines()[0]}",
            hint="the file is damaged or was cut off, or has a type that no table has",
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ReadError(
            f"{path.name} is not readable Arrow: {str(error).splitlines()[0]}",
            hint="the file is damaged or was cut off",
        ) from error


def _batches(pa: Any, path: Path, file: Any) -> tuple[Iterator[Any], Any]:
    head = file.read(6)
    file.seek(0)
    if head == b"ARROW1":
        reader = pa.ipc.open_file(file)
        every = (reader.get_batch(number) for number in range(reader.num_record_batches))
        return every, reader.schema
    stream = pa.ipc.open_stream(file)
    return _whole(stream, path, file), stream.schema


def _whole(stream: Any, path: Path, file: Any) -> Iterator[Any]:
    """The batches of a stream, which must end with its mark: a cut between batches shows not."""
    yield from stream
    size = path.stat().st_size
    with path.open("rb") as tail:
        tail.seek(max(0, size - 8))
        if tail.read(8) not in (b"\xff\xff\xff\xff\0\0\0\0",):
            raise ValueError("the stream has no end mark: it was cut off")
