-- Calendars: when is the desk open?  A calendar has versions, a version has
-- a zone and weekly ranges; holidays and overrides are of single dates.  What
-- they come to, as spans of time, is laid out in desk.calendar_span, from
-- which all business time is read (sql/desk/035-calendar.sql).

CREATE TABLE desk.calendar (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name		text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
	label		text NOT NULL CHECK (label ~ '\S' AND length(label) <= 100),
	is_stale	boolean NOT NULL DEFAULT true,
	laid_at		timestamptz,
	laid_until	timestamptz,
	again_at	timestamptz
);
COMMENT ON TABLE desk.calendar IS 'When work is done: promises count the open time of a calendar.  desk.calendar_set() makes one.';
COMMENT ON COLUMN desk.calendar.id IS 'public: number';
COMMENT ON COLUMN desk.calendar.name IS 'public: its name, in lower case';
COMMENT ON COLUMN desk.calendar.label IS 'public: its name in words';
COMMENT ON COLUMN desk.calendar.is_stale IS 'staff: its rules were edited in this transaction and its spans are yet to follow';
COMMENT ON COLUMN desk.calendar.laid_at IS 'staff: when its spans were last worked out';
COMMENT ON COLUMN desk.calendar.laid_until IS 'staff: how far ahead they reach';
COMMENT ON COLUMN desk.calendar.again_at IS 'staff: when open promises are worked out once more after an edit, for those that were being filed meanwhile';

CREATE TABLE desk.calendar_version (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	calendar	int NOT NULL REFERENCES desk.calendar ON DELETE CASCADE,
	valid_from	timestamptz NOT NULL DEFAULT now()
			CHECK (valid_from BETWEEN '1970-01-01 00:00Z' AND '2200-01-01 00:00Z'),
	zone		text NOT NULL,
	UNIQUE (calendar, valid_from)
);
COMMENT ON TABLE desk.calendar_version IS 'A calendar as it is from an instant on, until its next version.  The first begins the calendar; before it there is no time to count.';
COMMENT ON COLUMN desk.calendar_version.id IS 'public: number';
COMMENT ON COLUMN desk.calendar_version.calendar IS 'public: desk.calendar';
COMMENT ON COLUMN desk.calendar_version.valid_from IS 'public: from this instant on';
COMMENT ON COLUMN desk.calendar_version.zone IS 'public: the IANA zone of its hours, as Europe/Berlin';

CREATE TABLE desk.calendar_range (
	version		int NOT NULL REFERENCES desk.calendar_version ON DELETE CASCADE,
	weekday		smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
	opens		time NOT NULL CHECK (opens < '24:00' AND extract(second FROM opens) = 0),
	closes		time NOT NULL CHECK (extract(second FROM closes) = 0),
	PRIMARY KEY (version, weekday, opens)
);
COMMENT ON TABLE desk.calendar_range IS 'A weekly range of open time, local.  One that closes at or before it opens runs over midnight: it is the range to 24:00 and the range from 00:00 of the next weekday.';
COMMENT ON COLUMN desk.calendar_range.version IS 'public: desk.calendar_version';
COMMENT ON COLUMN desk.calendar_range.weekday IS 'public: 1 Monday to 7 Sunday';
COMMENT ON COLUMN desk.calendar_range.opens IS 'public: the first minute that is open';
COMMENT ON COLUMN desk.calendar_range.closes IS 'public: the first minute that is closed again, to 24:00';

CREATE TABLE desk.holiday (
	calendar	int NOT NULL REFERENCES desk.calendar ON DELETE CASCADE,
	day		date NOT NULL CHECK (day BETWEEN '1970-01-01' AND '2200-01-01'),
	name		text NOT NULL DEFAULT 'Holiday' CHECK (name ~ '\S' AND length(name) <= 200),
	PRIMARY KEY (calendar, day)
);
COMMENT ON TABLE desk.holiday IS 'A local date without any open time, whatever else is said of it.';
COMMENT ON COLUMN desk.holiday.calendar IS 'public: desk.calendar';
COMMENT ON COLUMN desk.holiday.day IS 'public: the date, in the calendar''s zone';
COMMENT ON COLUMN desk.holiday.name IS 'public: what it is called';

CREATE TABLE desk.calendar_override (
	calendar	int NOT NULL REFERENCES desk.calendar ON DELETE CASCADE,
	day		date NOT NULL CHECK (day BETWEEN '1970-01-01' AND '2200-01-01'),
	name		text NOT NULL DEFAULT 'Other hours' CHECK (name ~ '\S' AND length(name) <= 200),
	PRIMARY KEY (calendar, day)
);
COMMENT ON TABLE desk.calendar_override IS 'A local date with hours of its own, in place of those of its weekday; closed if it has no desk.calendar_override_range.';
COMMENT ON COLUMN desk.calendar_override.calendar IS 'public: desk.calendar';
COMMENT ON COLUMN desk.calendar_override.day IS 'public: the date, in the calendar''s zone';
COMMENT ON COLUMN desk.calendar_override.name IS 'public: why';

CREATE TABLE desk.calendar_override_range (
	calendar	int NOT NULL,
	day		date NOT NULL,
	opens		time NOT NULL CHECK (extract(second FROM opens) = 0),
	closes		time NOT NULL CHECK (extract(second FROM closes) = 0),
	PRIMARY KEY (calendar, day, opens),
	FOREIGN KEY (calendar, day) REFERENCES desk.calendar_override ON DELETE CASCADE ON UPDATE CASCADE,
	CONSTRAINT not_over_midnight CHECK (opens < closes)
);
COMMENT ON TABLE desk.calendar_override_range IS 'A range of open time of a date that has hours of its own.  It may not run over midnight.';
COMMENT ON COLUMN desk.calendar_override_range.calendar IS 'public: desk.calendar';
COMMENT ON COLUMN desk.calendar_override_range.day IS 'public: the date, in the calendar''s zone';
COMMENT ON COLUMN desk.calendar_override_range.opens IS 'public: the first minute that is open';
COMMENT ON COLUMN desk.calendar_override_range.closes IS 'public: the first minute that is closed again, to 24:00';

CREATE TABLE desk.calendar_span (
	calendar	int NOT NULL REFERENCES desk.calendar ON DELETE CASCADE,
	opens		timestamptz NOT NULL,
	closes		timestamptz,
	open_before_us	bigint NOT NULL CHECK (open_before_us >= 0),
	PRIMARY KEY (calendar, opens),
	CHECK (closes >= opens)
);
-- Beside the searched column the one that decides between equals: a span
-- that is empty begins where the count of open time stands still.
CREATE INDEX calendar_span_before ON desk.calendar_span (calendar, open_before_us, opens);
COMMENT ON TABLE desk.calendar_span IS 'The open time of a calendar, in order, with a running total; laid out by desk.calendar_lay(), three years ahead, and never by hand.  It begins with an empty span, if the calendar does not begin open, and ends with one that never closes: what lies behind is not worked out yet.';
COMMENT ON COLUMN desk.calendar_span.calendar IS 'public: desk.calendar';
COMMENT ON COLUMN desk.calendar_span.opens IS 'public: the first instant that is open';
COMMENT ON COLUMN desk.calendar_span.closes IS 'public: the first that is closed again; NULL where the layout ends';
COMMENT ON COLUMN desk.calendar_span.open_before_us IS 'public: microseconds of open time from the calendar''s beginning to "opens"';
