-- A hold that came with stopping every agent goes with whatever the user starts next.
ALTER TABLE projects ADD COLUMN lifts INTEGER NOT NULL DEFAULT 0 CHECK (lifts IN (0, 1));
