"""A flow that is due a few times soon after its registration."""

import pendulum
from place import place
from prefect import Flow, Parameter, task
from prefect.schedules import Schedule
from prefect.schedules.clocks import DatesClock

# With five seconds for its registration; the runs are created ahead of that.
now = pendulum.now("utc").replace(microsecond=0)
schedule = Schedule(clocks=[
    DatesClock([now.add(seconds=5), now.add(seconds=6)]),
    DatesClock([now.add(seconds=6)], parameter_defaults={"who": "clock"}, labels=["special"]),
])


@task(log_stdout=True)
def greet(who):
    print(f"hello {who}")


with Flow("scheduled", schedule=schedule, **place("services/scheduled.py")) as flow:
    greet(Parameter("who", default="default"))
