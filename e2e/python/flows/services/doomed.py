"""Flows whose process dies the first time, without a word."""

import datetime
import os

import prefect
from place import place
from prefect import Flow, task


def die_once(what):
    mark = f"/results/{prefect.context.flow_run_id}-{what}"
    if not os.path.exists(mark):
        open(mark, "w").close()
        os._exit(137)


def dies_as_it_starts(flow, old, new):
    if new.is_running():
        die_once("flow")
    return new


@task
def work():
    return 1


with Flow("dies-before-its-tasks", state_handlers=[dies_as_it_starts], **place("services/doomed.py")) as before:
    work()


@task(max_retries=1, retry_delay=datetime.timedelta(seconds=1))
def dies_and_retries():
    die_once("task")
    return 2


@task
def follows(x):
    return x + 1


with Flow("dies-in-a-task-with-retries", **place("services/doomed.py")) as retried:
    follows(dies_and_retries())


@task
def dies():
    die_once("task")


with Flow("dies-in-a-task-without", **place("services/doomed.py")) as failed:
    follows(dies())
