# make             build every program into build/
# make run         a private desk under var/, until Ctrl-C (SERVER=apache)
# make check       every test, in layers: unit, lint, db, sql, cli, http,
#                  apache, browser, security, fuzz
# make check-unit  one layer of them, and so on
# make sanitize    everything again under the address and undefined sanitizers
# make lint        what compilers and linters find without running anything
# make fuzz        look for input that breaks a parser (SECONDS=60 each)
# make pentest     sqlmap, wapiti and slowhttptest against a desk (MINUTES=15)
# make bench       our pages beside a hello-world, as ratios (N=100000)
# make install     into DESTDIR and PREFIX, see README
# make clean       forget build/; var/ stays

PROGRAMS = submit list ticket login staff slacheck page notify promise calendar \
           duty key publish factor privacy action
LIB      = arena auth command confidential conf csv db fence file filename \
           filetype form hook ical log mail markup multipart openpgp operator \
           outgoing pack page passkey password proof qr seal send staff token \
           totp web
FUZZ     = csv form ical mail markup multipart openpgp passkey token $(FUZZWEB)
FUZZWEB  = fastcgi request
SERVER   = nginx
SECONDS  = 60
MINUTES  = 15
PREFIX   = /usr/local

CFLAGS  ?= -O2 -g
STRICT   = -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wshadow \
           -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Werror
STRICTXX = -std=c++17 -Wall -Wextra -Wshadow -Wformat=2 -Werror
HARDEN   = -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
           -fstack-clash-protection $(CONTROL) -fPIE \
           -ftrivial-auto-var-init=zero
