-- Requesters, who have no accounts, and staff, who do.

CREATE TABLE desk.person (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	mail		text NOT NULL CHECK (length(mail) <= 254 AND mail ~ '^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$'),
	proven_at	timestamptz
);
CREATE UNIQUE INDEX person_mail ON desk.person (lower(mail));
COMMENT ON TABLE desk.person IS 'A mail address that somebody gave us.  Anybody can type any address: nothing is sent but one link until it is proven.';
COMMENT ON COLUMN desk.person.id IS 'private: number';
COMMENT ON COLUMN desk.person.mail IS 'private: the address, as typed';
COMMENT ON COLUMN desk.person.proven_at IS 'private: when its reader came by a link sent there and asked for mail';

CREATE TABLE desk.staff (
	id		int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	login		text NOT NULL UNIQUE CHECK (login ~ '^[a-z][a-z0-9._-]{0,39}$'),
	name		text NOT NULL CHECK (name ~ '\S' AND length(name) <= 80),
	active		boolean NOT NULL DEFAULT true,
	joined_at	timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.staff IS 'People who answer.  Every answer bears a human name.';
COMMENT ON COLUMN desk.staff.id IS 'staff: number';
COMMENT ON COLUMN desk.staff.login IS 'staff: what they type to sign in';
COMMENT ON COLUMN desk.staff.name IS 'public: as requesters see it';
COMMENT ON COLUMN desk.staff.active IS 'staff: false ends every session and refuses new ones';
COMMENT ON COLUMN desk.staff.joined_at IS 'staff: when the account was made';

CREATE TABLE desk.credential (
	staff		int PRIMARY KEY REFERENCES desk.staff ON DELETE CASCADE,
	salt		bytea NOT NULL CHECK (length(salt) >= 16),
	memory_kib	int NOT NULL CHECK (memory_kib >= 19456),
	passes		int NOT NULL CHECK (passes >= 2),
	tag_sha256	bytea NOT NULL CHECK (length(tag_sha256) = 32),
	set_at		timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.credential IS 'SHA-256 of an argon2id tag: what is stored cannot be used to sign in.  Only the functions of sql/api/login.sql read it.';
COMMENT ON COLUMN desk.credential.staff IS 'secret: whose';
COMMENT ON COLUMN desk.credential.salt IS 'secret: of argon2id';
COMMENT ON COLUMN desk.credential.memory_kib IS 'secret: argon2id memory, KiB; the floor is OWASP''s';
COMMENT ON COLUMN desk.credential.passes IS 'secret: argon2id iterations';
COMMENT ON COLUMN desk.credential.tag_sha256 IS 'secret: SHA-256 of the 32-byte tag';
COMMENT ON COLUMN desk.credential.set_at IS 'secret: when';

CREATE TABLE desk.session (
	token_sha256	bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
	id		int GENERATED ALWAYS AS IDENTITY UNIQUE,
	staff		int NOT NULL REFERENCES desk.staff ON DELETE CASCADE,
	made_at		timestamptz NOT NULL DEFAULT now(),
	seen_at		timestamptz NOT NULL DEFAULT now(),
	network		text NOT NULL,
	agent		text NOT NULL
);
CREATE INDEX session_staff ON desk.session (staff);
COMMENT ON TABLE desk.session IS 'Who is signed in.  Ends 30 minutes after it was last seen and 12 hours after it was made (desk.session_staff).';
COMMENT ON COLUMN desk.session.token_sha256 IS 'secret: SHA-256 of the cookie''s text';
COMMENT ON COLUMN desk.session.id IS 'staff: number, for the list of one''s own sessions';
COMMENT ON COLUMN desk.session.staff IS 'staff: whose';
COMMENT ON COLUMN desk.session.made_at IS 'staff: sign-in';
COMMENT ON COLUMN desk.session.seen_at IS 'staff: last request, to the minute';
COMMENT ON COLUMN desk.session.network IS 'staff: the address at sign-in';
COMMENT ON COLUMN desk.session.agent IS 'staff: the browser at sign-in, as it named itself';

CREATE TABLE desk.limiter (
	name		text PRIMARY KEY,
	most		int NOT NULL CHECK (most > 0),
	seconds		int NOT NULL CHECK (seconds > 0)
);
COMMENT ON TABLE desk.limiter IS 'How often something may be done: "most" times in "seconds".  UPDATE it and it holds from the next request on.';
COMMENT ON COLUMN desk.limiter.name IS 'staff: submit, message, follow, me-too, login-account, login-network, mail-address';
COMMENT ON COLUMN desk.limiter.most IS 'staff: times';
COMMENT ON COLUMN desk.limiter.seconds IS 'staff: length of a window';

CREATE TABLE desk.limit_count (
	limiter		text NOT NULL REFERENCES desk.limiter,
	subject		text NOT NULL,
	window_at	timestamptz NOT NULL,
	taken		int NOT NULL,
	PRIMARY KEY (limiter, subject)
);
CREATE INDEX limit_count_window ON desk.limit_count (window_at);
COMMENT ON TABLE desk.limit_count IS 'The current window of each limit; old rows are deleted by slacheck.';
COMMENT ON COLUMN desk.limit_count.limiter IS 'secret: which limit';
COMMENT ON COLUMN desk.limit_count.subject IS 'secret: a keyed hash of an address of the network, or an account';
COMMENT ON COLUMN desk.limit_count.window_at IS 'secret: when the window began';
COMMENT ON COLUMN desk.limit_count.taken IS 'secret: times so far';
