-- A question or permission that an agent program waits for remembers whom to answer.
ALTER TABLE messages ADD COLUMN request_turn INTEGER REFERENCES turns (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE messages ADD COLUMN request_reply INTEGER;
ALTER TABLE messages ADD COLUMN request_name TEXT;
ALTER TABLE messages ADD COLUMN request_tool TEXT;
ALTER TABLE messages ADD COLUMN request_parts INTEGER;
CREATE INDEX messages_by_turn ON messages (request_turn) WHERE request_turn IS NOT NULL;
