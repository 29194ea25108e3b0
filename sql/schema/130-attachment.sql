-- Attachments: what a file holds is stored once, however often it was sent;
-- who may have it follows from its ticket.  While a form is not finished its
-- files wait as uploads under the form's key (sql/desk/052-attachment.sql).

CREATE TABLE desk.blob (
	sha256		bytea PRIMARY KEY CHECK (length(sha256) = 32),
	size		int NOT NULL CHECK (size >= 0),
	whole		boolean NOT NULL DEFAULT false,
	made_at		timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.blob IS 'The contents of files, each once.  It bears no name and belongs to nobody: only an upload or an attachment leads to it.';
COMMENT ON COLUMN desk.blob.sha256 IS 'private: of the content; the database has computed it itself once "whole" is true';
COMMENT ON COLUMN desk.blob.size IS 'private: bytes';
COMMENT ON COLUMN desk.blob.whole IS 'staff: have all pieces come, and do they fit the hash?';
COMMENT ON COLUMN desk.blob.made_at IS 'staff: when it came first';

CREATE TABLE desk.blob_chunk (
	sha256		bytea NOT NULL REFERENCES desk.blob ON DELETE CASCADE,
	seq		int NOT NULL CHECK (seq >= 0),
	bytes		bytea NOT NULL CONSTRAINT piece_size CHECK (length(bytes) BETWEEN 1 AND 262144),
	PRIMARY KEY (sha256, seq)
);
-- files are compressed already, or compress badly in small pieces
ALTER TABLE desk.blob_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL, ALTER COLUMN bytes SET STATISTICS 0;
COMMENT ON TABLE desk.blob_chunk IS 'The pieces of a content, in order, so that nobody has to hold it whole.';
COMMENT ON COLUMN desk.blob_chunk.sha256 IS 'private: of which content';
COMMENT ON COLUMN desk.blob_chunk.seq IS 'private: the how manieth piece, from 0';
COMMENT ON COLUMN desk.blob_chunk.bytes IS 'private: the piece, 64 KiB but for the last';

CREATE TABLE desk.upload (
	key_sha256	bytea NOT NULL CHECK (length(key_sha256) = 32),
	field		text NOT NULL CHECK (field IN ('file', 'sealed_file')),
	place		smallint NOT NULL CHECK (place > 0),
	-- as in desk.attachment: what that would refuse does not wait in vain
	name		text NOT NULL CONSTRAINT upload_name_is_no_path CHECK (length(name) BETWEEN 1 AND 200
		AND name !~ E'[/\\\\\\u0001-\\u001f\\u007f-\\u009f]' AND name NOT IN ('.', '..')),
	type		text NOT NULL CONSTRAINT upload_type_is_one CHECK (type ~ '^[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*$' AND length(type) <= 100),
	size		int NOT NULL CHECK (size >= 0),
	sha256		bytea NOT NULL REFERENCES desk.blob,
	got		int NOT NULL DEFAULT 0,
	whole		boolean NOT NULL DEFAULT false,
	staged_at	timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (key_sha256, place),
	UNIQUE (key_sha256, field, name, sha256)
);
CREATE INDEX upload_sha256 ON desk.upload (sha256);
CREATE INDEX upload_staged ON desk.upload (staged_at);
COMMENT ON TABLE desk.upload IS 'Files of forms that are not finished: kept from step to step under the key of the form, moved to desk.attachment with the message, forgotten after a day.';
COMMENT ON COLUMN desk.upload.key_sha256 IS 'secret: names the form, as in desk.submission';
COMMENT ON COLUMN desk.upload.field IS 'private: the field of the form: file, sealed_file';
COMMENT ON COLUMN desk.upload.place IS 'private: its place in the form';
COMMENT ON COLUMN desk.upload.name IS 'private: the file''s name, without a path';
COMMENT ON COLUMN desk.upload.type IS 'private: its type by its content';
COMMENT ON COLUMN desk.upload.size IS 'private: bytes';
COMMENT ON COLUMN desk.upload.sha256 IS 'private: its content';
COMMENT ON COLUMN desk.upload.got IS 'private: bytes that have come';
COMMENT ON COLUMN desk.upload.whole IS 'private: has all of it come?';
COMMENT ON COLUMN desk.upload.staged_at IS 'staff: when';

CREATE TABLE desk.attachment (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.ticket,
	message		bigint REFERENCES desk.message,
	note		bigint REFERENCES desk.note,
	place		smallint NOT NULL CHECK (place > 0),
	name		text NOT NULL CONSTRAINT name_is_no_path CHECK (length(name) BETWEEN 1 AND 200
		AND name !~ E'[/\\\\\\u0001-\\u001f\\u007f-\\u009f]' AND name NOT IN ('.', '..')),
	type		text NOT NULL CONSTRAINT type_is_one CHECK (type ~ '^[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*$' AND length(type) <= 100),
	size		int NOT NULL CHECK (size >= 0),
	sha256		bytea NOT NULL REFERENCES desk.blob,
	is_image	boolean NOT NULL GENERATED ALWAYS AS (NOT sealed AND type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp')) STORED,
	sealed		boolean NOT NULL DEFAULT false,
	sealed_text	boolean NOT NULL DEFAULT false,
	attached_at	timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT of_one_entry CHECK ((message IS NULL) <> (note IS NULL)),
	CONSTRAINT sealed_text_is_sealed CHECK (sealed OR NOT sealed_text)
);
CREATE INDEX attachment_ticket ON desk.attachment (ticket, id);
CREATE INDEX attachment_sha256 ON desk.attachment (sha256);
CREATE INDEX attachment_message ON desk.attachment (message) WHERE message IS NOT NULL;
CREATE INDEX attachment_note ON desk.attachment (note) WHERE note IS NOT NULL;
COMMENT ON TABLE desk.attachment IS 'The files of messages and notes.  One of a note is for staff alone, and so is a sealed one; of the others the ticket decides.  Rows do not change; desk.attachment_drop() takes one away.';
COMMENT ON COLUMN desk.attachment.id IS 'private: with the ticket''s number it is the file''s address';
COMMENT ON COLUMN desk.attachment.ticket IS 'private: of which ticket';
COMMENT ON COLUMN desk.attachment.message IS 'private: of which message';
COMMENT ON COLUMN desk.attachment.note IS 'staff: of which internal note';
COMMENT ON COLUMN desk.attachment.place IS 'private: its place among the files of a message';
COMMENT ON COLUMN desk.attachment.name IS 'private: the file''s name in any script, without a path';
COMMENT ON COLUMN desk.attachment.type IS 'private: its type by its content; served as such for images alone';
COMMENT ON COLUMN desk.attachment.size IS 'private: bytes';
COMMENT ON COLUMN desk.attachment.sha256 IS 'private: its content';
COMMENT ON COLUMN desk.attachment.is_image IS 'private: may a browser show it?';
COMMENT ON COLUMN desk.attachment.sealed IS 'staff: is it encrypted to the desk''s keys?';
COMMENT ON COLUMN desk.attachment.sealed_text IS 'staff: is it the encrypted text of a form, not a file?';
COMMENT ON COLUMN desk.attachment.attached_at IS 'private: when';

CREATE TABLE desk.public_attachment (
	id		bigint PRIMARY KEY,
	ticket		int NOT NULL REFERENCES desk.public_ticket ON DELETE CASCADE,
	message		bigint NOT NULL,
	place		smallint NOT NULL,
	name		text NOT NULL,
	type		text NOT NULL,
	size		int NOT NULL,
	sha256		bytea NOT NULL REFERENCES desk.blob,
	is_image	boolean NOT NULL
);
CREATE INDEX public_attachment_ticket ON desk.public_attachment (ticket, message, place);
CREATE INDEX public_attachment_sha256 ON desk.public_attachment (sha256);
COMMENT ON TABLE desk.public_attachment IS 'The public copy of the files of a public ticket: never those of a note, never a sealed one.';
COMMENT ON COLUMN desk.public_attachment.id IS 'public: desk.attachment';
COMMENT ON COLUMN desk.public_attachment.ticket IS 'public: of which ticket';
COMMENT ON COLUMN desk.public_attachment.message IS 'public: of which message';
COMMENT ON COLUMN desk.public_attachment.place IS 'public: its place among the files of a message';
COMMENT ON COLUMN desk.public_attachment.name IS 'public: the file''s name';
COMMENT ON COLUMN desk.public_attachment.type IS 'public: its type by its content';
COMMENT ON COLUMN desk.public_attachment.size IS 'public: bytes';
COMMENT ON COLUMN desk.public_attachment.sha256 IS 'public: its content';
COMMENT ON COLUMN desk.public_attachment.is_image IS 'public: may a browser show it?';
