from datetime import timedelta

import pendulum
import prefect
from place import place
from prefect import Flow, task
from prefect.engine import signals
from prefect.triggers import all_finished


@task
def succeed():
    raise signals.SUCCESS("early success", result=7)


@task
def skip():
    raise signals.SKIP("nothing to do")


@task
def skipped_along():
    pass


@task(skip_on_upstream_skip=False)
def undeterred():
    pass


@task
def fail():
    raise signals.FAIL("gave up")


@task(max_retries=1, retry_delay=timedelta(hours=1))
def retry():
    if prefect.context.task_run_count == 1:
        raise signals.RETRY("again, at once", start_time=pendulum.now("utc"))


@task
def loop():
    n = prefect.context.get("task_loop_count", 1)
    if n < 3:
        raise signals.LOOP(message=f"loop {n}", result=n)
    return n


@task(trigger=all_finished, log_stdout=True)
def last(succeeded, looped):
    print(f"{succeeded} and {looped}")


with Flow("signals", **place("signaling.py")) as flow:
    s = skip()
    skipped_along(upstream_tasks=[s])
    undeterred(upstream_tasks=[s])
    failed = fail()
    end = last(succeed(), loop(), upstream_tasks=[failed, retry()])
    flow.set_reference_tasks([end])


@task(log_stdout=True)
def pause():
    if not prefect.context.get("resume"):
        raise signals.PAUSE("until somebody says so")
    print("somebody said so")


with Flow("pause", **place("signaling.py")) as pausing:
    pause()
