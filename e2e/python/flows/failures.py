from place import place
from prefect import Flow, task
from prefect.engine.state import Success
from prefect.storage import Local


@task
def divide():
    return 1 / 0


@task
def downstream(x):
    pass


with Flow("failure", **place("failures.py")) as failing:
    downstream(divide())


def forgive(obj, old, new):
    obj.logger.info(f"{obj.name}: from {type(old).__name__} to {type(new).__name__}")
    return Success("forgiven", result=0) if new.is_failed() else new


def broken(obj, old, new):
    raise RuntimeError("handlers break, too")


@task(state_handlers=[forgive])
def forgiven():
    raise RuntimeError("mistakes happen")


@task(state_handlers=[broken])
def unlucky():
    pass


with Flow("state-handlers", state_handlers=[forgive], **place("failures.py")) as handled:
    forgiven()
    unlucky()


@task(timeout=1)
def slow():
    import time

    time.sleep(60)


with Flow("timeout", **place("failures.py")) as timeout:
    slow()

arguments = place("failures.py")
arguments["storage"] = Local(path="/flows/none.py", stored_as_script=True, add_default_labels=False)
with Flow("file-is-missing", **arguments) as missing:
    divide()
