"""A program that tells MLflow of a run: its events come on standard input. Needs `dgm[mlflow]`."""

from __future__ import annotations

import mlflow

from dgm.tracking.events import described, finals, measured, options, told

ENDED = {"finished": "FINISHED", "stopped": "KILLED", "interrupted": "KILLED"}


def main() -> None:
    given = options()
    if given.get("uri"):
        mlflow.set_tracking_uri(given["uri"])
    mlflow.set_experiment(given["experiment"])
    for event in told():
        match event["event"]:
            case "started":
                mlflow.start_run(run_name=event["name"])
                mlflow.log_params(described(event))
            case "status":
                mlflow.log_metrics(measured(event), step=event["evaluations"])
            case "ended":
                mlflow.log_metrics(finals(event))
                mlflow.end_run(ENDED.get(event["how"], "FAILED"))


if __name__ == "__main__":
    main()
