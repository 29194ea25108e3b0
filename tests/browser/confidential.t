#!/usr/bin/env node
// The confidential part, encrypted in the browser: what is typed and chosen
// there is read by gpg with the secret key, and was nowhere else, neither on
// the wire nor in the browser's storage nor on the server's disk.
const { spawnSync } = require('node:child_process');
const { closeSync, mkdtempSync, openSync, readFileSync, readSync, readdirSync, rmSync } = require('node:fs');
const net = require('node:net');
const { desk, test, press, library, base, equal, match, ok } = require('./browser.js');

const home = mkdtempSync('/tmp/nightdesk-gpg.');
const status = pid => readFileSync(`/proc/${pid}/status`, 'utf8');

// Those that the desk has started, and their children.
function processes() {
	const started = readdirSync(`${process.env.DESK_DIR}/pid`).map(name => readFileSync(`${process.env.DESK_DIR}/pid/${name}`, 'utf8').split('\n')[0]);
	const parent = new Map(readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(pid => {
		try { return [[pid, status(pid).match(/^PPid:\s+(\d+)/m)[1]]]; } catch { return []; }
	}));
	const ours = pid => pid !== undefined && (started.includes(pid) || ours(parent.get(pid)));
	return [...parent.keys()].filter(ours);
}

function may_look(pid) {
	try {
		closeSync(openSync(`/proc/${pid}/mem`, 'r'));
		return true;
	} catch (error) {
		if (['EACCES', 'EPERM'].includes(error.code)) return false;
		return true;
	}
}

// Is it in what this process has written into its memory?
function remembers(pid, words) {
	if (!readdirSync('/proc').includes(pid)) return false;
	const memory = openSync(`/proc/${pid}/mem`, 'r'), piece = Buffer.alloc(1 << 20), tail = words.length;
	try {
		for (const [, from, to] of readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^(\w+)-(\w+) rw/gm)) {
			for (let at = BigInt(`0x${from}`); at < BigInt(`0x${to}`); at += BigInt(piece.length - tail)) {
				const left = BigInt(`0x${to}`) - at, size = left < BigInt(piece.length) ? Number(left) : piece.length;
				if (piece.subarray(0, readSync(memory, piece, 0, size, at)).includes(words)) return true;
			}
		}
	} finally {
		closeSync(memory);
	}
	return false;
}

