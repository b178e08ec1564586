-- A message may keep the agents of one table from starting turns until the user has looked.
ALTER TABLE messages ADD COLUMN holds TEXT;
-- The names of the variables whose values were handed over, and of those whose values are gone. Never a value.
ALTER TABLE initiatives ADD COLUMN env_given TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(env_given));
ALTER TABLE initiatives ADD COLUMN env_lost TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(env_lost));
ALTER TABLE tasks ADD COLUMN env_given TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(env_given));
ALTER TABLE tasks ADD COLUMN env_lost TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(env_lost));
-- How many of an agent's latest turns in a row were ended for their silence.
ALTER TABLE agents ADD COLUMN stalls INTEGER NOT NULL DEFAULT 0;
