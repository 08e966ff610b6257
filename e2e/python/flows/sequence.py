from place import place
from prefect import Flow, Parameter, task


@task
def extract(x):
    return x + 1


@task(log_stdout=True)
def load(x, greeting):
    print(f"{greeting} {x}")


with Flow("sequence", **place("sequence.py")) as flow:
    load(extract(Parameter("x", default=41)), Parameter("greeting", default="hello"))
