"""`tickline version`: which Tickline this is, to the commit."""

from importlib.metadata import version as installed

from services.console.output import AsJson, json_text, show
from shared.version import revision, version_line


def version(as_json: AsJson = False) -> None:
    """Show the version and the git revision of this Tickline."""
    told = {"version": installed("tickline"), "revision": revision() or None}
    show([json_text(told)] if as_json else [version_line()])
