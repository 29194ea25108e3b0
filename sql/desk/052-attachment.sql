-- Files: how they come in piece by piece, wait for the end of their form,
-- become attachments, and go.

CREATE OR REPLACE FUNCTION desk.size_words(size bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN size < 1024 THEN size || CASE size WHEN 1 THEN ' byte' ELSE ' bytes' END
	WHEN size < 1048576 THEN ceil(size / 1024.0) || ' KiB'
	ELSE trim(trailing '.' FROM trim(trailing '0' FROM to_char(ceil(size / 104857.6) / 10, 'FM9990.0'))) || ' MiB' END;
COMMENT ON FUNCTION desk.size_words(bigint) IS 'Bytes for people: 300 bytes, 12 KiB, 1.5 MiB.  Never rounded down.';

CREATE OR REPLACE FUNCTION desk.blob_sweep(hashes bytea[]) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	free bytea[];
	gone int;
BEGIN
	-- who is about to refer to one holds its row; then it is not free, and a
	-- later sweep looks again
	free := ARRAY(SELECT b.sha256 FROM desk.blob b WHERE b.sha256 = ANY (hashes) ORDER BY b.sha256 FOR UPDATE SKIP LOCKED);
	DELETE FROM desk.blob b WHERE b.sha256 = ANY (free)
		AND NOT EXISTS (SELECT FROM desk.upload u WHERE u.sha256 = b.sha256)
		AND NOT EXISTS (SELECT FROM desk.attachment a WHERE a.sha256 = b.sha256)
		AND NOT EXISTS (SELECT FROM desk.public_attachment p WHERE p.sha256 = b.sha256);
	GET DIAGNOSTICS gone = ROW_COUNT;
	RETURN gone;
END
$$;
COMMENT ON FUNCTION desk.blob_sweep(bytea[]) IS 'Delete those of these contents that no upload and no attachment has any more; how many it were.';

CREATE OR REPLACE FUNCTION desk.upload_piece(key_sha256 text, field text, name text, type text, size int, sha256 text, most_bytes bigint, seq int, bytes bytea) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	piece constant int := 65536;
	most constant int := 20;	-- files of one form, as in lib/file.h
	form bytea := decode(key_sha256, 'hex');
	hash bytea := decode(sha256, 'hex');
	u desk.upload;
	b desk.blob;
	files int;
	waiting bigint;	-- bytes of them
BEGIN
	IF seq = 0 THEN
		-- a form that was sent several times at once: what each of them was
		-- told before may be too much by now
		PERFORM pg_advisory_xact_lock(hashtextextended(upload_piece.key_sha256, 130));
		SELECT * INTO u FROM desk.upload x WHERE x.key_sha256 = form AND x.field = upload_piece.field AND x.name = upload_piece.name AND x.sha256 = hash;
		IF u.whole THEN
			RETURN 'go';
		END IF;
		DELETE FROM desk.upload x WHERE x.key_sha256 = form AND x.field = upload_piece.field AND x.name = upload_piece.name AND x.sha256 = hash;
		SELECT count(*), coalesce(sum(x.size), 0) INTO files, waiting FROM desk.upload x WHERE x.key_sha256 = form;
		IF files >= most THEN
			RETURN 'many';
		ELSIF waiting + upload_piece.size > most_bytes THEN
			RETURN 'large';
		END IF;
		-- held from here on, also if a sweep takes it away at this moment
		INSERT INTO desk.blob AS x (sha256, size) VALUES (hash, upload_piece.size)
		ON CONFLICT ON CONSTRAINT blob_pkey DO UPDATE SET size = x.size RETURNING * INTO b;
		IF NOT b.whole THEN
			-- what a broken program left is no content yet
			DELETE FROM desk.blob_chunk x WHERE x.sha256 = hash;
			UPDATE desk.blob x SET size = upload_piece.size WHERE x.sha256 = hash;
		END IF;
		INSERT INTO desk.upload (key_sha256, field, place, name, type, size, sha256)
		SELECT form, upload_piece.field, coalesce(max(x.place), 0) + 1, upload_piece.name, upload_piece.type, upload_piece.size, hash
		FROM desk.upload x WHERE x.key_sha256 = form;
	END IF;
	SELECT * INTO u FROM desk.upload x WHERE x.key_sha256 = form AND x.field = upload_piece.field AND x.name = upload_piece.name AND x.sha256 = hash;
	IF NOT FOUND THEN
		RETURN NULL;	-- its first piece was not kept
	END IF;
	IF u.whole THEN
		RETURN 'go';
	END IF;
	SELECT * INTO STRICT b FROM desk.blob x WHERE x.sha256 = hash;
	IF u.got <> seq * piece OR length(bytes) <> least(piece, u.size - u.got) OR b.size <> u.size
		OR b.whole AND u.size > 0 AND NOT EXISTS (SELECT FROM desk.blob_chunk x WHERE x.sha256 = hash AND x.seq = upload_piece.seq AND x.bytes = upload_piece.bytes) THEN
		RAISE 'cannot take a piece of a file that does not fit' USING ERRCODE = 'PT409', COLUMN = upload_piece.field;
	END IF;
	IF NOT b.whole AND u.size > 0 THEN
		INSERT INTO desk.blob_chunk (sha256, seq, bytes) VALUES (hash, upload_piece.seq, upload_piece.bytes);
	END IF;
	UPDATE desk.upload x SET got = u.got + length(upload_piece.bytes), whole = u.got + length(upload_piece.bytes) = u.size
	WHERE x.key_sha256 = form AND x.place = u.place RETURNING * INTO u;
	IF u.whole AND NOT b.whole THEN
		IF hash <> sha256(coalesce((SELECT string_agg(x.bytes, '' ORDER BY x.seq) FROM desk.blob_chunk x WHERE x.sha256 = hash), '')) THEN
			RAISE 'cannot take a file that is not what it was said to be' USING ERRCODE = 'PT409', COLUMN = upload_piece.field;
		END IF;
		UPDATE desk.blob x SET whole = true WHERE x.sha256 = hash;
	END IF;
	RETURN 'go';
END
$$;
COMMENT ON FUNCTION desk.upload_piece(text, text, text, text, int, text, bigint, int, bytea) IS 'One piece of a file for an unfinished form, in order from 0, 64 KiB each but for the last.  The first one answers whether the file is kept: "go", or "many" or "large" as desk.upload_check(); of one that is not nothing is stored, and its other pieces answer NULL.  A content that is known is compared and not stored again, so nobody gets a file by its hash alone.  Raises PT409 for pieces that do not fit each other or the hash; then nothing of the transaction may stay.';

CREATE OR REPLACE FUNCTION desk.upload_drop(wanted text, wanted_place int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hashes bytea[];
BEGIN
	WITH gone AS (DELETE FROM desk.upload u WHERE u.key_sha256 = decode(wanted, 'hex') AND (wanted_place IS NULL OR u.place = wanted_place) RETURNING u.sha256)
	SELECT array_agg(sha256) INTO hashes FROM gone;
	PERFORM desk.blob_sweep(hashes);
	RETURN coalesce(cardinality(hashes), 0);
END
$$;
COMMENT ON FUNCTION desk.upload_drop(text, int) IS 'Forget one waiting file of a form (hex of its key), or with NULL all of them; how many it were.';

CREATE OR REPLACE FUNCTION desk.sealed_name(wanted int, nth int) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN format('ticket-%s-confidential-%s.gpg', wanted, nth + coalesce((SELECT max(substring(a.name FROM '^ticket-[0-9]+-confidential-([0-9]{1,6})[.]gpg$')::int)
		FROM desk.attachment a WHERE a.ticket = wanted AND a.sealed), 0));
END
$$;
COMMENT ON FUNCTION desk.sealed_name(int, int) IS 'The name of the nth confidential part that comes to a ticket now and has none of its own: one that no other part of it bears, and no other ticket''s.';

CREATE OR REPLACE FUNCTION desk.attach(key_sha256 text, wanted int, to_message bigint, to_note bigint) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	added int;
	names text;
BEGIN
	IF attach.key_sha256 IS NULL THEN
		RETURN 0;
	END IF;
	INSERT INTO desk.attachment (ticket, message, note, place, name, type, size, sha256, sealed)
	SELECT wanted, to_message, to_note, u.place,
		-- a browser that encrypts gives no name away
		CASE WHEN u.field = 'sealed_file' AND u.name ~ '^confidential-[0-9]+[.]gpg$'
			THEN desk.sealed_name(wanted, (row_number() OVER (PARTITION BY u.field, u.name ~ '^confidential-[0-9]+[.]gpg$' ORDER BY u.place))::int) ELSE u.name END,
		u.type, u.size, u.sha256, u.field = 'sealed_file'
	FROM desk.upload u WHERE u.key_sha256 = decode(attach.key_sha256, 'hex') AND u.whole ORDER BY u.place;
	GET DIAGNOSTICS added = ROW_COUNT;
	IF added = 0 THEN
		RETURN 0;
	END IF;
	DELETE FROM desk.upload u WHERE u.key_sha256 = decode(attach.key_sha256, 'hex');
	-- the mail that tells of the message was written with it just now, and
	-- the end of its words is where those of a private ticket are cut off
	SELECT string_agg(desk.visible(u.name), ', ' ORDER BY u.place) INTO names FROM desk.attachment u WHERE u.message = to_message AND NOT u.sealed;
	IF names IS NOT NULL AND (SELECT t.visibility FROM desk.ticket t WHERE t.number = wanted) = 'public' THEN
		UPDATE desk.outbox o SET body = left(o.body, o.foot_at) || format(E'Attached, to be read there: %s\n\n', names) || substr(o.body, o.foot_at + 1),
			foot_at = o.foot_at + length(format(E'Attached, to be read there: %s\n\n', names))
		WHERE o.ticket = wanted AND o.kind = 'message' AND o.made_at = now() AND o.foot_at > 0 AND o.sent_at IS NULL;
	END IF;
	RETURN added;
END
$$;
COMMENT ON FUNCTION desk.attach(text, int, bigint, bigint) IS 'The files that wait under the key of a form (hex, NULL for none) become those of a message or note of this ticket, in the same transaction; how many.  Mail that was written about the message names them, unless the ticket is private.';

CREATE OR REPLACE FUNCTION desk.attachment_drop(wanted bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hash bytea;
BEGIN
	DELETE FROM desk.public_attachment p WHERE p.id = wanted;
	DELETE FROM desk.attachment a WHERE a.id = wanted RETURNING a.sha256 INTO hash;
	PERFORM desk.blob_sweep(ARRAY[hash]);
END
$$;
COMMENT ON FUNCTION desk.attachment_drop(bigint) IS 'Take a file away, and its content unless another file has the same.';

CREATE OR REPLACE FUNCTION desk.ticket_files(wanted int)
RETURNS TABLE (file bigint, entry text, message bigint, name text, type text, size int, is_image boolean, sealed boolean, sealed_text boolean, sha256 text,
	sender text, sent_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT a.id, coalesce('m' || a.message, 'n' || a.note), CASE WHEN a.message IS NOT NULL THEN
			(SELECT count(*) FROM desk.message x WHERE x.ticket = wanted AND x.id <= a.message) END,
		desk.visible(a.name), a.type, a.size, a.is_image, a.sealed, a.sealed_text, encode(a.sha256, 'hex'),
		coalesce(s.name, desk.author_words(m)), a.attached_at
	FROM desk.attachment a LEFT JOIN desk.message m ON m.id = a.message LEFT JOIN desk.note n ON n.id = a.note LEFT JOIN desk.staff s ON s.id = n.staff
	WHERE a.ticket = wanted ORDER BY a.message, a.note, a.place;
END
$$;
COMMENT ON FUNCTION desk.ticket_files(int) IS 'The files of a ticket for staff, of its notes too, each with the entry of api.staff_thread() that it belongs to, which message that is, counted from 1, who sent it, and when.';

CREATE OR REPLACE FUNCTION desk.publish_attachment(a desk.attachment) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF a.message IS NULL OR a.sealed THEN
		RETURN;
	END IF;
	INSERT INTO desk.public_attachment (id, ticket, message, place, name, type, size, sha256, is_image)
	SELECT a.id, a.ticket, a.message, a.place, desk.visible(a.name), a.type, a.size, a.sha256, a.is_image
	FROM desk.public_ticket p WHERE p.number = a.ticket
	ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION desk.publish_attachment(desk.attachment) IS 'Make the public copy of a file, if its ticket has one: never of a note''s, never of a sealed one.';

CREATE OR REPLACE FUNCTION desk.attachment_added() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM desk.message m WHERE m.id = NEW.message AND m.ticket = NEW.ticket)
		AND NOT EXISTS (SELECT FROM desk.note n WHERE n.id = NEW.note AND n.ticket = NEW.ticket) THEN
		RAISE 'cannot attach a file to an entry of another ticket' USING ERRCODE = 'PT409';
	END IF;
	PERFORM desk.publish_attachment(NEW);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION desk.attachment_added() IS 'A file belongs to the ticket of its message or note (else PT409); that of a public ticket gets its public copy.';
CREATE OR REPLACE TRIGGER attachment_added AFTER INSERT ON desk.attachment FOR EACH ROW EXECUTE FUNCTION desk.attachment_added();
CREATE OR REPLACE TRIGGER no_more BEFORE UPDATE OR TRUNCATE ON desk.attachment FOR EACH STATEMENT EXECUTE FUNCTION desk.no_more_but_redaction();

CREATE OR REPLACE FUNCTION desk.upload_other(key_sha256 text, wanted int) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM desk.upload u WHERE u.key_sha256 = decode(upload_other.key_sha256, 'hex') AND u.whole
		AND NOT EXISTS (SELECT FROM desk.attachment a WHERE a.ticket = wanted AND a.sha256 = u.sha256
			AND (a.name = u.name OR a.sealed AND u.field = 'sealed_file')));
END
$$;
COMMENT ON FUNCTION desk.upload_other(text, int) IS 'Does a file wait under the key of a form (hex) that this ticket does not have?';

CREATE OR REPLACE FUNCTION desk.upload_move(key_sha256 text, next_key text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE desk.upload u SET key_sha256 = decode(next_key, 'hex') WHERE u.key_sha256 = decode(upload_move.key_sha256, 'hex');
END
$$;
COMMENT ON FUNCTION desk.upload_move(text, text) IS 'The files that wait under the key of a form wait under that of the form that follows it (both hex; the next one is new).';

CREATE OR REPLACE FUNCTION desk.blob_leftovers(slice int, most int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN desk.blob_sweep(ARRAY(SELECT b.sha256 FROM desk.blob b
		WHERE b.sha256 >= set_byte('\x00', 0, slice) AND (slice = 255 OR b.sha256 < set_byte('\x00', 0, least(slice + 1, 255)))
		  AND b.made_at < now() - interval '1 day'
		  AND NOT EXISTS (SELECT FROM desk.upload u WHERE u.sha256 = b.sha256)
		  AND NOT EXISTS (SELECT FROM desk.attachment a WHERE a.sha256 = b.sha256)
		  AND NOT EXISTS (SELECT FROM desk.public_attachment p WHERE p.sha256 = b.sha256) LIMIT most));
END
$$;
COMMENT ON FUNCTION desk.blob_leftovers(int, int) IS 'Delete contents that nobody has, as a sweep that could not hold them left them, among those whose hash begins with this byte: a 256th of all, so that looking stays cheap however many they are.';

CREATE OR REPLACE FUNCTION desk.upload_sweep(most int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	hashes bytea[];
BEGIN
	WITH gone AS (DELETE FROM desk.upload u WHERE (u.key_sha256, u.place) IN (
			SELECT x.key_sha256, x.place FROM desk.upload x WHERE x.staged_at < now() - interval '1 day' LIMIT most FOR UPDATE SKIP LOCKED)
		RETURNING u.sha256)
	SELECT coalesce(array_agg(sha256), '{}') INTO hashes FROM gone;
	PERFORM desk.blob_sweep(hashes);
	-- run each minute, this sees all of them several times a day
	PERFORM desk.blob_leftovers(floor(random() * 256)::int, most);
	RETURN cardinality(hashes);
END
$$;
COMMENT ON FUNCTION desk.upload_sweep(int) IS 'Forget up to "most" files whose form was not finished within a day, and some contents that nobody has; how many files it were.';

CREATE OR REPLACE FUNCTION desk.upload_take(visitor text, before bigint, size bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mib constant numeric := 1048576;
BEGIN
	IF visitor IS NULL THEN
		RETURN true;
	END IF;
	IF NOT desk.limit_take('upload', visitor) THEN
		RETURN false;
	END IF;
	FOR i IN 1 .. (ceil((before + size) / mib) - ceil(before / mib))::int LOOP
		IF NOT desk.limit_take('upload-mib', visitor) THEN
			RETURN false;
		END IF;
	END LOOP;
	RETURN true;
END
$$;
COMMENT ON FUNCTION desk.upload_take(text, bigint, bigint) IS 'Count one more file of a visitor, and what it holds, after so many bytes that came with it; false when it is too often or too much.  NULL is not counted.';

CREATE OR REPLACE FUNCTION desk.upload_check(wanted text, fields text[], names text[], hashes text[], sizes bigint[], most int, most_bytes bigint, visitor text) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	waiting text[];	-- field, content and name of each
	this text;
	files int;
	bytes bigint;
	taken bigint := 0;	-- bytes of these
	room numeric;		-- bytes that all forms together may have more; NULL for any
	is_new boolean;
	is_limited boolean := false;
BEGIN
	-- a form that is sent several times at once
	PERFORM pg_advisory_xact_lock(hashtextextended(wanted, 130));
	SELECT coalesce(array_agg(concat_ws('/', u.field, encode(u.sha256, 'hex'), u.name)), '{}'), count(*), coalesce(sum(u.size), 0) INTO waiting, files, bytes
	FROM desk.upload u WHERE u.key_sha256 = decode(wanted, 'hex');
	IF visitor IS NOT NULL THEN
		room := 1048576.0 * (SELECT l.most FROM desk.limiter l WHERE l.name = 'upload-waiting')
			- coalesce((SELECT sum(u.size) FROM desk.upload u), 0);
	END IF;
	FOR i IN 1 .. cardinality(hashes) LOOP
		this := concat_ws('/', fields[i], hashes[i], names[i]);
		is_new := this <> ALL (waiting);
		IF is_new AND files >= most THEN
			RETURN NEXT 'many';
		ELSIF is_new AND bytes + sizes[i] > most_bytes THEN
			RETURN NEXT 'large';
		ELSIF is_new AND sizes[i] > room THEN
			RETURN NEXT 'full';
		ELSIF is_limited OR NOT desk.upload_take(visitor, taken, sizes[i]) THEN
			is_limited := true;
			RETURN NEXT 'limited';
		ELSE
			taken := taken + sizes[i];
			IF is_new THEN
				waiting := waiting || this;
				files := files + 1;
				bytes := bytes + sizes[i];
				room := room - sizes[i];
			END IF;
			RETURN NEXT 'go';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION desk.upload_check(text, text[], text[], text[], bigint[], int, bigint, text) IS 'Which of these files may be kept for a form that has some already?  One that waits already, in the same field and under the same name, is no second one.  A word for each, in their order: "go", "many" when the form has the most there may be, "large" when they were too large together, "full" when too much waits altogether, "limited" when too many files or too much came from this visitor; NULL is not counted.  What fits is kept, so that nobody has to choose all of them again.';

CREATE OR REPLACE FUNCTION desk.uploads(wanted text) RETURNS TABLE (file_place smallint, file_name text, size_words text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT u.place, desk.visible(u.name), desk.size_words(u.size) FROM desk.upload u
	WHERE u.key_sha256 = decode(wanted, 'hex') AND u.whole ORDER BY u.place;
END
$$;
COMMENT ON FUNCTION desk.uploads(text) IS 'The files that are kept for a form, in order.';

CREATE OR REPLACE FUNCTION desk.blob_piece(wanted bytea, wanted_seq int) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT c.bytes FROM desk.blob_chunk c WHERE c.sha256 = wanted AND c.seq = wanted_seq);
END
$$;
COMMENT ON FUNCTION desk.blob_piece(bytea, int) IS 'One piece of a content; NULL where there is none.';
