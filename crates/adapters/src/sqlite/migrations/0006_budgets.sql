-- What the user raised a budget to when it was used up; the question stands for a whole initiative.
ALTER TABLE initiatives ADD COLUMN budget_raised INTEGER;
ALTER TABLE tasks ADD COLUMN budget_raised INTEGER;
ALTER TABLE messages ADD COLUMN initiative_id INTEGER REFERENCES initiatives (id) DEFERRABLE INITIALLY DEFERRED;
