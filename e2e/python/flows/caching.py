import datetime

from place import place
from prefect import Flow, Parameter, task
from prefect.engine.cache_validators import all_parameters

hour = datetime.timedelta(hours=1)


@task(cache_for=hour)
def by_task():
    return "by task"


@task(cache_for=hour, cache_key="e2e-key")
def by_key():
    return "by key"


@task(cache_for=hour, cache_validator=all_parameters)
def by_parameters(x):
    return x


@task(log_stdout=True)
def show(values):
    print(f"values {values}")


with Flow("caching", **place("caching.py")) as flow:
    show([by_task(), by_key(), by_parameters(Parameter("x", default=1))])

# Another flow with the same key finds what the first one left.
with Flow("caching-elsewhere", **place("caching.py")) as elsewhere:
    show([by_key()])
