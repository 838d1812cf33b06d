"""stub"""

from whelm.build.run import Run

__all__ = ["write_report"]


def write_report(run: Run) -> None:
    import json

    (run.path / "report.json").write_text(
        json.dumps({s: run.need(s).manifest["metrics"] for s in (run.state.stages or {})})
    )