const canary = `canary${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;

function run(program, options, input, env = {}) {
	const done = spawnSync(program, options, { input, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } });
	equal(done.status, 0, `${program} ${options.join(' ')}: ${done.stderr}`);
	return done;
}

function gpg(options, input, from = home) {
	return run('gpg', ['--homedir', from, '--batch', '--yes', '--quiet', '--no-tty', '--trust-model', 'always',
		'--pinentry-mode', 'loopback', '--passphrase', '', ...options], input).stdout;
}

// A key whose secret half is here alone, offered on the forms.
function publish(name, from = home) {
	gpg(['--quick-generate-key', name, 'ed25519', 'cert', 'never'], '', from);
	const print = gpg(['--with-colons', '--list-keys', name], '', from).toString().match(/^fpr:+([0-9A-F]+):/m)[1];
	gpg(['--quick-add-key', print, 'cv25519', 'encrypt', 'never'], '', from);
	const env = { ...process.env };
	delete env.PGUSER;
	const done = spawnSync(`${process.env.NIGHTDESK_BUILD ?? 'build'}/publish`, ['--yes', '-'], { input: gpg(['--export', print], '', from), env });
	equal(done.status, 0, String(done.stderr));
	return print;
}

// The wire between the browser and the desk; what it has heard.  (To ask the
// browser would not do: it does not tell of files.)
const heard = [];

function tap() {
	const port = new URL(base).port;
	const wire = net.createServer(here => {
		const there = net.connect(port, '127.0.0.1');
		here.on('data', bytes => { heard.push(bytes); there.write(bytes); });
		here.on('end', () => there.end());
		there.pipe(here);
		for (const end of [here, there])
			end.on('error', () => { here.destroy(); there.destroy(); });
	});
	return new Promise(ready => wire.listen(0, '127.0.0.1', () => {
		wire.unref();
		ready([`--host-resolver-rules=MAP localhost:${port} 127.0.0.1:${wire.address().port}, MAP * ~NOTFOUND`]);
	}));
}

function is_clean() {
	const all = Buffer.concat(heard);
	ok(all.includes('BEGIN PGP MESSAGE'), 'the wire has heard what was sent');
	ok(!all.includes(canary), 'but nothing that was confidential');
}

async function open_part(page) {
	await page.locator('#confidential > summary').click();
	return page.getByLabel('Confidential text');
}

// Drops a file on the confidential part; the fields that hold one then.
function drop(page) {
	return page.evaluate(() => {
		const dataTransfer = new DataTransfer();
		dataTransfer.items.add(new File(['dropped'], 'dropped.txt'));
		for (const kind of ['dragenter', 'dragover', 'drop'])
			document.querySelector('#confidential > summary').dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer }));
		return ['#file', '#seal-files', '#sealed_file'].filter(id => document.querySelector(id).files.length > 0);
	});
}

// To the receipt, past the question whether it is known.
async function send(page) {
	await press(page, 'Send report');
	await page.waitForURL(/receipt$/, { timeout: 3000 }).catch(() => press(page, 'No, send mine'));
	await page.waitForURL(/receipt$/);
	return page.url().match(/\d+(?=\/receipt)/)[0];
}

desk(async ({ open, sql, sign_in, file }) => {
	// the bytes of the sealed attachments of a ticket, texts and the latest first
	const sealed = number => sql(`SELECT encode((SELECT string_agg(c.bytes, '' ORDER BY c.seq) FROM desk.blob_chunk c WHERE c.sha256 = a.sha256), 'hex')
		FROM desk.attachment a WHERE a.ticket = ${number} AND a.sealed ORDER BY a.sealed_text DESC, a.id DESC`)
		.split('\n').filter(Boolean).map(hex => Buffer.from(hex, 'hex'));
	const secret = `The password is ${canary}.\n\n  Zwölf "quoted" <b>words</b> & two \u{1f511}`;
	const bytes = Buffer.concat([Buffer.from([0, 255, 13, 10]), Buffer.from(`${canary} `.repeat(8000))]);
	const files = ['seal-files', { name: `${canary} plan.bin`, mimeType: 'application/octet-stream', buffer: bytes }];
	const other = mkdtempSync('/tmp/nightdesk-gpg.');

	try {
		const print = publish('Support <support@desk.example>');
		let number, link;

		await test('what is typed and chosen is encrypted before it is sent', async () => {
			const page = await open('/report/bug');
			ok(!await page.evaluate(() => performance.getEntriesByType('resource').some(one => one.name.includes('openpgp'))), 'nobody has to load what they do not use');
			await page.getByLabel('What is it about').fill('A part of this is confidential');
			const text = await open_part(page);
			await text.fill(secret);
			await page.locator(`#${files[0]}`).setInputFiles(files[1]);
			await page.getByRole('button', { name: 'Preview' }).click();
			await page.locator('#preview .msg').waitFor();
			equal(await text.inputValue(), secret, 'a preview takes nothing away');
			await page.waitForTimeout(700); // drafts wait for half a second
			const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
			ok(kept.includes('A part of this') && !kept.includes(canary), 'a draft holds all but that');
			number = await send(page);
			link = await page.locator('a[href^="/r/"]').getAttribute('href');
			is_clean();
			ok(!(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).includes(canary));
		});
		await test('and gpg reads it with the secret key, to the letter and to the byte', async () => {
			const [text, one] = sealed(number);

			equal(gpg(['--decrypt'], text).toString().replaceAll('\r\n', '\n'), secret);
			ok(gpg(['--decrypt'], one).equals(bytes));
			match(run('gpg', ['--homedir', home, '--batch', '--list-packets'], one).stdout.toString(), new RegExp(`name="${canary} plan\\.bin"`));
			equal(sql(`SELECT string_agg(name, ' ' ORDER BY place) FROM desk.attachment WHERE ticket = ${number}`), `ticket-${number}-confidential-1.gpg ticket-${number}-confidential-2.gpg`, 'its name is inside, and outside it has one that tells nothing');
		});
		await test('staff copy or download it, and the page says how to open it', async () => {
			const page = await open('/');
			await sign_in(page);
			await page.goto(`/staff/tickets/${number}`);
			const part = page.locator('#sealed');
			match(await part.textContent(), new RegExp(`gpg --decrypt ticket-${number}-confidential-2\\.gpg`));
			await part.getByText('Copy it as text').click();
			const armour = await part.locator('textarea').inputValue();
			equal(gpg(['--decrypt'], armour).toString().replaceAll('\r\n', '\n'), secret);
			const [got] = await Promise.all([page.waitForEvent('download'), part.getByRole('link', { name: `ticket-${number}-confidential-2.gpg` }).click()]);
			equal(got.suggestedFilename(), `ticket-${number}-confidential-2.gpg`);
		});
		await test('a form with a mistake keeps what is encrypted, and it can be taken away', async () => {
			const page = await open('/report/bug');
			await (await open_part(page)).fill(secret);
			await press(page, 'Send report');
			await page.locator('#problems').waitFor();
			ok(await page.getByText('is encrypted already and goes along').isVisible());
			equal(await page.getByLabel('Confidential text').inputValue(), '', 'the server could not give it back');
			await page.getByLabel('What is it about').fill('Kept over a mistake, zebra');
			equal(gpg(['--decrypt'], sealed(await send(page))[0]).toString().replaceAll('\r\n', '\n'), secret);
			await page.goto('/report/bug');
			await (await open_part(page)).fill(secret);
			await press(page, 'Send report');
			await page.locator('#problems').waitFor();
			await page.getByRole('button', { name: 'Take it away' }).click();
			await page.getByLabel('What is it about').fill('Taken away, quince');
			equal(sealed(await send(page)).length, 0);
			is_clean();
		});
		await test('with two keys the owner of each can read it', async () => {
			const second = publish('Second <second@desk.example>', other);
			const page = await open(link);
			await (await open_part(page)).fill(secret);
			await press(page, 'Send message');
			await page.getByText(`ticket-${number}-confidential-3.gpg`).waitFor();
			const text = sealed(number)[0];
			for (const from of [home, other])
				equal(gpg(['--decrypt'], text, from).toString().replaceAll('\r\n', '\n'), secret);
			is_clean();
			sql(`UPDATE desk.confidential_key SET retired_at = now() WHERE fingerprint = '${second}'`);
		});
		await test('when our key was withdrawn meanwhile nothing is sent, and nothing is lost', async () => {
			const page = await open('/report/bug');
			await page.goto('/keys/support.asc').catch(() => {}); // a download, which the browser keeps
			await page.goto('/report/bug');
			await page.getByLabel('What is it about').fill('Too late');
			const text = await open_part(page);
			await text.fill(secret);
			sql(`UPDATE desk.confidential_key SET retired_at = now() WHERE fingerprint = '${print}'`);
			try {
				await press(page, 'Send report');
				await page.getByText('Nothing was sent: we have withdrawn our key').waitFor();
			} finally {
				sql(`UPDATE desk.confidential_key SET retired_at = NULL WHERE fingerprint = '${print}'`);
			}
			equal(await text.inputValue(), secret);
			match(page.url(), /\/report\/bug$/);
			is_clean();
			equal(sql("SELECT count(*) FROM desk.ticket WHERE subject = 'Too late'"), '0');
			page.trouble = page.trouble.filter(words => !/404/.test(words));
		});
		await test('when our key was replaced meanwhile the page shows the new one, and the next press uses it', async () => {
			const page = await open('/report/bug');
			await page.getByLabel('What is it about').fill('Replaced, egret');
			const text = await open_part(page);
			await text.fill(secret);
			await page.locator('#seal-files').setInputFiles(files[1]);
			sql(`UPDATE desk.confidential_key SET retired_at = now() WHERE fingerprint = '${print}'`);
			const next = publish('Next <next@desk.example>', other);
			try {
				await press(page, 'Send report');
				await page.getByText('Nothing was sent: our key was replaced').waitFor();
				equal(await text.inputValue(), secret);
				equal((await page.locator('#seal-keys').textContent()).replace(/\s/g, ''), next);
				match(await page.locator('#seal-paste pre').textContent(), new RegExp(`--recipient ${next} --encrypt`));
				const [kept, one] = sealed(await send(page));
				equal(gpg(['--decrypt'], kept, other).toString().replaceAll('\r\n', '\n'), secret);
				ok(gpg(['--decrypt'], one, other).equals(bytes));
			} finally {
				sql(`UPDATE desk.confidential_key SET retired_at = CASE WHEN fingerprint <> '${print}' THEN now() END`);
			}
			is_clean();
		});
		await test('a confidential file that is too large is named as its owner knows it, and nothing is sent', async () => {
			const page = await open('/report/bug');
			await open_part(page);
			await page.locator('#seal-files').setInputFiles({ name: 'whole.img', mimeType: 'application/octet-stream', buffer: Buffer.alloc(10 * 1048576) });
			await press(page, 'Send report');
			await page.getByText('Nothing was sent: whole.img is too large. A file can have 10 MiB at most.').waitFor();
			match(page.url(), /\/report\/bug$/);
			ok(!await page.locator('#problems').count());
		});
		await test('with the ordinary ones there are not too many of them, either', async () => {
			const page = await open('/report/bug');
			await open_part(page);
			const several = count => Array.from({ length: count }, (_, n) => ({ name: `n${n}.txt`, mimeType: 'text/plain', buffer: Buffer.from(`${n}`) }));
			await page.locator('#file').setInputFiles(several(15));
			await page.locator('#seal-files').setInputFiles(several(6));
			await press(page, 'Send report');
			await page.getByText('Nothing was sent: with the confidential ones there are more than 20 files.').waitFor();
		});
		await test('a text and a pasted message do not overwrite each other', async () => {
			const page = await open('/report/bug');

			await page.getByLabel('What is it about').fill('Both');
			await (await open_part(page)).fill(secret);
			await page.locator('#seal-paste > summary').click();
			await page.getByLabel('Encrypted message').fill('-----BEGIN PGP MESSAGE-----');
			await press(page, 'Send report');
			ok(await page.getByText('Only one of them can go along').isVisible());
			match(page.url(), /\/report\/bug$/);
		});
		await test('what was encrypted for a send that failed goes away with its text and files', async () => {
			const page = await open('/report/bug');

			await page.getByLabel('What is it about').fill('Failed first, heron');
			const text = await open_part(page);
			await text.fill(secret);
			await page.locator('#seal-files').setInputFiles(files[1]);
			await page.locator('#file').setInputFiles({ name: 'open.txt', mimeType: 'text/plain', buffer: Buffer.from('open') });
			await page.route('**/report/bug', route => route.abort());
			await press(page, 'Send report');
			await page.getByText('The network failed. Nothing is lost').waitFor();
			await page.unroute('**/report/bug');
			page.trouble = page.trouble.filter(words => !/ERR_FAILED/.test(words));
			await text.fill('');
			await page.locator('#seal-files').setInputFiles([]);
			equal(sealed(await send(page)).length, 0);
		});
		await test('a confidential text that is kept is not replaced in silence', async () => {
			const page = await open('/report/bug');

			await (await open_part(page)).fill('The first text');
			await press(page, 'Send report');
			await page.locator('#problems').waitFor();
			await page.getByLabel('What is it about').fill('Two texts, ibis');
			await page.getByLabel('Confidential text').fill('The second text');
			await press(page, 'Send report');
			await page.getByText('Only one of them can go along').waitFor();
			await page.getByLabel('Confidential text').fill('');
			equal(gpg(['--decrypt'], sealed(await send(page))[0]).toString(), 'The first text');
		});
		await test('what is dropped on the confidential part is no ordinary file', async () => {
			const page = await open('/report/bug');

			await open_part(page);
			equal(await drop(page), ['#seal-files']);
			ok(!await page.locator('.drop').evaluate(field => field.classList.contains('over')));
		});
		await test('without https the browser does not encrypt, says so, and leaves the other way', async () => {
			const place = base.replace('localhost', 'desk.example');
			const plain = await library('playwright-core').chromium.launch({ executablePath: '/usr/bin/chromium',
				args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP desk.example 127.0.0.1'] });
			try {
				const page = await plain.newPage();
				await page.goto(`${place}/report/bug`);
				await page.locator('#confidential > summary').click();
				ok(await page.getByText('Your browser encrypts on pages with https only').isVisible());
				ok(await page.getByLabel('Encrypted message').isVisible());
				equal(await drop(page), [], 'what is dropped there stays where it was');
				ok(!await page.locator('#seal-text').isVisible(), 'and there is nowhere to type what it could not encrypt');
			} finally {
				await plain.close();
			}
		});
		await test('without JavaScript there is the other way alone', async () => {
			const page = await open('/report/bug', { javaScript: false });
			await page.locator('#confidential > summary').click();
			ok(!await page.locator('#seal-text').isVisible());
			ok(await page.locator('noscript p', { hasText: 'leave the secret out and write that there is one' }).isVisible());
			await page.getByLabel('Encrypted message').fill(gpg(['--armor', '--encrypt', '-r', print], secret).toString());
			await page.getByLabel('What is it about').fill('By hand, walrus');
			equal(gpg(['--decrypt'], sealed(await send(page))[0]).toString(), secret);
		});
		await test('on the whole disk of the desk is no trace of what was confidential', async () => {
			sql('CHECKPOINT');
			const found = spawnSync('grep', ['-rlaF', '--', canary, process.env.DESK_DIR], { encoding: 'utf8' });
			equal(found.stdout, '');
			equal(found.status, 1);
			const control = spawnSync('grep', ['-rlaF', '--', 'A part of this is confidential', `${process.env.DESK_DIR}/pg`], { encoding: 'utf8' });
			ok(control.stdout, 'where the same search finds the subject');
		});
		// What no process of the desk holds, no swap can.  They let nobody look
		// into them but root, and in some containers not even that.
		if (processes().every(may_look))
			await test('nor in the memory of any of its processes, which swap could hold', async () => {
				const desk = processes();
				ok(desk.length > 20);
				equal(desk.filter(pid => remembers(pid, canary)), []);
				ok(desk.some(pid => remembers(pid, 'A part of this is confidential')), 'where the same search finds the subject');
			});
	} finally {
		for (const one of [home, other]) {
			spawnSync('gpgconf', ['--homedir', one, '--kill', 'all']);
			rmSync(one, { recursive: true, force: true });
		}
	}
}, tap);
