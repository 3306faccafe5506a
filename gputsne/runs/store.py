"""The store of runs: written whole or not at all, never changed, with refs that move like git's.

    runs/<id>/run.json and files   immutable; run.json is written last and holds the hashes of all
    checks/<id>/<profile>-<time>   verdicts on a run, only ever added
    refs/<name>/<time>             moves of a ref, only ever added; the last one is in force
    started/<id>                   runs that have begun and have not been stored
    colours/<number>               colours of labels, only ever added; the first one is in force
    pins, marks                    runs being promoted, and being pruned; see gputsne.runs.pruning
    tmp                            what is being written

No step needs a lock or a conditional write, so any object store with consistent listings will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from errno import ENOENT
from os import PathLike
from typing import Any, Final, TypeVar

from gputsne.base.errors import BadInput, Damaged, PromotionRefused
from gputsne.base.files import path_of
from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import Whole
from gputsne.provenance import Run
from gputsne.provenance.run import SCHEMA
from gputsne.runs.attempts import Attempt, Attempts
from gputsne.runs.colouring import LabelColours
from gputsne.runs.naming import (
    RUN_FILE,
    check_file,
    check_id,
    check_ref,
    check_word,
    entry_name,
    is_id,
    moment_of_id,
    since_of,
)  # fmt: skip
from gputsne.runs.probing import clock_skew, probe
from gputsne.runs.pruning import Pruned, pinned, prune
from gputsne.runs.refs import READERS, RefEntry, Refs, stack_of
from gputsne.runs.sealing import STORE, is_torn, seal, unseal
from gputsne.runs.storage import Source, content_of, storage_of
from gputsne.runs.storage.retries import Retry
from gputsne.runs.stored import StoredRun
from gputsne.runs.verifying import Problem, verify_all, verify_run

__all__ = ["Store"]

RUNS: Final = "runs"
CHECKS: Final = "checks"
DONE: Final = "done"  # the status of a run that ended well
PASS: Final = "PASS"  # the verdict of a check
T = TypeVar("T")


class Store:
    """Runs in a folder or a bucket, and names that move from run to run.

    A run is written whole or not at all and never changes; a killed writer leaves nothing that a
    reader sees, and writers at one time lose nothing of each other.

    Parameters
    ----------
    uri : str or path-like
        A local folder, made with the first write; or ``s3://bucket/path``, ``gs://bucket/path``,
        ``abfs://container/path`` through pyarrow (extra ``io``), with pyarrow's options, such as
        ``?endpoint_override=host:port&scheme=http``.
    filesystem : pyarrow.fs.FileSystem, optional
        Used in place of the one that the URI names; the URI is then a path in it.
    retry : Retry, optional
        How often storage that fails for a moment is asked again, and when it counts as slow; by
        default five times within some ten seconds, and a warning beyond ten seconds.

    Attributes
    ----------
    uri : str
        What was given, without passwords.

    Raises
    ------
    ValueError
        The URI has an unknown scheme.
    DependencyMissing
        It needs pyarrow, which isn't installed.

    Examples
    --------
    >>> import tempfile, gputsne
    >>> store = gputsne.Store(tempfile.mkdtemp())
    >>> id = store.put({"status": "done"}, files={"notes.txt": b"first"})
    >>> store.promote(id).ref
    'production'
    >>> store.get("production").read("notes.txt")
    b'first'
    """

    def __init__(
        self, uri: str | PathLike[str], *, filesystem: Any = None, retry: Retry | None = None
    ) -> None:
        self._storage, self.uri = storage_of(uri, filesystem, retry or Retry())
        self._refs = Refs(self._storage)
        self._attempts = Attempts(self._storage)
        self._colours = LabelColours(self._storage)

    def __repr__(self) -> str:
        return f"Store({self.uri!r})"

    def exists(self) -> bool:
        """Tell whether there is anything where the store lies; the first write makes it.

        Returns
        -------
        bool
            True for a folder that is there, however empty; of a bucket, for a path below which an
            object is.

        Raises
        ------
        OSError
            The storage can't be read.
        """
        return self._storage.exists()

    def put(
        self, run: Any, *, files: Mapping[str, bytes | str | PathLike[str]] | None = None
    ) -> str:
        """Store a run: all of it, or nothing.

        Parameters
        ----------
        run : Run or mapping
            Its record. One without an ``id`` gets one.
        files : mapping of str to bytes or path, optional
            What lies beside it, by name: ``map.parquet``, ``model.npz``, ``input.parquet``. Names
            are letters, digits, ``_``, ``-`` and dots; a path is that of a file to copy.

        Returns
        -------
        str
            The id.

        Raises
        ------
        FileExistsError
            There is a run with this id.
        TypeError
            ``files`` maps no names to bytes or paths.
        ValueError
            The id or a file's name could lead out of the store, or a file changed meanwhile.
        OSError
            The storage can't be written to; nothing of the run is left.
        """
        record = _record_of(run)
        id = check_id(record["id"])
        sources = _sources({} if files is None else files)
        if len({name.lower() for name in sources}) < len(sources):
            raise ValueError(f"files: two of {', '.join(sorted(sources))} differ by case alone")
        contents = {name: content_of(source) for name, source in sources.items()}
        text: Source = seal(record, contents)
        held = {name: (source, contents[name]) for name, source in sources.items()}
        held[RUN_FILE] = (text, content_of(text))
        self._remove_torn(id)
        self._storage.add_folder(f"{RUNS}/{id}", held, RUN_FILE)
        self._attempts.end(id)
        return id

    def get(self, id_or_ref: str) -> StoredRun:
        """Return a run.

        Parameters
        ----------
        id_or_ref : str
            Its id, or the name of a ref.

        Returns
        -------
        StoredRun

        Raises
        ------
        BadInput
            There is none.
        Damaged
            Its record was altered.
        """
        id = self.resolve(id_or_ref)
        try:
            return self._read(id)
        except FileNotFoundError as error:
            raise self._missing(id_or_ref, id) from error

    def resolve(self, id_or_ref: str) -> str:
        """Return the id of a run that is named by its id, or by a ref.

        Parameters
        ----------
        id_or_ref : str
            An id is returned as it is, whether or not there is such a run.

        Returns
        -------
        str

        Raises
        ------
        BadInput
            There is no such ref.
        """
        if is_id(id_or_ref):
            return id_or_ref
        if (entry := self._refs.current(check_ref(id_or_ref))) is None:
            known = ", ".join(self._refs.names()) or "none"
            raise BadInput(f"{self.uri} has no ref {id_or_ref!r}; it has {known}")
        return entry.id

    def list(
        self, /, *, since: datetime | timedelta | str | None = None, status: str | None = None,
        tagged: Mapping[str, str] | None = None, **tags: str,
    ) -> tuple[Run, ...]:  # fmt: skip
        """Return the records of runs, oldest first.

        Parameters
        ----------
        since : datetime, timedelta or str, optional
            Only runs that began since then: a moment, an age such as "30d" or "12h", or a date.
        status : str, optional
            Only runs that ended so: "done", "failed", "deadline".
        tagged : mapping of str to str, optional
            Only runs with these tags, whatever they are called: ``status`` may be one.
        **tags : str
            The same, for names that are words of Python and none of the above.

        Returns
        -------
        tuple of Run
            A record that can't be read is left out, with a warning.

        Raises
        ------
        ValueError
            ``since`` is neither a moment nor an age.
        """
        ids = self._ids()
        if since is not None:
            start = since_of(since).replace(microsecond=0)  # ids tell the second
            ids = tuple(id for id in ids if moment_of_id(id) >= start)
        asked = {**(tagged or {}), **tags}.items()
        found = []
        for id, read in zip(ids, self._each(self._try_read, ids), strict=True):
            if isinstance(read, Damaged):
                warn_user(f"{read}; it is left out: gputsne runs verify {id}")
            elif read is not None:
                found.append(read.run)
        return tuple(
            run
            for run in found
            if (status is None or run.status == status) and asked <= run.tags.items()
        )

    def refs(self) -> dict[str, str]:
        """Return the id that each ref stands for.

        Returns
        -------
        dict of str to str
            By name.
        """
        found = {name: self._refs.current(name) for name in self._refs.names()}
        return {name: entry.id for name, entry in found.items() if entry is not None}

    def history(self, ref: str = "production") -> tuple[RefEntry, ...]:
        """Return every move of a ref, oldest first.

        Parameters
        ----------
        ref : str
            Its name.

        Returns
        -------
        tuple of RefEntry
            Empty where it was never set.
        """
        return self._refs.history(ref)

    def promote(
        self, id_or_ref: str, ref: str = "production", *, force: bool = False,
        reason: str | None = None,
    ) -> RefEntry:  # fmt: skip
        """Let a ref stand for a run.

        Parameters
        ----------
        id_or_ref : str
            The run, by its id or by another ref.
        ref : str
            The name; "production" and "canary" by custom.
        force : bool
            Whether to promote a run although something speaks against it.
        reason : str, optional
            Kept in the history; `force` needs one.

        Returns
        -------
        RefEntry
            The move, which is in force.

        Raises
        ------
        PromotionRefused
            The run did not end well, or the latest check of one of its profiles did not pass.
        BadInput
            There is no such run.
        TypeError, ValueError
            A reason that is no text, and `force` without one.
        """
        check_ref(ref)
        if not (reason := _reason(reason)) and force:
            raise ValueError("force=True needs a reason, which the history of the ref keeps")
        found = self.get(id_or_ref)
        against = self._against(found)
        if against and not force:
            raise PromotionRefused(
                f"{found.id} is not promoted to {ref}: {'; '.join(against)}; "
                "mend it, or force=True with a reason"
            )
        with pinned(self._storage, found.id):
            if not self._is_there(found.id):
                raise self._missing(id_or_ref, found.id)
            current = self._refs.current(ref)
            if current is not None and current.id == found.id:
                return current
            before = None if current is None else current.id
            return self._refs.add(
                ref, found.id, "promote", before, reason=reason, against=against
            )  # fmt: skip

    def rollback(self, ref: str = "production", *, reason: str | None = None) -> RefEntry:
        """Let a ref stand for the run before its current one, by one write.

        Parameters
        ----------
        ref : str
            The name.
        reason : str, optional
            Kept in the history.

        Returns
        -------
        RefEntry
            The move.

        Raises
        ------
        BadInput
            There is no run before, or it was pruned.
        TypeError
            A reason that is no text.
        """
        reason = _reason(reason)
        stack = stack_of(self._refs.history(check_ref(ref)))
        if len(stack) < 2:
            held = f"stands for {stack[0]}, the first" if stack else "was never set"
            raise BadInput(f"{ref} can't be rolled back: it {held}")
        current, target = stack[-1], stack[-2]
        if not self._is_there(target):
            raise BadInput(f"{ref} can't be rolled back: {target} was pruned; promote another run")
        return self._refs.add(ref, target, "rollback", current, reason=reason)

    def add_check(self, id_or_ref: str, checklist: Any) -> str:
        """Keep a verdict on a run.

        Parameters
        ----------
        id_or_ref : str
            The run.
        checklist : Checklist or mapping
            With ``profile``, ``verdict`` and ``rows``.

        Returns
        -------
        str
            The name under which it is kept.

        Raises
        ------
        BadInput
            There is no such run.
        ValueError
            It has no profile, or one whose name no file can have.
        """
        id = self.get(id_or_ref).id
        facts = checklist.to_dict() if hasattr(checklist, "to_dict") else dict(checklist)
        profile = check_word(facts.get("profile"), "profile")
        if not isinstance(facts.get("verdict"), str):
            raise ValueError("checklist has no verdict; pass what gputsne.check returns")
        there = [entry.name for entry in self._storage.entries(f"{CHECKS}/{id}")]
        name = entry_name(there, f"{profile}-")
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._storage.add(f"{CHECKS}/{id}/{name}", seal({**facts, "run": id, "at": at}))
        return name

    def checks(self, id_or_ref: str) -> tuple[dict[str, Any], ...]:
        """Return every verdict on a run, oldest first.

        Parameters
        ----------
        id_or_ref : str
            The run.

        Returns
        -------
        tuple of dict
            Each as it was given, with ``run`` and ``at``.

        Raises
        ------
        BadInput
            There is no such ref.
        Damaged
            A verdict was altered.
        """
        id = self.resolve(id_or_ref)
        names = [e.name for e in self._storage.entries(f"{CHECKS}/{id}") if e.kind == "file"]

        def read(name: str) -> dict[str, Any]:
            place = f"{CHECKS}/{id}/{name}"
            return unseal(self._storage.read(place), place)[0]

        # The time in a name, after the profile, orders checks; that inside is for people.
        ordered = sorted(names, key=lambda name: name.rsplit("-", 2)[1:])
        return tuple(self._each(read, ordered))

    def colours(self) -> dict[str, str]:
        """Return the colour of every label that has one in this store.

        Returns
        -------
        dict of str to str
            Label as text to ``#rrggbb``: what ``palette=`` of every picture takes.
        """
        return self._colours.all()

    def add_colours(self, labels: Iterable[Any] | Mapping[Any, str]) -> dict[str, str]:
        """Give labels colours that they keep in this store, whatever other labels come.

        Parameters
        ----------
        labels : iterable, or mapping of label to str
            Labels, of which missing ones and those that have a colour count for nothing: the others
            get colours that differ, to colour-blind eyes too, from those of the labels beside them.
            A mapping fixes the colours, as ``#rrggbb``.

        Returns
        -------
        dict of str to str
            Label as text to the colour that is in force, of the labels given.

        Raises
        ------
        ValueError
            A colour is none, a label has another one already, or there are more than 10,000 labels.
        Damaged
            A file with colours was altered, so that nobody can tell which are taken.
        OSError
            The storage can't be written to.

        Examples
        --------
        >>> import tempfile, gputsne
        >>> store = gputsne.Store(tempfile.mkdtemp())
        >>> store.add_colours(["cat", "dog"])
        {'cat': '#316aac', 'dog': '#fe8328'}
        >>> store.add_colours(["ant", "dog"])
        {'ant': '#0b865a', 'dog': '#fe8328'}
        """
        return self._colours.add(labels)

    def verify(self, id_or_ref: str | None = None) -> tuple[Problem, ...]:
        """Hold every byte of a run, or of the whole store, against the hashes taken when written.

        Parameters
        ----------
        id_or_ref : str, optional
            The run; by default all runs, verdicts, refs and colours.

        Returns
        -------
        tuple of Problem
            Files that are altered, missing or extra; empty where all is well.

        Raises
        ------
        BadInput
            There is no such ref.
        """
        if id_or_ref is None:
            return tuple(verify_all(self._storage, self._refs, RUNS, CHECKS, self._colours))
        return tuple(verify_run(self._storage, f"{RUNS}/{self.resolve(id_or_ref)}"))

    def prune(
        self, *, older_than: datetime | timedelta | str = "30d", keep: int = 10, history: int = 10,
        dry_run: bool = False,
    ) -> Pruned:  # fmt: skip
        """Remove old runs that no ref needs, with their verdicts, and what killed writers left.

        Parameters
        ----------
        older_than : datetime, timedelta or str
            Only runs that began before: a moment, an age such as "30d", or a date.
        keep : int
            So many newest runs stay, however old.
        history : int
            Runs stay that a ref stands for, or stood for in its last so many moves, or would come
            to by as many rollbacks; at least 2, so that a rollback always finds its run.
        dry_run : bool
            Whether to remove nothing, and only tell.

        Returns
        -------
        Pruned

        Raises
        ------
        TypeError, ValueError
            A number is none or too small: a rollback needs a history of 2.
        """
        Whole(0).check("keep", keep)
        Whole(2).check("history", history)
        before = since_of(older_than, "older_than")
        return prune(
            self._storage, self._refs, RUNS, before=before, keep=keep, history=history, dry=dry_run
        )

    def probe(self) -> str:
        """Try whether the store can be written, read, listed and rolled back.

        Returns
        -------
        str
            What keeps it from that, in one line; "" where nothing does.
        """
        return probe(self._storage)

    def clock_skew(self) -> float | None:
        """Return how many seconds the store's clock is ahead of this machine's; None: it has none.

        Returns
        -------
        float or None
        """
        return clock_skew(self._storage)

    def begin(self, run: Any) -> None:
        """Note that a run has begun, until `put` stores it; see `unfinished`.

        Parameters
        ----------
        run : Run or mapping
            What is known of it: ``id``, ``started``, ``input``, ``parameters``, ``tags``.
        """
        self._attempts.begin(_record_of(run))

    def expect(self, id: str, spending: Mapping[str, Any]) -> None:
        """Note what a run that `begin` noted is expected to cost, so that others count it.

        Parameters
        ----------
        id : str
            Of the run as it was noted.
        spending : mapping
            As ``Run.spending``.

        Raises
        ------
        ValueError
            It is no id.
        """
        self._attempts.expect(id, spending)

    def end(self, id: str) -> None:
        """Take back what `begin` noted: a run has ended that is not stored under that id.

        Parameters
        ----------
        id : str
            Of the run as it was noted.

        Raises
        ------
        ValueError
            It is no id.
        """
        self._attempts.end(check_id(id))

    def unfinished(self) -> tuple[Attempt, ...]:
        """Return runs that have begun and were never stored: they run still, or were killed.

        Returns
        -------
        tuple of Attempt
            Oldest first.
        """
        return self._attempts.all()

    def _ids(self) -> tuple[str, ...]:
        found = self._storage.entries(RUNS)
        return tuple(entry.name for entry in found if entry.kind == "folder" and is_id(entry.name))

    def _read(self, id: str) -> StoredRun:
        folder = f"{RUNS}/{id}"
        data = self._storage.read(f"{folder}/{RUN_FILE}")
        if is_torn(data):
            raise FileNotFoundError(ENOENT, "is half a record, which is none", folder)
        facts, files = unseal(data, f"{folder}/{RUN_FILE}")
        try:
            run = Run.from_dict(facts)
        except (TypeError, ValueError) as error:
            raise Damaged(f"{folder}/{RUN_FILE} is no record of a run: {error}") from error
        if run.id != id:
            raise Damaged(f"{folder}/{RUN_FILE} is the record of {run.id}")
        return StoredRun(run, files, self._storage, folder)

    def _try_read(self, id: str) -> StoredRun | Damaged | None:
        """Return a run; why it can't be read; None where it isn't there, or not yet."""
        try:
            return self._read(id)
        except FileNotFoundError:
            return None
        except Damaged as error:
            return error

    def _each(self, read: Callable[[str], T], names: Sequence[str]) -> Sequence[T]:
        """Read several at once."""
        with ThreadPoolExecutor(READERS) as readers:
            return tuple(readers.map(read, names))

    def _remove_torn(self, id: str) -> None:
        """Remove half a record: its writer was told that it failed, and may try again."""
        with suppress(FileNotFoundError):
            if is_torn(self._storage.read(f"{RUNS}/{id}/{RUN_FILE}")):
                self._storage.remove(f"{RUNS}/{id}/{RUN_FILE}")

    def _is_there(self, id: str) -> bool:
        return any(entry.name == RUN_FILE for entry in self._storage.entries(f"{RUNS}/{id}"))

    def _against(self, found: StoredRun) -> Sequence[str]:
        """Return what speaks against promoting a run."""
        said = [] if found.run.status == DONE else [f"its status is {found.run.status}"]
        latest = {check["profile"]: check["verdict"] for check in self.checks(found.id)}
        said += [f"check {name}: {v}" for name, v in sorted(latest.items()) if v != PASS]
        return said

    def _missing(self, asked: str, id: str) -> BadInput:
        told = asked if asked == id else f"{asked} stands for {id}, which"
        return BadInput(f"{self.uri}: {told} is no run there; see gputsne runs ls")


def _record_of(run: Any) -> dict[str, Any]:
    """Return the record of a Run, or of a mapping; what that lacks, as a Run has it."""
    if not isinstance(run, Run):
        run = Run.from_dict({"schema": SCHEMA, **run})
    return {name: value for name, value in run.to_dict().items() if name != STORE}


def _sources(files: Any) -> dict[str, Source]:
    """Return what is to be stored, by name."""
    if not isinstance(files, Mapping):
        raise TypeError(
            f"files={files!r} must map names to bytes or paths, such as "
            '{"map.parquet": "out/map.parquet"}'
        )
    return {
        check_file(name): source if isinstance(source, bytes) else path_of(source, "files")
        for name, source in files.items()
    }


def _reason(reason: Any) -> str | None:
    """Return why a ref is moved, None for no reason."""
    if reason is not None and not isinstance(reason, str):
        raise TypeError(f"reason={reason!r} must be text")
    return (reason or "").strip() or None
