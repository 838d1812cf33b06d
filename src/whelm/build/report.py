"""The report of a run: RUN/report.json for programs, RUN/report.html for people, both from the published artifacts.

Nothing is measured here: every number stands in a manifest or in a file that a stage left. Both files are replaced by
one rename each. Imports of plotting and templates wait until a report is written: a build that only plans pays
nothing. Cost: two to three seconds, most of them matplotlib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whelm.build.run import Run

__all__ = ["report_record", "write_report"]


def report_record(run: Run) -> dict[str, Any]:
    """What a run measured about itself, schema `whelm.report/1`."""
    from whelm.build.reporting.material import read_material
    from whelm.build.reporting.record import record_of

    return record_of(read_material(run))


def write_report(run: Run) -> None:
    """Write RUN/report.json and RUN/report.html."""
    import json

    from whelm.build.reporting.material import read_material
    from whelm.build.reporting.page import render_page
    from whelm.build.reporting.record import record_of
    from whelm.core.files import write_atomic

    material = read_material(run)
    record = record_of(material)
    # ASCII: no character of a document can act on a terminal that shows the file
    write_atomic(run.path / "report.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    write_atomic(run.path / "report.html", render_page(record, material).encode("utf-8", "backslashreplace"))
