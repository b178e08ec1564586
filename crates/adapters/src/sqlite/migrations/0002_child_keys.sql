-- A task and its agent name each other. While one of the two is not written yet, every new row that others may name
-- has SQLite look for those that wait for it: over an index, not over the whole table.
CREATE INDEX tasks_by_agent ON tasks (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX agents_by_task ON agents (task_id);
CREATE INDEX turns_by_agent ON turns (agent_id);
CREATE INDEX turns_by_task ON turns (task_id);
CREATE INDEX turns_by_merge ON turns (merge_id) WHERE merge_id IS NOT NULL;
CREATE INDEX merges_by_agent ON merges (agent_id);
CREATE INDEX merges_by_task ON merges (task_id);
CREATE INDEX messages_by_task ON messages (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX messages_by_sender ON messages (from_agent) WHERE from_agent IS NOT NULL;
CREATE INDEX messages_by_reader ON messages (to_agent) WHERE to_agent IS NOT NULL;
