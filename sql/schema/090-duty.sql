-- Who is on duty: rotations, their rosters, the published weeks and their
-- seats, who may take one, and what was swapped.
--
-- A week is named by its Monday and runs from one hand-over to the next.
-- What is published stays: people plan their lives by it.  A seat changes
-- hands by a row of desk.duty_swap that bears both names, or is covered when
-- its holder cannot be on duty.

CREATE TABLE desk.rotation (
	name		text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,39}$'),
	label		text NOT NULL CHECK (label ~ '\S' AND length(label) <= 80),
	zone		text NOT NULL,
	handover	time NOT NULL DEFAULT '09:00' CHECK (extract(second FROM handover) = 0 AND handover < '24:00'),
	seats		smallint NOT NULL DEFAULT 2 CHECK (seats BETWEEN 1 AND 20),
	minimum		smallint NOT NULL DEFAULT 1,
	ahead		smallint NOT NULL DEFAULT 8 CHECK (ahead BETWEEN 6 AND 52),
	lead		int REFERENCES desk.staff,
	manager		int REFERENCES desk.staff,
	CHECK (minimum BETWEEN 1 AND seats)
);
COMMENT ON TABLE desk.rotation IS 'A duty that goes round, a week at a time.';
COMMENT ON COLUMN desk.rotation.name IS 'public: as other tables and functions call it';
COMMENT ON COLUMN desk.rotation.label IS 'public: as people read it';
COMMENT ON COLUMN desk.rotation.zone IS 'public: the time zone of its Mondays, by its IANA name';
COMMENT ON COLUMN desk.rotation.handover IS 'public: the local time on Monday at which one week ends and the next begins';
COMMENT ON COLUMN desk.rotation.seats IS 'public: people on duty in a week that is planned from now on';
COMMENT ON COLUMN desk.rotation.minimum IS 'public: with fewer people than this a week is short, and that is an alarm';
COMMENT ON COLUMN desk.rotation.ahead IS 'public: plan so many weeks ahead whenever fewer than six are published';
COMMENT ON COLUMN desk.rotation.lead IS 'public: whom to ask after those on duty';
COMMENT ON COLUMN desk.rotation.manager IS 'public: and whom after the lead';

CREATE TABLE desk.roster (
	rotation	text NOT NULL REFERENCES desk.rotation,
	staff		int NOT NULL REFERENCES desk.staff,
	joined_on	date NOT NULL DEFAULT current_date CHECK (isfinite(joined_on)),
	left_on		date,
	left_reason	text CHECK (left_reason ~ '\S' AND length(left_reason) <= 500),
	PRIMARY KEY (rotation, staff),
	CHECK (left_on >= joined_on),
	CHECK ((left_on IS NULL) = (left_reason IS NULL))
);
COMMENT ON TABLE desk.roster IS 'Who takes turns in a rotation.  Everybody does: who cannot for a time has a row in desk.duty_exemption.';
COMMENT ON COLUMN desk.roster.rotation IS 'staff: which rotation';
COMMENT ON COLUMN desk.roster.staff IS 'staff: who';
COMMENT ON COLUMN desk.roster.joined_on IS 'staff: takes part in weeks that begin on this day or later';
COMMENT ON COLUMN desk.roster.left_on IS 'staff: takes no part from this day on, for good';
COMMENT ON COLUMN desk.roster.left_reason IS 'staff: and why; a row cannot be deleted';

CREATE TABLE desk.duty_ready (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	rotation	text NOT NULL REFERENCES desk.rotation,
	staff		int NOT NULL REFERENCES desk.staff,
	kind		text NOT NULL CHECK (kind IN ('shadow', 'again', 'experienced')),
	monday		date,
	since		date CHECK (isfinite(since)),
	reason		text CHECK (reason ~ '\S' AND length(reason) <= 500),
	said_by		text NOT NULL DEFAULT session_user,
	said_at		timestamptz NOT NULL DEFAULT now(),
	is_ready	boolean NOT NULL GENERATED ALWAYS AS (kind <> 'again') STORED,
	UNIQUE (rotation, staff, monday),
	UNIQUE (id, rotation, staff, is_ready),
	CHECK ((kind = 'experienced') = (monday IS NULL)),
	CHECK ((kind = 'experienced') = (since IS NOT NULL)),
	CHECK (kind = 'shadow' OR reason IS NOT NULL),
	CONSTRAINT nobody_vouches_for_themselves CHECK (said_by <> 'staff:' || staff)
);
COMMENT ON TABLE desk.duty_ready IS 'Who may be on duty, and why: a completed shadow week ("shadow"), or the word of somebody who knows ("experienced", for the first members of a rotation).  "again": a shadow week that has to be repeated.  Append-only.';
COMMENT ON COLUMN desk.duty_ready.id IS 'staff: number';
COMMENT ON COLUMN desk.duty_ready.rotation IS 'staff: for which rotation';
COMMENT ON COLUMN desk.duty_ready.staff IS 'staff: who';
COMMENT ON COLUMN desk.duty_ready.kind IS 'staff: shadow, again or experienced';
COMMENT ON COLUMN desk.duty_ready.monday IS 'staff: the shadow week, by its Monday';
COMMENT ON COLUMN desk.duty_ready.since IS 'staff: since when they have known the duty; for experienced';
COMMENT ON COLUMN desk.duty_ready.reason IS 'staff: why we say so; for experienced and again';
COMMENT ON COLUMN desk.duty_ready.said_by IS 'staff: who says so: staff:<number>, or a role of the database';
COMMENT ON COLUMN desk.duty_ready.said_at IS 'staff: when they said it';
COMMENT ON COLUMN desk.duty_ready.is_ready IS 'staff: true but for "again"; what the seats refer to';

