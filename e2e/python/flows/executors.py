from place import place
from prefect import Flow, task
from prefect.executors import LocalDaskExecutor


@task
def inc(x):
    return x + 1


@task(log_stdout=True)
def total(xs):
    print(f"total {sum(xs)}")


with Flow("dask-threads", executor=LocalDaskExecutor(scheduler="threads", num_workers=4), **place("executors.py")) as threads:
    total(inc.map(inc.map(list(range(20)))))

with Flow("dask-processes", executor=LocalDaskExecutor(scheduler="processes", num_workers=2), **place("executors.py")) as processes:
    total(inc.map(list(range(8))))
