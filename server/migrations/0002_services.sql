-- What the services look for, however many runs have finished: task runs that are executed, and the newest run that a
-- flow's schedule created.

CREATE INDEX task_run_running ON task_run (flow_run_id) WHERE state = 'Running';
CREATE INDEX flow_run_auto_scheduled ON flow_run (flow_id, scheduled_start_time) WHERE auto_scheduled;