CREATE TABLE desk.duty_exemption (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	staff		int NOT NULL REFERENCES desk.staff,
	from_day	date NOT NULL CHECK (isfinite(from_day)),
	until_day	date NOT NULL CHECK (isfinite(until_day)),
	reason		text NOT NULL CHECK (reason ~ '\S' AND length(reason) <= 500),
	said_by		text NOT NULL DEFAULT session_user,
	said_at		timestamptz NOT NULL DEFAULT now(),
	ended_by	text,
	ended_at	timestamptz,
	CHECK ((ended_by IS NULL) = (ended_at IS NULL)),
	CHECK (until_day >= from_day AND until_day <= from_day + 366)
);
CREATE INDEX duty_exemption_staff ON desk.duty_exemption (staff, until_day);
COMMENT ON TABLE desk.duty_exemption IS 'Who is not on duty for a time.  There is none without a reason and an end, and none longer than a year.';
COMMENT ON COLUMN desk.duty_exemption.id IS 'staff: number';
COMMENT ON COLUMN desk.duty_exemption.staff IS 'staff: who';
COMMENT ON COLUMN desk.duty_exemption.from_day IS 'staff: the first day';
COMMENT ON COLUMN desk.duty_exemption.until_day IS 'staff: the last day';
COMMENT ON COLUMN desk.duty_exemption.reason IS 'staff: why, in words that all of the staff may read';
COMMENT ON COLUMN desk.duty_exemption.said_by IS 'staff: who entered it: staff:<number>, or a role of the database';
COMMENT ON COLUMN desk.duty_exemption.said_at IS 'staff: when';
COMMENT ON COLUMN desk.duty_exemption.ended_by IS 'staff: who ended it before its time';
COMMENT ON COLUMN desk.duty_exemption.ended_at IS 'staff: when';

CREATE TABLE desk.duty_week (
	rotation	text NOT NULL REFERENCES desk.rotation,
	monday		date NOT NULL CHECK (extract(isodow FROM monday) = 1),
	starts_at	timestamptz NOT NULL,
	ends_at		timestamptz NOT NULL,
	published_at	timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (rotation, monday),
	CHECK (ends_at > starts_at)
);
COMMENT ON TABLE desk.duty_week IS 'A published week.';
COMMENT ON COLUMN desk.duty_week.rotation IS 'public: of which rotation';
COMMENT ON COLUMN desk.duty_week.monday IS 'public: its Monday';
COMMENT ON COLUMN desk.duty_week.starts_at IS 'public: the hand-over at which it begins, made from the rotation';
COMMENT ON COLUMN desk.duty_week.ends_at IS 'public: and the one at which it ends';
COMMENT ON COLUMN desk.duty_week.published_at IS 'public: when it was planned';

