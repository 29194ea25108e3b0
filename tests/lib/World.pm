package World;
# A small desk with one of each: tickets that are public, private, somebody
# else's and merged, and everybody who may or may not look at them.  Made in
# SQL, through the real triggers, so that it costs a moment.
#
#	my $world = World->make;
#	$world->{object}{private}		the number of A's private ticket
#	$world->jar('A', 'private')		what A's browser sends there
#	$world->targets($route)			[object, path]... for a route
use strict;
use warnings;
use utf8;
use Security;

# Who comes to the desk.  A and B file reports; the follower was told of the
# public one; "out" has signed out, "ex" has left, "wrong" has what never was a
# token, was revoked, or has run out.
our @viewers = qw(anonymous A B follower staff out ex wrong);

sub make {
	my ($class, %more) = @_;
	my $me = bless {}, $class;
	# what stands in a ticket, where a test wants its own words there
	my $words = $more{words} // sub { my ($object, $what) = @_; return { subject => "The $object one", name => 'Requester', tried => 'We tried it again',
		body => "Text of the $object one", note => "Note of the $object one" }->{$what} };

	Desk::start_anew();
	no_limits();
	$me->{session}{$_} = session($_) for qw(staff out ex wrong);
	sql(q{INSERT INTO desk.staff_contact (staff, mail) SELECT id, login || '@desk.example' FROM desk.staff;
		DELETE FROM desk.session WHERE staff = (SELECT id FROM desk.staff WHERE login = 'out');
		UPDATE desk.staff SET active = false WHERE login = 'ex'});
	$me->outdate;
	my %mail = (public => 'a@example.org', private => 'a@example.org', merged => 'a@example.org', other => 'b@example.org');
	for my $object (qw(public private other merged)) {
		my $visibility = $object eq 'public' || $object eq 'merged' ? 'public' : 'private';
		my %say = map { $_ => $words->($object, $_) =~ s/'/''/gr } qw(subject name tried body note);
		$me->{object}{$object} = sql("WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, visibility, requester, requester_name, tried)
			VALUES ('$say{subject}', 'bug', 3, '$visibility', desk.person_of('$mail{$object}'), '$say{name}', '$say{tried}')
			RETURNING number, requester)
			, m AS (INSERT INTO desk.message (ticket, author, name, body, body_html, renderer)
			SELECT number, 'requester', '$say{name}', '$say{body}', '<p>$say{body}</p>', 1 FROM t)
			INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT number, requester, now() FROM t RETURNING ticket");
		sql("INSERT INTO desk.note (ticket, staff, body, body_html, renderer) SELECT $me->{object}{$object}, id, '$say{note}', '<p>$say{note}</p>', 1
			FROM desk.staff WHERE login = 'staff'");
		$me->{link}{A}{$object} = link_of($me->{object}{$object}, 'a@example.org') if $object ne 'other';
	}
	$me->{object}{absent} = 999999;
	sql("INSERT INTO desk.message (ticket, author, staff, name, body, body_html, renderer)
		SELECT $me->{object}{merged}, 'staff', id, name, 'It goes on there.', '<p>It goes on there.</p>', 1 FROM desk.staff WHERE login = 'staff';
		UPDATE desk.ticket SET state = 'resolved', resolution = 'duplicate', duplicate_of = $me->{object}{private} WHERE number = $me->{object}{merged}");
	sql("INSERT INTO desk.follower (ticket, person, confirmed_at) SELECT $me->{object}{public}, desk.person_of('f\@example.org'), now()");
	sql('UPDATE desk.person SET proven_at = now()');
	$me->{link}{B} = link_of($me->{object}{other}, 'b@example.org');
	$me->{link}{follower} = link_of($me->{object}{public}, 'f@example.org', 'follow');
	$me->{link}{wrong} = link_of($me->{object}{private}, 'a@example.org');
	sql("UPDATE desk.link SET revoked_at = now() WHERE token_sha256 = sha256('$me->{link}{wrong}')");
	# somebody was woken for the private one
	sql("UPDATE desk.ticket SET severity = 1, production_down = true WHERE number = $me->{object}{private}");
	$me->{link}{page} = sql(q{SELECT substring(body from '/page/([-_a-zA-Z0-9]+)') FROM desk.outbox WHERE kind = 'page' ORDER BY id DESC LIMIT 1});
	sql(qq{INSERT INTO desk.action (ticket, staff, what, why, approval) SELECT $me->{object}{private}, id, 'We began anew', 'It hung', 'The owner' FROM desk.staff WHERE login = 'out'});
	$me->{action} = sql('SELECT max(id) FROM desk.action');
	$me->{person} = sql("SELECT desk.person_of('a\@example.org')");
	$me->attach($words);
	$me->{page} = sql('SELECT max(id) FROM desk.page');
	$me->{link}{feed} = sql("SELECT f FROM api.duty_feed_make('$me->{session}{staff}', NULL, NULL) f") if $more{feed};
	return $me;
}

# A file with each message and each note, a sealed one in the private ticket;
# {file} holds what can be asked for: words, the ticket in the address, the id.
sub attach {
	my ($me, $words) = @_;
	my %id;
	for my $object (qw(public private other)) {
		for my $what (qw(message note sealed)) {
			next if $what eq 'sealed' && $object ne 'private';
			my $text = $words->($object, $what eq 'note' ? 'note' : 'body') . " file $what $object";
			my $of = $what eq 'note' ? 'note' : 'message';
			$id{"$what $object"} = sql(qq{WITH b AS (INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256('$text'), length('$text'), true) RETURNING sha256, size),
				c AS (INSERT INTO desk.blob_chunk (sha256, seq, bytes) SELECT sha256, 0, '$text' FROM b)
				INSERT INTO desk.attachment (ticket, $of, place, name, type, size, sha256, sealed)
				SELECT $me->{object}{$object}, (SELECT max(id) FROM desk.$of WHERE ticket = $me->{object}{$object}), 1, 'a.txt', 'text/plain', size, sha256, ${\($what eq 'sealed' ? 'true' : 'false')}
				FROM b RETURNING id});
		}
	}
	$me->{file} = [['public', 'public', $id{'message public'}], ['private', 'private', $id{'message private'}], ['note', 'public', $id{'note public'}],
		['privnote', 'private', $id{'note private'}], ['sealed', 'private', $id{'sealed private'}], ['strange', 'public', $id{'message private'}],
		['other', 'other', $id{'message other'}], ['absent', 'absent', 999999]];
}

# Nobody has seen that session for half an hour.
sub outdate {
	sql(q{UPDATE desk.session SET seen_at = now() - interval '31 minutes' WHERE staff = (SELECT id FROM desk.staff WHERE login = 'wrong')});
}

# What a browser of this viewer sends with a request for this object; all of
# it, whatever path a cookie is for.
sub jar {
	my ($me, $viewer, $object) = @_;
	return cookie('session', $me->{session}{$viewer}) . ($viewer eq 'wrong' ? '; ' . cookie('link', $me->{link}{wrong}) : '') if $me->{session}{$viewer};
	return cookie('link', $me->{link}{A}{$object} // $me->{link}{A}{private}) if $viewer eq 'A';
	return cookie('link', $me->{link}{$viewer}) if $me->{link}{$viewer};
	return '';
}

# What a ':' part of a route can name.
sub values {
	my ($me, $part, $path) = @_;
	return map { [$_, $me->{object}{$_}] } qw(public private other merged absent) if $part eq 'number';
	return (['link', $me->{link}{A}{private}], ['follow', $me->{link}{follower}], ['page', $me->{link}{page}],
		['revoked', $me->{link}{wrong}], ['absent', 'x' x 22]) if $part eq 'token';
	return (['some', 'bug'], ['absent', 'nothing']) if $part eq 'template';
	return (['some', $me->{page}], ['absent', 999999]) if $part eq 'page';
	return (['some', 'ask'], ['absent', 'nothing']) if $part eq 'what';
	return (['absent', 'nothing']) if $part eq 'hash' || $part eq 'domain';
	return (['some', $me->{$part}], ['absent', 999999]) if defined $me->{$part};
	return;
}

# Everything that a route can be asked for, as [words, path, object].
sub targets {
	my ($me, $route) = @_;
	my @parts = $route->{path} =~ /:(\w+)/g;
	return ['-', $route->{path}, ''] unless @parts;
	my @files = $me->files($route);
	return @files if @files;
	my $first = shift @parts;
	my @values = $me->values($first);
	# for a form of the staff one private ticket is like the other
	@values = grep { $_->[0] !~ /^(other|merged)$/ } @values if $first eq 'number' && $route->{method} eq 'POST' && $route->{path} !~ m{^/my/};
	return map {
		my ($words, $value) = @$_;
		my $path = $route->{path} =~ s/:$first/$value/r;
		for my $part (@parts) {
			my ($some) = $me->values($part);
			$path =~ s/:$part/$some ? $some->[1] : 0/e;
		}
		[$words, $path, $words];
	} @values;
}

# Attachments: each under its own ticket, and one under another.
sub files {
	my ($me, $route) = @_;
	return unless $route->{path} =~ /:number.*:id/ && $me->{file};
	return map {
		my ($words, $object, $id) = @$_;
		my $path = $route->{path} =~ s/:number/$me->{object}{$object}/r =~ s/:id/$id/r =~ s/:name/a.txt/r;
		[$words, $path, $object];
	} @{ $me->{file} };
}

1;
