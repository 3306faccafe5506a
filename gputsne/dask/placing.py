"""transform: every row's place on a finished map, block by block on a cluster."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gputsne.base.rows import row_blocks
from gputsne.base.tables import Table
from gputsne.base.threads import resolve_n_jobs
from gputsne.base.types import Array, FloatArray
from gputsne.dask.pieces import Pieces, is_array, is_frame, pieces_of
from gputsne.dask.running import Runner, library, named
from gputsne.engine import placement
from gputsne.model.fitted import FittedMap, frozen_of

__all__ = ["transform"]

STEP: Final = 65_536  # rows of a block that are placed at a time: what the work takes is bounded
# Bytes per row beside its numbers: prepared, neighbours and distances, place. Of a thousand
# neighbours at most, for most maps 15.
BESIDE: Final = 1_000


def transform(
    model: Any, X: Any, *, perplexity: float = placement.PERPLEXITY,
    exaggeration: float = placement.EXAGGERATION, max_iter: int = placement.MAX_ITER,
    n_neighbors: int | None = None, n_jobs: int = 1, client: Any = None,
) -> Any:  # fmt: skip
    """Place rows on a finished map, lazily: the same bytes as the model's own ``transform``.

    Parameters
    ----------
    model : TSNE, FittedMap or path
        Fitted to rows, or the file of such a model. Its prepared rows, map and parameters are sent
        to the cluster, once: ``n (4 d' + 4 c)`` bytes for n fitted rows of d' prepared columns.
    X : dask array or dataframe, array_like, path, Source, or list of those, shape (m, d)
        New rows, with the columns that were fitted. Numbers of rows need not be known.
    perplexity, exaggeration : float
        As in ``TSNE.transform``.
    max_iter : int
        As in ``TSNE.transform``.
    n_neighbors : int or None, default None
        As in ``TSNE.transform``.
    n_jobs : int, default 1
        Threads of one task. A worker runs as many tasks at once as it has threads, so that one is
        enough to keep it busy.
    client : Client or None
        Of the cluster; None for the current one, or for dask's scheduler in this process where
        there is none. The result belongs to it.

    Returns
    -------
    dask array, shape (m, c), float32, or dask dataframe
        A frame for a frame, with its partitions and index and the columns ``tsne0``, ``tsne1``; an
        array with the chunks of X for everything else.

    Raises
    ------
    DependencyMissing
        Without dask.
    OverMemory
        A block and the model don't fit into a worker; nothing was sent.
    TypeError, ValueError
        For other columns than were fitted, parameters out of range, and a client that is closed.
        What is wrong with a value is raised when the result is computed, with its block's name.

    Notes
    -----
    Each row's place depends on that row and the model alone, so blocks may be of any size and run
    again anywhere. A worker that is lost costs its blocks, which others do again; the scheduler
    keeps the model and sends it to the worker that takes the place.
    """
    library()
    runner = Runner.of(client)
    frozen = _frozen(model)
    how = {
        "perplexity": perplexity, "exaggeration": exaggeration, "max_iter": max_iter,
        "n_neighbors": n_neighbors, "n_jobs": n_jobs,
    }  # fmt: skip
    _check_parameters(frozen, how)
    pieces = pieces_of(X, client=runner.client)
    frozen.preparation.check_columns(Table(np.empty((1, pieces.d)), pieces.names, sparse=False))
    _check_room(pieces, frozen, runner)
    held = runner.held(frozen, "gputsne-model", _token(frozen))
    c = frozen.Y.shape[1]
    if is_array(X):
        return _of_array(X, held, how, c)
    if is_frame(X):
        return _of_frame(X, held, how, c)
    return _of_pieces(pieces, held, how, c)


def _frozen(model: Any) -> FittedMap:
    """Return the frozen model, with its rows in main memory."""
    if isinstance(model, str) or hasattr(model, "__fspath__"):
        from gputsne.model.embedding import Embedding

        try:
            model = Embedding.load(model)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"model={str(model)!r}: no such file; pass the path of one that TSNE.save wrote, "
                "as this process sees it"
            ) from error
    if not isinstance(model, FittedMap) and not hasattr(type(model), "fitted_map_"):
        raise TypeError(
            f"model={model!r} has no map: pass a fitted TSNE, its fitted_map_, or the path of a "
            "saved model"
        )
    if not isinstance(model, FittedMap) and not hasattr(model, "embedding_"):
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"model={model!r} is not fitted: call its fit first")
    frozen = model if isinstance(model, FittedMap) else frozen_of(model)
    if type(frozen.rows) is not np.ndarray:
        from dataclasses import replace

        frozen = replace(frozen, rows=np.asarray(frozen.rows))
    return frozen


def _token(frozen: FittedMap) -> str:
    """Return the same text for equal models."""
    told = {k: v for k, v in vars(frozen).items() if k not in ("_lazy", "preparation")}
    learned = frozen.preparation
    token: str = library().base.tokenize(told, learned.arrays(), learned.sent)
    return token


def _check_parameters(frozen: FittedMap, how: dict[str, Any]) -> None:
    """Raise for parameters out of range before anything is sent."""
    frozen.checked(**{k: v for k, v in how.items() if k != "n_jobs"})
    resolve_n_jobs(how["n_jobs"])


def _check_room(pieces: Pieces, frozen: FittedMap, runner: Runner) -> None:
    """Raise OverMemory where model and largest block don't fit into a worker."""
    # its rows lie in FAISS's lists a second time
    model = 2 * frozen.rows.nbytes + frozen.Y.nbytes
    most = max((p.rows or 0 for p in pieces.pieces), default=0)
    block = most * pieces.d * pieces.itemsize + min(most, STEP) * (pieces.d * 12 + BESIDE)
    smaller = f"make blocks smaller, as by X.rechunk(({max(1, most // 8)}, -1)), or "
    runner.check(
        f"the model with a block of {most:,} rows" if most else "the model",
        model + block,
        f"{smaller if most else ''}give workers more memory or fewer threads",
    )


def _of_array(X: Any, held: Any, how: dict[str, Any], c: int) -> Any:
    X = X.rechunk({1: -1}) if len(X.chunks[1]) > 1 else X
    return X.map_blocks(
        placed_block, model=held, how=how, name_of="X", dtype=np.float32,
        chunks=(X.chunks[0], (c,)), meta=np.empty((0, c), np.float32),
    )  # fmt: skip


def _of_frame(X: Any, held: Any, how: dict[str, Any], c: int) -> Any:
    import pandas as pd

    columns = [f"tsne{i}" for i in range(c)]
    meta = pd.DataFrame(np.empty((0, c), np.float32), columns=columns, index=X._meta.index[:0])
    return X.map_partitions(placed_frame, held, how, columns, meta=meta)


def _of_pieces(pieces: Pieces, held: Any, how: dict[str, Any], c: int) -> Any:
    import dask.array as da

    dask = library()
    place = dask.delayed(placed_piece, pure=True)
    parts = [
        da.from_delayed(
            place(piece.value, held, how, piece.label),
            (np.nan if piece.rows is None else piece.rows, c), np.float32,
        )
        for piece in pieces.pieces
    ]  # fmt: skip
    return da.concatenate(parts, allow_unknown_chunksizes=True)


def placed_piece(rows: Any, model: Any, how: dict[str, Any], label: str) -> FloatArray:
    """Place the rows of one block, inside a task.

    Parameters
    ----------
    rows : array_like or DataFrame, shape (m, d)
        Perhaps none.
    model : FittedMap
        As it was sent.
    how : dict
        Parameters of ``FittedMap.transform``.
    label : str
        What messages call the block.

    Returns
    -------
    array, shape (m, c), float32
    """
    if not isinstance(model, FittedMap):
        raise TypeError(
            "the model was sent to a cluster, and this result is computed elsewhere: compute it "
            "by that client, or call transform inside dask.config.set(scheduler=...)"
        )
    out = np.empty((len(rows), model.Y.shape[1]), np.float32)
    with named(label):
        for part in row_blocks(len(rows), 1, STEP):
            some = rows.iloc[part] if hasattr(rows, "iloc") else rows[part]
            out[part] = model.transform(some, **how)
    return out


def placed_block(
    block: Array, model: Any, how: dict[str, Any], name_of: str, block_id: Any = None
) -> FloatArray:
    """Place a chunk of a dask array; see ``placed_piece``."""
    where = "" if block_id is None else f" {block_id[0]}"
    return placed_piece(block, model, how, f"block{where} of {name_of}")


def placed_frame(
    frame: Any, model: Any, how: dict[str, Any], columns: list[str], partition_info: Any = None
) -> Any:
    """Place a partition of a dask dataframe, its index kept; see ``placed_piece``."""
    import pandas as pd

    where = "" if partition_info is None else f" {partition_info['number']}"
    places = placed_piece(frame, model, how, f"partition{where} of X")
    return pd.DataFrame(places, columns=columns, index=frame.index)