CREATE TABLE desk.duty_swap (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind		text NOT NULL DEFAULT 'swap' CHECK (kind IN ('swap', 'cover')),
	rotation	text NOT NULL,
	monday		date NOT NULL,
	seat		smallint NOT NULL,
	giver		int NOT NULL REFERENCES desk.staff,
	taker		int NOT NULL REFERENCES desk.staff,
	return_monday	date,
	return_seat	smallint,
	reason		text CHECK (reason ~ '\S' AND length(reason) <= 500),
	asked_at	timestamptz NOT NULL DEFAULT now(),
	answer		text CHECK (answer IN ('accepted', 'declined', 'withdrawn')),
	answered_by	int REFERENCES desk.staff,
	answered_at	timestamptz,
	FOREIGN KEY (rotation, monday) REFERENCES desk.duty_week,
	CHECK (giver <> taker),
	CHECK ((return_monday IS NULL) = (return_seat IS NULL)),
	CHECK ((answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL)),
	CONSTRAINT the_other_one_agrees CHECK (answer <> 'accepted' OR answered_by = taker),
	CONSTRAINT a_cover_has_a_reason CHECK (kind = 'swap' OR reason IS NOT NULL AND return_monday IS NULL)
);
CREATE UNIQUE INDEX duty_swap_open ON desk.duty_swap (rotation, monday, seat) WHERE answer IS NULL;
CREATE INDEX duty_swap_taker ON desk.duty_swap (taker) WHERE answer IS NULL;
COMMENT ON TABLE desk.duty_swap IS 'How seats change hands.  swap: the giver asked, the taker accepted or did not.  cover: the giver cannot be on duty (left, or exempt), the taker stepped in.  A row is answered once and otherwise stays as it is.';
COMMENT ON COLUMN desk.duty_swap.id IS 'staff: number';
COMMENT ON COLUMN desk.duty_swap.kind IS 'staff: swap or cover';
COMMENT ON COLUMN desk.duty_swap.rotation IS 'staff: in which rotation';
COMMENT ON COLUMN desk.duty_swap.monday IS 'staff: the week that is given';
COMMENT ON COLUMN desk.duty_swap.seat IS 'staff: the seat that is given';
COMMENT ON COLUMN desk.duty_swap.giver IS 'staff: who has it, and asks';
COMMENT ON COLUMN desk.duty_swap.taker IS 'staff: who shall have it, and is asked';
COMMENT ON COLUMN desk.duty_swap.return_monday IS 'staff: the week given in return; NULL for none';
COMMENT ON COLUMN desk.duty_swap.return_seat IS 'staff: and its seat';
COMMENT ON COLUMN desk.duty_swap.reason IS 'staff: why; must be there for a cover';
COMMENT ON COLUMN desk.duty_swap.asked_at IS 'staff: when it was asked';
COMMENT ON COLUMN desk.duty_swap.answer IS 'staff: accepted, declined or withdrawn; NULL while it is open';
COMMENT ON COLUMN desk.duty_swap.answered_by IS 'staff: by whom';
COMMENT ON COLUMN desk.duty_swap.answered_at IS 'staff: when';

CREATE TABLE desk.duty_seat (
	rotation	text NOT NULL,
	monday		date NOT NULL,
	seat		smallint NOT NULL CHECK (seat >= 1),
	is_shadow	boolean NOT NULL DEFAULT false,
	staff		int NOT NULL REFERENCES desk.staff,
	span		tstzrange NOT NULL,
	ready		bigint,
	needs_ready	boolean NOT NULL GENERATED ALWAYS AS (NOT is_shadow) STORED,
	uid		uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
	sequence	int NOT NULL DEFAULT 0,
	swap		int REFERENCES desk.duty_swap,
	changed_at	timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (rotation, monday, is_shadow, seat),
	FOREIGN KEY (rotation, monday) REFERENCES desk.duty_week,
	-- two constraints and not a trigger: they hold for the owner's raw SQL
	CONSTRAINT primary_has_shadowed CHECK (is_shadow OR ready IS NOT NULL),
	CONSTRAINT primary_is_ready FOREIGN KEY (ready, rotation, staff, needs_ready)
		REFERENCES desk.duty_ready (id, rotation, staff, is_ready),
	CONSTRAINT nobody_on_two_duties EXCLUDE USING gist (int4range(staff, staff, '[]') WITH &&, span WITH &&)
);
CREATE INDEX duty_seat_staff ON desk.duty_seat (staff, monday);
CREATE INDEX duty_seat_span ON desk.duty_seat USING gist (span);
COMMENT ON TABLE desk.duty_seat IS 'Who is on duty in a published week, and who rides shotgun with them (is_shadow; the same number of a seat).  A seat that is free has no row.  Nobody is on duty without a row in desk.duty_ready, and nobody twice at once, in whatever rotations.';
COMMENT ON COLUMN desk.duty_seat.rotation IS 'public: in which rotation';
COMMENT ON COLUMN desk.duty_seat.monday IS 'public: in which week';
COMMENT ON COLUMN desk.duty_seat.seat IS 'public: 1 is asked first';
COMMENT ON COLUMN desk.duty_seat.is_shadow IS 'public: rides shotgun with the one in the seat of this number';
COMMENT ON COLUMN desk.duty_seat.staff IS 'public: who';
COMMENT ON COLUMN desk.duty_seat.span IS 'public: from hand-over to hand-over, copied from the week';
COMMENT ON COLUMN desk.duty_seat.ready IS 'staff: why they may be on duty; found when left out';
COMMENT ON COLUMN desk.duty_seat.needs_ready IS 'staff: what desk.duty_ready.is_ready has to be';
COMMENT ON COLUMN desk.duty_seat.uid IS 'staff: names the seat in calendars for ever';
COMMENT ON COLUMN desk.duty_seat.sequence IS 'staff: rises with each change, for calendars';
COMMENT ON COLUMN desk.duty_seat.swap IS 'staff: how it came to the one who has it; NULL as planned';
COMMENT ON COLUMN desk.duty_seat.changed_at IS 'staff: when it last changed';

