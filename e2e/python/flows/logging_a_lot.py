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


@task
def megabytes():
    for letter, n in [("a", 900_000), ("b", 900_000), ("é", 200_000), ("😀", 200_000)]:
        prefect.context.logger.info(letter * n)


# The client sends up to 4 MB of text at once, and what is not ASCII is up to 14 bytes in JSON within JSON.
with Flow("megabytes", **place("logging_a_lot.py")) as long_lines:
    megabytes()
