import prefect
from place import place
from prefect import Flow, Parameter, task
from prefect.tasks.prefect import (
    CancelFlowRun,
    RenameFlowRun,
    StartFlowRun,
    create_flow_run,
    get_task_run_result,
    wait_for_flow_run,
)


@task(log_stdout=True)
def double(x):
    print(f"doubling {x}")
    return 2 * x


with Flow("child", **place("subflows.py")) as child:
    double(Parameter("x"))


@task(log_stdout=True)
def show(x):
    print(f"the child says {x}")


with Flow("parent", **place("subflows.py")) as parent:
    run = create_flow_run(flow_name="child", project_name="e2e", parameters={"x": 21}, run_name="the child")
    done = wait_for_flow_run(run, raise_final_state=True, stream_logs=True)
    show(get_task_run_result(run, "double-1", upstream_tasks=[done]))

with Flow("parent-of-old", **place("subflows.py")) as old:
    StartFlowRun(flow_name="child", project_name="e2e", wait=True, parameters={"x": 1})()


@task
def own_id():
    return prefect.context.flow_run_id


with Flow("renames-itself", **place("subflows.py")) as renaming:
    RenameFlowRun()(flow_run_id=own_id(), flow_run_name="a better name")

with Flow("cancels-another", **place("subflows.py")) as canceller:
    CancelFlowRun()(flow_run_id=Parameter("other"))
