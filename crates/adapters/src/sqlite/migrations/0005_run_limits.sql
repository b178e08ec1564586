-- `cw run --max-agents` is a limit of the run, not of the plan.
ALTER TABLE initiatives ADD COLUMN run_agents INTEGER;
