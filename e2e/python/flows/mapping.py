from place import place
from prefect import Flow, Parameter, flatten, task, unmapped


@task
def numbers(n):
    return list(range(n))


@task(task_run_name="{x} squared")
def square(x, plus):
    return x * x + plus


@task
def pair(x):
    return [x, -x]


@task(log_stdout=True)
def total(squares, pairs):
    print(f"total {sum(squares)} of {len(squares)}, {len(pairs)} in pairs")


with Flow("mapping", **place("mapping.py")) as flow:
    n = numbers(Parameter("n", default=2))
    total(square.map(n, plus=unmapped(1)), flatten(pair.map(numbers(2))))
