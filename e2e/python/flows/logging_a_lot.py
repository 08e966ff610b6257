import prefect
from place import place
from prefect import Flow, Parameter, task


@task
def chatter(n):
    for i in range(n):
        prefect.context.logger.info("line %d of %d: naïve ☃ 😀\n\tand its second line", i, n)
    prefect.context.logger.warning("that was it")


with Flow("chatter", **place("logging_a_lot.py")) as flow:
    chatter(Parameter("n", default=5000))
