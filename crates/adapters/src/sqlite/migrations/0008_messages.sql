-- A call made again by its agent says nothing anew.
ALTER TABLE messages ADD COLUMN key TEXT;
-- The turn whose program was handed the note while it worked.
ALTER TABLE messages ADD COLUMN passed INTEGER;
-- A permission given for good can be taken back.
ALTER TABLE messages ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1));
-- Tells the whole input of a tool from any other.
ALTER TABLE messages ADD COLUMN request_digest TEXT;
-- A program that takes messages while it works has said so.
ALTER TABLE turns ADD COLUMN listens INTEGER NOT NULL DEFAULT 0 CHECK (listens IN (0, 1));
-- A program that used a tool has read what it was told.
ALTER TABLE turns ADD COLUMN worked INTEGER NOT NULL DEFAULT 0 CHECK (worked IN (0, 1));
-- The user has confirmed that agents may work without asking.
ALTER TABLE projects ADD COLUMN bypass INTEGER NOT NULL DEFAULT 0 CHECK (bypass IN (0, 1));
