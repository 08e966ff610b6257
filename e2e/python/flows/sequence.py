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


@task(log_stdout=True)
def show(values):
    print(f"values {values}")


# Server keeps defaults out of a run's parameters that Python takes for false; the client fills them in.
with Flow("parameters", **place("sequence.py")) as parameters:
    show([Parameter(name, default=value) for name, value in [("a", 0), ("b", ""), ("c", []), ("d", None), ("e", {"f": 1})]])