CREATE TABLE desk.duty_change (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at		timestamptz NOT NULL DEFAULT now(),
	rotation	text NOT NULL,
	monday		date NOT NULL,
	seat		smallint NOT NULL,
	is_shadow	boolean NOT NULL,
	uid		uuid NOT NULL,
	sequence	int NOT NULL,
	span		tstzrange NOT NULL,
	old_staff	int REFERENCES desk.staff,
	new_staff	int REFERENCES desk.staff,
	swap		int REFERENCES desk.duty_swap,
	role		text NOT NULL DEFAULT session_user
);
CREATE INDEX duty_change_old ON desk.duty_change (old_staff, monday);
COMMENT ON TABLE desk.duty_change IS 'What happened to every seat.  Append-only.';
COMMENT ON COLUMN desk.duty_change.id IS 'staff: number';
COMMENT ON COLUMN desk.duty_change.at IS 'staff: when';
COMMENT ON COLUMN desk.duty_change.rotation IS 'staff: in which rotation';
COMMENT ON COLUMN desk.duty_change.monday IS 'staff: in which week';
COMMENT ON COLUMN desk.duty_change.seat IS 'staff: which seat';
COMMENT ON COLUMN desk.duty_change.is_shadow IS 'staff: of those who ride shotgun';
COMMENT ON COLUMN desk.duty_change.uid IS 'staff: the seat''s name in calendars';
COMMENT ON COLUMN desk.duty_change.sequence IS 'staff: the seat''s sequence after it';
COMMENT ON COLUMN desk.duty_change.span IS 'staff: from hand-over to hand-over';
COMMENT ON COLUMN desk.duty_change.old_staff IS 'staff: who had it; NULL when it was planned or taken free';
COMMENT ON COLUMN desk.duty_change.new_staff IS 'staff: who has it; NULL when it became free';
COMMENT ON COLUMN desk.duty_change.swap IS 'staff: the swap or cover that did it';
COMMENT ON COLUMN desk.duty_change.role IS 'staff: the role of the database that was signed in';

CREATE TABLE desk.duty_feed (
	token_sha256	bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
	id		int GENERATED ALWAYS AS IDENTITY UNIQUE,
	staff		int NOT NULL REFERENCES desk.staff,
	rotation	text REFERENCES desk.rotation,
	made_at		timestamptz NOT NULL DEFAULT now(),
	revoked_at	timestamptz
);
CREATE INDEX duty_feed_staff ON desk.duty_feed (staff);
COMMENT ON TABLE desk.duty_feed IS 'Links by which a calendar program reads duty weeks.';
COMMENT ON COLUMN desk.duty_feed.token_sha256 IS 'secret: SHA-256 of the token in the link';
COMMENT ON COLUMN desk.duty_feed.id IS 'staff: number, to revoke it by';
COMMENT ON COLUMN desk.duty_feed.staff IS 'staff: who made it; it ends when they leave';
COMMENT ON COLUMN desk.duty_feed.rotation IS 'staff: shows all of this rotation; NULL: the weeks of the one who made it';
COMMENT ON COLUMN desk.duty_feed.made_at IS 'staff: when';
COMMENT ON COLUMN desk.duty_feed.revoked_at IS 'staff: since when it shows nothing';

CREATE TABLE desk.duty_alarm (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	rotation	text NOT NULL REFERENCES desk.rotation,
	kind		text NOT NULL CHECK (kind IN ('empty', 'short')),
	monday		date NOT NULL,
	told_at		timestamptz NOT NULL DEFAULT now(),
	over_at		timestamptz
);
CREATE UNIQUE INDEX duty_alarm_open ON desk.duty_alarm (rotation, kind, monday) WHERE over_at IS NULL;
COMMENT ON TABLE desk.duty_alarm IS 'Weeks of which somebody was told that too few people are on duty, so that they are told once.';
COMMENT ON COLUMN desk.duty_alarm.id IS 'staff: number';
COMMENT ON COLUMN desk.duty_alarm.rotation IS 'staff: in which rotation';
COMMENT ON COLUMN desk.duty_alarm.kind IS 'staff: empty: nobody is on duty now; short: fewer than the minimum';
COMMENT ON COLUMN desk.duty_alarm.monday IS 'staff: in which week';
COMMENT ON COLUMN desk.duty_alarm.told_at IS 'staff: when they were told';
COMMENT ON COLUMN desk.duty_alarm.over_at IS 'staff: when it was no longer so';
