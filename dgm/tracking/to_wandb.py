"""A program that tells Weights & Biases of a run: its events come on standard input. Needs `dgm[wandb]`."""

from __future__ import annotations

import wandb

from dgm.tracking.events import described, finals, measured, options, told


def main() -> None:
    given = options()
    run = None
    for event in told():
        match event["event"]:
            case "started":
                run = wandb.init(
                    project=given["project"],
                    mode=given.get("mode"),
                    dir=given.get("dir"),
                    name=event["name"],
                    config=described(event),
                )
            case "status" if run is not None:
                run.log(measured(event))
            case "ended" if run is not None:
                run.summary.update({**finals(event), "how": event["how"]})
                run.finish(exit_code=0 if event["how"] == "finished" else 1)


if __name__ == "__main__":
    main()
