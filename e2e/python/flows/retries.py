import datetime

import prefect
from place import place
from prefect import Flow, task


@task(max_retries=2, retry_delay=datetime.timedelta(seconds=0))
def flaky():
    attempt = prefect.context.task_run_count
    if attempt < 3:
        raise RuntimeError(f"attempt {attempt}")
    return attempt


@task(max_retries=1, retry_delay=datetime.timedelta(seconds=0))
def hopeless():
    raise RuntimeError("never")


with Flow("retries", **place("retries.py")) as in_process:
    flaky()

with Flow("retries-in-vain", **place("retries.py")) as in_vain:
    hopeless()


@task
def produce():
    return 41


# Retries more than ten minutes away end the process; the agent starts another one when they are due.
@task(max_retries=1, retry_delay=datetime.timedelta(minutes=12))
def late(x):
    if prefect.context.task_run_count == 1:
        raise RuntimeError("too early")
    return x + 1


@task(log_stdout=True)
def consume(x):
    print(f"consumed {x}")


with Flow("long-retry", **place("retries.py")) as redeployed:
    consume(late(produce()))
