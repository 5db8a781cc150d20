"""Watching folders: what changes in them is imported as it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path

from recommender import sources
from recommender.errors import StoreLocked, StoreUnavailable, UsageError
from recommender.pipeline.importing import Imported, file_of, import_paths, stamp_of
from recommender.pipeline.progress import Progress, silent
from recommender.store import Store


class Watcher:
    """Imports files and folders whenever one of their files is new, changed or gone.

    Files are looked at by size and time, so that nothing is needed that not
    every disk has: the events of a file system do not cross a network.  What
    may pass does not end it: a folder that is away, a store that somebody else
    writes.  ``say`` is told of it, once until it is another, and the next look
    tries again.

    Raises UsageError for a path that does not exist at the beginning.
    """

    def __init__(
        self, store: Store, paths: Sequence[Path], say: Callable[[str], None], zone: tzinfo = UTC
    ) -> None:
        self._store = store
        self._paths = paths
        self._say = say
        self._zone = zone
        self._seen: dict[str, str] | None = None
        self._trouble = ""
        self._look()

    def look(self, progress: Progress = silent) -> Imported | None:
        """Import what changed since the last look; ``None`` if nothing did, or it could not be.

        What is refused in a file is told when the file changes, not at every
        look.
        """
        try:
            files = self._look()
            if files == self._seen:
                return None
            report = import_paths(self._store, self._paths, progress, self._zone)
        except (UsageError, StoreLocked, StoreUnavailable, OSError) as error:
            self._complain(str(error))
            return None
        seen, self._seen, self._trouble = self._seen or {}, files, ""
        changed = {file for file, found in files.items() if seen.get(file) != found}
        report.rejections = [one for one in report.rejections if file_of(one.path) in changed]
        report.warnings = [one for one in report.warnings if file_of(one[0]) in changed]
        return report

    def _look(self) -> dict[str, str]:
        found = sources.discover(path.resolve() for path in self._paths)
        return {sources.named(path): stamp_of(path) for path in found}

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._say(f"{trouble}; tried again until it is done")
        self._trouble = trouble
