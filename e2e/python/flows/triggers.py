from place import place
from prefect import Flow, case, task
from prefect.tasks.control_flow import merge
from prefect.triggers import all_finished, any_failed, manual_only, some_successful


@task
def works():
    return "worked"


@task
def fails():
    raise ValueError("as planned")


@task
def needs_all():
    pass


@task(trigger=any_failed)
def cleans_up():
    pass


@task(trigger=all_finished)
def always():
    pass


@task(trigger=some_successful(at_least=1))
def satisfied():
    pass


with Flow("triggers", **place("triggers.py")) as flow:
    both = [works(), fails()]
    needs_all(upstream_tasks=both)
    cleans_up(upstream_tasks=both)
    satisfied(upstream_tasks=both)
    flow.set_reference_tasks([always(upstream_tasks=both)])


@task
def even(x):
    return x % 2 == 0


@task
def when_even():
    return "even"


@task
def when_odd():
    return "odd"


@task(log_stdout=True)
def report(branch):
    print(f"branch {branch}")


with Flow("branches", **place("triggers.py")) as branches:
    is_even = even(3)
    with case(is_even, True):
        a = when_even()
    with case(is_even, False):
        b = when_odd()
    report(merge(a, b))


@task
def prepare():
    return "prepared"


@task(trigger=manual_only, log_stdout=True)
def approved(what):
    print(f"approved: {what}")


with Flow("approval", **place("triggers.py")) as approval:
    approved(prepare())
