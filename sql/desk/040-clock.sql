-- Clocks.  A clock counts from started_at, holds while the requester has the
-- word, and is due when the time used reaches the target.

CREATE OR REPLACE FUNCTION desk.policy_for(at timestamptz, level smallint, via text) RETURNS desk.policy
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	p desk.policy;
BEGIN
	SELECT * INTO p FROM desk.policy x
	WHERE (x.severity = level OR x.severity IS NULL)
	  AND (x.channel = via OR x.channel IS NULL) AND x.valid_from <= at
	ORDER BY x.severity IS NULL, x.channel IS NULL, x.valid_from DESC
	LIMIT 1;
	IF NOT FOUND THEN
		RAISE 'no policy covers severity % by channel %', level, via
			USING ERRCODE = 'PT409', HINT = 'INSERT one into desk.policy with severity and channel NULL.';
	END IF;
	RETURN p;
END
$$;
COMMENT ON FUNCTION desk.policy_for(timestamptz, smallint, text) IS 'The promise that holds for a ticket that came in at that time.';

CREATE OR REPLACE FUNCTION desk.answer_target(p desk.policy, at timestamptz) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF p.same_day THEN
		RETURN greatest(p.answer_seconds,
			ceil(extract(epoch FROM date_trunc('day', at) + interval '1 day' - at))::int);
	END IF;
	RETURN p.answer_seconds;
END
$$;
COMMENT ON FUNCTION desk.answer_target(desk.policy, timestamptz) IS 'Seconds to the first response: as promised, or to midnight of the session''s zone for "same day".';

CREATE OR REPLACE FUNCTION desk.clock_set() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NEW.state = 'running' THEN
		NEW.due_at := NEW.since + (NEW.target_seconds - NEW.used_seconds) * interval '1 second';
		NEW.warn_at := greatest(NEW.since, NEW.since
			+ (ceil(NEW.target_seconds * NEW.warn_percent / 100.0) - NEW.used_seconds) * interval '1 second');
		IF NEW.used_seconds >= NEW.target_seconds THEN
			NEW.due_at := NEW.since;
		END IF;
		NEW.next_at := CASE WHEN NEW.breached_at IS NOT NULL THEN NULL
			WHEN NEW.warned_at IS NULL THEN least(NEW.warn_at, NEW.due_at) ELSE NEW.due_at END;
	ELSE
		NEW.due_at := NULL;
		NEW.warn_at := NULL;
		NEW.next_at := NULL;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION desk.clock_set() IS 'Keeps due_at, warn_at and next_at what the other columns make them.';
CREATE OR REPLACE TRIGGER clock_set BEFORE INSERT OR UPDATE ON desk.clock
	FOR EACH ROW EXECUTE FUNCTION desk.clock_set();

CREATE OR REPLACE FUNCTION desk.clock_turn(wanted int, what text, turn text, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	c desk.clock;
BEGIN
	SELECT * INTO c FROM desk.clock x
	WHERE x.ticket = wanted AND x.metric = what ORDER BY x.cycle DESC LIMIT 1 FOR UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	IF c.state = 'running' AND turn IN ('pause', 'stop', 'cancel') THEN
		c.used_seconds := c.used_seconds + greatest(0, extract(epoch FROM at - c.since));
		c.breached_at := coalesce(c.breached_at, CASE WHEN at > c.due_at AND turn <> 'cancel' THEN c.due_at END);
	END IF;
	UPDATE desk.clock SET
		state = CASE
			WHEN turn = 'run' AND c.state IN ('paused', 'stopped', 'cancelled') THEN 'running'
			WHEN turn = 'pause' AND c.state = 'running' THEN 'paused'
			WHEN turn = 'stop' AND c.state IN ('running', 'paused') THEN 'stopped'
			WHEN turn = 'cancel' AND c.state IN ('running', 'paused') THEN 'cancelled'
			ELSE c.state END,
		since = CASE WHEN turn = 'run' AND c.state IN ('paused', 'stopped', 'cancelled') THEN at ELSE c.since END,
		stopped_at = CASE
			WHEN turn = 'stop' AND c.state IN ('running', 'paused') THEN at
			WHEN turn = 'run' THEN NULL ELSE c.stopped_at END,
		used_seconds = c.used_seconds, breached_at = c.breached_at
	WHERE id = c.id RETURNING due_at INTO c.due_at;
	RETURN c.due_at;
END
$$;
COMMENT ON FUNCTION desk.clock_turn(int, text, text, timestamptz) IS 'run, pause, stop or cancel a ticket''s clock at an instant; a turn that changes nothing is none.  A breach that slacheck has not seen yet is kept.  Returns when it is now due, NULL unless running.';

CREATE OR REPLACE FUNCTION desk.clock_retarget(wanted int, what text, p desk.policy, seconds int, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	due timestamptz;
BEGIN
	UPDATE desk.clock SET policy = p.id, target_seconds = seconds, warn_percent = p.warn_percent,
		-- count up to now, so that a promise that is broken by the change
		-- was due at the change and not before it
		used_seconds = used_seconds + CASE state WHEN 'running' THEN greatest(0, extract(epoch FROM at - since)) ELSE 0 END,
		since = CASE state WHEN 'running' THEN greatest(at, since) ELSE since END
	WHERE ticket = wanted AND metric = what AND state IN ('running', 'paused')
	RETURNING due_at INTO due;
	RETURN due;
END
$$;
COMMENT ON FUNCTION desk.clock_retarget(int, text, desk.policy, int, timestamptz) IS 'Give an open clock another target at an instant; it counts from its start, pauses kept, but is never due before the change that made it so.';
