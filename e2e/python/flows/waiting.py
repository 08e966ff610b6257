"""Flows that run until the test says so, by a file of the run's id, or puts an end to them."""

import os
import time

import prefect
from place import place
from prefect import Flow, task


@task
def before():
    return 1


@task(log_stdout=True)
def wait(x):
    print("waiting")
    while not os.path.exists(f"/results/{prefect.context.flow_run_id}"):
        time.sleep(0.1)


@task
def after(x):
    pass


with Flow("waiting", **place("waiting.py")) as flow:
    after(wait(before()))
