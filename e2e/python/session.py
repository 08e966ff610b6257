"""A Python session that the tests talk to.

A line on standard input is {"code": the body of a function, "args": {...}}; the body sees `client`, what is imported
here, and the arguments by name. A line on standard output is {"value": what it returned} or {"error": text}. One process
for all tests, because `import prefect` takes longer than most of what they ask.
"""

import datetime
import json
import sys
import textwrap
import traceback

import pendulum
import prefect
from prefect import Client
from prefect.backend import FlowRunView, FlowView, TaskRunView, TenantView
from prefect.engine import signals, state
from prefect.exceptions import ClientError
from prefect.run_configs import DockerRun
from prefect.utilities.graphql import EnumValue, with_args

client = Client()


def flow_run(flow_run_id):
    """What there is to know of a flow run: its state, its history, its task runs with theirs, its logs."""
    view = FlowRunView.from_flow_run_id(flow_run_id)
    states = with_args("states", {"order_by": {"version": EnumValue("asc")}})
    rows = client.graphql(
        {
            "query": {
                with_args("task_run", {"where": {"flow_run_id": {"_eq": flow_run_id}}}): {
                    "id": True,
                    "name": True,
                    "map_index": True,
                    "task": {"slug"},
                    states: {"state", "message"},
                }
            }
        }
    ).data.task_run
    tasks = {}
    for row in rows:
        key = row.task.slug if row.map_index < 0 else f"{row.task.slug}/{row.map_index}"
        tasks[key] = {
            "id": row.id,
            "name": row.name,
            "states": [s.state for s in row.states],
            "messages": [s.message for s in row.states],
        }
    return {
        "id": flow_run_id,
        "name": view.name,
        "state": kind(view.state),
        "message": view.state.message,
        "states": [kind(s) for s in view.states],
        "messages": [s.message for s in view.states],
        "parameters": view.parameters,
        "tasks": tasks,
        # By default they end with the last change of the run, and thus without what was logged after it.
        "logs": [log.message for log in view.get_logs(end_time=pendulum.now("utc"))],
    }


def kind(s):
    """The type of a state, as text."""
    return type(s).__name__


def call(code, args):
    names = dict(globals())
    body = textwrap.indent(textwrap.dedent(code).strip("\n"), "    ")
    exec(f"def body({', '.join(args)}):\n{body}", names)
    return names["body"](**args)


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"value": call(request["code"], request["args"] or {})}
    except Exception as e:
        answer = {"error": f"{type(e).__name__}: {e}", "traceback": traceback.format_exc()}
    print(json.dumps(answer, default=str), flush=True)
