"""Where the flows of the tests lie and run; the agent of the tests mounts the directories."""

from prefect.engine.results import LocalResult
from prefect.run_configs import DockerRun
from prefect.storage import Local


def place(file):
    """Arguments of a Flow that is stored in the file of this name."""
    return {
        "storage": Local(path=f"/flows/{file}", stored_as_script=True, add_default_labels=False),
        "run_config": DockerRun(image="prefect-flow:1.4.1"),
        "result": LocalResult(dir="/results", validate_dir=False),
    }
