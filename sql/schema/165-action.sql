-- Production actions: what somebody did on a running system for a ticket,
-- written down so that it can be read by who comes after (001m).

CREATE TABLE desk.action (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.ticket,
	staff		int NOT NULL REFERENCES desk.staff,
	what		text NOT NULL CONSTRAINT action_says_what CHECK (what ~ '\S' AND length(replace(what, '[removed]', '')) <= 20000),
	why		text NOT NULL CONSTRAINT action_says_why CHECK (why ~ '\S' AND length(replace(why, '[removed]', '')) <= 5000),
	approval	text CONSTRAINT approval_in_words CHECK (approval ~ '\S' AND length(replace(approval, '[removed]', '')) <= 500),
	done_at		timestamptz NOT NULL DEFAULT now(),
	written_at	timestamptz NOT NULL DEFAULT now(),
	key_sha256	bytea UNIQUE CHECK (length(key_sha256) = 32)
);
CREATE INDEX action_ticket ON desk.action (ticket, id);
CREATE INDEX action_done ON desk.action (done_at, id);
COMMENT ON TABLE desk.action IS 'What one of the staff did in production.  Append-only: a mistake is put right by another entry.  Never public.';
COMMENT ON COLUMN desk.action.id IS 'staff: number';
COMMENT ON COLUMN desk.action.ticket IS 'staff: for which ticket';
COMMENT ON COLUMN desk.action.staff IS 'staff: who did it';
COMMENT ON COLUMN desk.action.what IS 'staff: the command or the change, as typed';
COMMENT ON COLUMN desk.action.why IS 'staff: why';
COMMENT ON COLUMN desk.action.approval IS 'staff: by whom and where it was approved, if that was not done here';
COMMENT ON COLUMN desk.action.done_at IS 'staff: when it was done';
COMMENT ON COLUMN desk.action.written_at IS 'staff: when it was written down';
COMMENT ON COLUMN desk.action.key_sha256 IS 'secret: SHA-256 of the form''s key, so that a double click writes it once';

CREATE TABLE desk.action_approval (
	action		int PRIMARY KEY REFERENCES desk.action,
	staff		int NOT NULL REFERENCES desk.staff,
	at		timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.action_approval IS 'Four eyes: another one of the staff has read an action and stands for it.  Append-only; nobody approves an action of their own (desk.approval_new).';
COMMENT ON COLUMN desk.action_approval.action IS 'staff: which action';
COMMENT ON COLUMN desk.action_approval.staff IS 'staff: who';
COMMENT ON COLUMN desk.action_approval.at IS 'staff: when';