CONTROL  = $(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
RELRO    = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined
INCLUDE  = -Ilib -I$B/lib -I$(shell pg_config --includedir) \
           $(shell pkg-config --cflags-only-I gmime-3.0 | sed 's/-I/-isystem /g')
NETWORK  = -lcurl -ljansson -lgmime-3.0 -lgobject-2.0 -lglib-2.0
LIBS     = -lseccomp -lfcgi -lpq -lctemplate -lmd4c -lical -lgcrypt -lstdc++
B        = build
export NIGHTDESK_BUILD = $(abspath $B)

UNIT     = $(patsubst %.c,$B/%.t,$(wildcard tests/unit/*.c))
UNITDB   = $(patsubst %.c,$B/%.t,$(wildcard tests/db/*.c))
TARGETS  = $(FUZZ:%=$B/tests/fuzz/%)
WEBTARGETS = $(FUZZWEB:%=$B/tests/fuzz/%)
BINARIES = $(PROGRAMS:%=$B/%)
ASSETS   = style.css desk.js files.js sealed.js passkey.js favicon.svg
PROVE    = env CMOCKA_MESSAGE_OUTPUT=TAP prove
SQL      = --ext .sql --source pgTAP --pgtap-option suffix=.sql
DATABASE = tests/private-desk --database --with -
DESK     = tests/private-desk --with -
APACHE   = $(wildcard tests/http/attachment.t tests/http/front.t tests/http/submit.t tests/http/ticket.t tests/http/headers.t \
           tests/security/15-headers.t)
LANES    = 2
LAYERS   = unit lint db security browser http cli sql apache fuzz
SUBMAKE  = $(MAKE) --no-print-directory

all: $(BINARIES)

FILES    = -lmagic -lgmime-3.0 -lgobject-2.0 -lglib-2.0

$B/notify $B/tests/unit/mail.t: LIBS += $(NETWORK)
$B/submit $B/ticket $B/staff $B/tests/unit/multipart.t: LIBS += $(FILES)
$B/publish: LIBS += -lgpgme
$B/privacy $B/tests/unit/pack.t: LIBS += -larchive
$B/login $B/factor $B/tests/unit/passkey.t: LIBS += -lfido2 -lcrypto -ljansson
$B/factor $B/tests/unit/totp.t: LIBS += -lqrencode
$B/login $B/factor $B/tests/unit/password.t: LIBS += -lzxcvbn -lm

$(BINARIES): $B/%: $B/cgi-bin/%.o $B/libdesk.a
	$(CC) $(CFLAGS) $(RELRO) $(LDFLAGS) -o $@ $^ $(LIBS)

$(UNIT) $(UNITDB): %.t: %.o $B/libdesk.a
	$(CC) $(CFLAGS) $(RELRO) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

# Made anew and not updated: a module that is gone must not live on in it.
$B/libdesk.a: $(LIB:%=$B/lib/%.o)
	rm -f $@
	$(AR) rcs $@ $^

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(STRICT) $(HARDEN) $(INCLUDE) $(CFLAGS) -MMD -MP -c -o $@ $<

$B/%.o: %.cc $B/lib/assets.h
	@mkdir -p $(@D)
	$(CXX) $(STRICTXX) $(HARDEN) $(INCLUDE) $(CFLAGS) -MMD -MP -c -o $@ $<

# The one library that pages load: by npm, in the version that the lock pins
# by its hash.  Its parts load each other by name, so they keep theirs.
OPENPGP  = $(shell sed -n 's/.*"openpgp": "\(.*\)".*/\1/p' htdocs/package.json)
LIBRARY  = build/npm/node_modules/openpgp

$(LIBRARY)/.here: htdocs/package.json htdocs/package-lock.json
	@mkdir -p build/npm
	@cp htdocs/package.json htdocs/package-lock.json build/npm
	@echo "npm fetches openpgp $(OPENPGP), which encrypts in the browser"
	@cd build/npm && npm ci --prefer-offline --ignore-scripts --no-audit \
	    --no-fund --loglevel=error >&2 || { echo "make: could not fetch" \
	    "openpgp with npm, and there is no copy here: is this machine" \
	    "connected?" >&2; exit 1; }
	@touch $@

# Files that a browser may keep for ever carry their content in their name.
$B/lib/assets.h: $(ASSETS:%=htdocs/%) $(LIBRARY)/.here Makefile
	@grep -qF './openpgp-$(OPENPGP)/' htdocs/sealed.js || \
	    { echo "make: htdocs/sealed.js loads another openpgp" >&2; exit 1; }
	@rm -rf $B/htdocs
	@mkdir -p $B/htdocs/static/openpgp-$(OPENPGP) $B/lib
	@cp $(LIBRARY)/LICENSE $(LIBRARY)/dist/lightweight/*.min.mjs \
	    $B/htdocs/static/openpgp-$(OPENPGP)
	@gzip -9nk $B/htdocs/static/openpgp-$(OPENPGP)/*.mjs
	@for file in $(ASSETS); do \
		base=$${file%.*}; \
		sum=$$(sha256sum <htdocs/$$file | cut -c 1-12); \
		path=static/$$base-$$sum.$${file##*.}; \
		cp htdocs/$$file $B/htdocs/$$path; \
		gzip -9nk $B/htdocs/$$path; \
		name=$$(echo ASSET_$$base | tr a-z A-Z); \
		echo "#define $$name \"/$$path\""; \
	done >$@

$B/tests/fuzz/mail: lib/token.c
$B/tests/fuzz/mail: FUZZLIBS = $(NETWORK) -lgcrypt
$B/tests/fuzz/multipart: lib/filename.c
$B/tests/fuzz/multipart: FUZZLIBS = $(FILES)

$B/tests/fuzz/openpgp: FUZZLIBS = -lgcrypt
$B/tests/fuzz/passkey: lib/token.c
$B/tests/fuzz/passkey: FUZZLIBS = -lfido2 -lcrypto -ljansson -lgcrypt

$B/tests/fuzz/token: lib/auth.c
$B/tests/fuzz/token: FUZZLIBS = -lgcrypt

# They include lib/web.c, see tests/fuzz/worker.h.
$(WEBTARGETS): $B/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/worker.h \
    tests/fuzz/fuzz.h tests/lib/web-alone.h lib/web.c lib/form.c lib/arena.c \
    lib/token.c
	@mkdir -p $(@D)
	clang $(STRICT) $(INCLUDE) -O1 -g -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -o $@ \
	    $(filter-out %.h lib/web.c,$^) -lfcgi -lgcrypt

$(filter-out $(WEBTARGETS),$(TARGETS)): $B/tests/fuzz/%: tests/fuzz/%.c lib/%.c lib/form.c lib/arena.c \
    lib/log.c tests/fuzz/fuzz.h tests/fuzz/keys.h
	@mkdir -p $(@D)
	clang $(STRICT) $(INCLUDE) -O1 -g -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=undefined -o $@ $(filter-out %.h,$^) \
	    $(FUZZLIBS) $(if $(filter markup,$*),-lmd4c) $(if $(filter ical,$*),-lical)

# Layer by layer, each with a database or desk of its own (a browser test
# starts its desk itself), and two layers at a time, the longest first: most of
# them wait more than they work.  A layer's words come out when it ends.  What
# they said is kept, and the last run sums it up: its last line is the verdict
# on all.
check:
	tests/needs check
	@$(SUBMAKE) all $(UNIT) $(UNITDB) $(TARGETS)
	@rm -rf $B/tap
	@mkdir -p $B/tap
	@$(SUBMAKE) -j $(LANES) --output-sync=target $(LAYERS:%=layer-%)
	@cd $B/tap && { cat $(LAYERS:%=%.verdict); \
	    echo "1..$(words $(LAYERS))"; } >layers.t
	@echo "== all of it"
	@prove -Q -r --exec cat --ext .t --ext .sql $B/tap

$(LAYERS:%=layer-%): layer-%:
	@echo "== $*"
	+@PERL_TEST_HARNESS_DUMP_TAP=$(abspath $B)/tap/$* \
	    $(SUBMAKE) check-$* || not='not '; \
	echo "$${not}ok - $*" >$B/tap/$*.verdict

check-unit: $(UNIT)
	$(PROVE) --exec '' $(UNIT)

check-db: $(UNITDB)
	$(DATABASE) $(PROVE) --exec '' $(UNITDB)

check-lint: all
	$(PROVE) tests/lint

check-sql:
	$(DATABASE) $(PROVE) $(SQL) tests/sql

check-cli: all
	$(DATABASE) $(PROVE) tests/cli

$B/tests/probe.so: tests/lib/probe.c tests/lib/attempts.h
	@mkdir -p $(@D)
	$(CC) $(STRICT) -O1 -g -fPIC -shared -o $@ $<

check-http: all $B/tests/probe.so
	$(DESK) $(PROVE) tests/http

check-apache: all
	tests/private-desk --server apache --with - $(PROVE) $(APACHE)

# Two at a time: each waits for its browser more than it works.
check-browser: all
	$(PROVE) -j 2 tests/browser

# One file per class of vulnerability; each takes its fence away and looks
# whether it then fails.
check-security: all
	$(DESK) $(PROVE) tests/security

check-fuzz: $(TARGETS)
	$(PROVE) tests/fuzz

# The fuzz targets have the sanitizers anyway and need clang's.
sanitize:
	$(MAKE) check B=build/sanitize HARDEN=-fPIE \
	    CFLAGS='-O1 -g -fno-omit-frame-pointer $(SANITIZE)'

lint: check-lint $B/lib/assets.h
	@for file in lib/*.c cgi-bin/*.c; do \
		echo "$(CC) -fanalyzer $$file"; \
		$(CC) $(STRICT) $(INCLUDE) -O1 -fanalyzer -S -o /dev/null \
		    $$file || exit 1; \
	done
	clang $(STRICT) $(INCLUDE) -fsyntax-only \
	    $(wildcard lib/*.c cgi-bin/*.c tests/unit/*.c tests/db/*.c tests/fuzz/*.c)
	clang++ $(STRICTXX) $(INCLUDE) -fsyntax-only lib/page.cc

fuzz: $(TARGETS)
	@for name in $(FUZZ); do \
		mkdir -p $B/corpus/$$name; \
		$B/tests/fuzz/$$name -max_total_time=$(SECONDS) -timeout=10 \
		    -max_len=65536 $B/corpus/$$name tests/fuzz/corpus/$$name \
		    || exit 1; \
	done

# How a file is compiled and linked, for a test that builds one without a
# fence; the libraries are those of any program.
tell-compiler: LIBS += $(NETWORK) $(FILES) -larchive -lfido2 -lcrypto -lqrencode -lzxcvbn -lm
tell-compiler:
	@echo '$(CC) $(STRICT) $(HARDEN) $(INCLUDE) $(CFLAGS)'
	@echo '$(CC) $(CFLAGS) $(RELRO) $(LDFLAGS)'
	@echo '$(LIBS)'

run:
	SERVER=$(SERVER) tests/needs run
	@$(SUBMAKE) all
	tests/private-desk --server $(SERVER) var

bench: all
	tests/bench/run

pentest:
	tests/needs pentest
	@$(SUBMAKE) all
	MINUTES=$(MINUTES) tests/private-desk --with - \
	    perl tests/security/pentest

install: all
	install -d $(DESTDIR)$(PREFIX)/lib/nightdesk
	install $(BINARIES) $(DESTDIR)$(PREFIX)/lib/nightdesk
	install -d $(DESTDIR)$(PREFIX)/share/nightdesk
	cp -R templates sql htdocs $(DESTDIR)$(PREFIX)/share/nightdesk
	cp -R $B/htdocs/static $(DESTDIR)$(PREFIX)/share/nightdesk/htdocs

clean:
	rm -rf build

-include $(wildcard $B/*/*.d $B/tests/*/*.d)
.PHONY: all check $(LAYERS:%=check-%) $(LAYERS:%=layer-%) sanitize lint fuzz tell-compiler run bench pentest install clean
.SECONDARY:
