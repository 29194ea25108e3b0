// A browser, a desk of its own, and the way to say what holds.
//
//	const { desk, test, equal } = require('./browser.js');
//	desk(async ({ open, sql, staff }) => {
//		await test('a sentence', async () => {
//			const page = await open('/report', { width: 390 });
//			...
//		});
//	});
//
// A test file run by itself starts tests/private-desk with the sample tickets
// and runs itself again there; so each has a fresh desk, at an address that
// Chromium takes for a safe one (http://localhost).
//
// Every page that a test opens is watched: an error in its console, something
// that its Content-Security-Policy blocked, a dialog, and a request to another
// origin each fail the test, whatever it is about.
//
// SHOTS=DIR makes pages.t write pictures of all pages into DIR.
const { spawnSync } = require('node:child_process');
const assert = require('node:assert/strict');
const path = require('node:path');

const base = process.env.NIGHTDESK_URL ?? '';
const root = path.join(__dirname, '../..');
const patience = 20000; // milliseconds, for a slow machine; nothing waits so long

// On a machine without the libraries: say what to do rather than a stack.
function library(name) {
	try {
		return require(name);
	} catch {
		console.log(`Bail out!  ${name} is missing: run tests/needs check`);
		process.exit(1);
	}
}
library.path = require.resolve;

// Chromium must not ask for anything on its own, and can find nothing but
// the desk.
const options = {
	executablePath: '/usr/bin/chromium',
	args: [
		'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
		'--disable-background-networking', '--disable-component-update',
		'--disable-sync', '--force-color-profile=srgb',
		'--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost',
	],
};

let browser, count = 0, failed = 0, inside = null;
const opened = new Set();

// --- saying what holds

function comment(words) {
	console.log(String(words).replace(/^/gm, '# '));
}

function said(holds, sentence) {
	count++;
	if (!holds)
		failed++;
	console.log(`${holds ? 'ok' : 'not ok'} ${count} - ${sentence.replaceAll('#', '\\#')}`);
	return holds;
}

// What a test opened is watched until its end and then closed.
async function test(sentence, does) {
	const before = inside;
	let wrong = null;

	inside = [];
	try {
		await does();
		for (const page of opened)
			assert.deepEqual(page.trouble, [], `on ${page.url()}`);
	} catch (error) {
		wrong = error;
	}
	said(wrong === null, sentence);
	if (wrong) {
		comment((wrong.code === 'ERR_ASSERTION' ? wrong.message : wrong.stack).replace(/\x1b\[\d+m/g, ''));
		for (const page of inside)
			comment(`a page was at ${page.url()}`);
	}
	for (const page of inside)
		await close(page);
	for (const page of opened)
		page.trouble.length = 0;
	inside = before;
}

// --- pages

// A status is no trouble: tests ask for pages that refuse.
function watch(page) {
	page.trouble = [];
	page.on('console', message => {
		if (['error', 'warning'].includes(message.type()) &&
		    !/Failed to load resource: the server responded with a status of 4\d\d/.test(message.text()))
			page.trouble.push(message.text());
	});
	page.on('pageerror', error => page.trouble.push(String(error)));
	page.on('dialog', dialog => {
		page.trouble.push(`dialog: ${dialog.message()}`);
		return dialog.dismiss();
	});
	page.on('request', request => {
		if (!request.url().startsWith(`${base}/`))
			page.trouble.push(`asked for ${request.url()}`);
	});
	page.on('response', response => {
		if (response.request().isNavigationRequest() && response.status() !== 303) {
			page.answer = response;
			page.answeredAt = Date.now();
		}
	});
}

// A fresh visitor: no cookies, unless `like` is a page whose cookies are shared.
async function open(where, { like, width = 1200, height = 900, javaScript = true, ...media } = {}) {
	const context = like?.context() ?? await browser.newContext({
		baseURL: base, viewport: { width, height }, javaScriptEnabled: javaScript, locale: 'en-GB', ...media,
	});
	context.setDefaultTimeout(patience);
	const page = await context.newPage();
	if (like)
		await page.setViewportSize({ width, height });
	watch(page);
	if (javaScript)
		await page.addInitScript(() => {
			// what a planted script would call
			window.ran = which => (window.ran_at ??= []).push(`script ${which} ran`);
			addEventListener('securitypolicyviolation', event => console.error(`blocked ${event.effectiveDirective} ${event.blockedURI}`));
		});
	opened.add(page);
	inside?.push(page);
	page.alone = !like;
	await page.goto(where);
	return page;
}

async function close(page) {
	opened.delete(page);
	await (page.alone ? page.context() : page).close();
}

// A form that comes back faster than people type is asked about.  Its hidden
// token tells when it was made; wait until it is old enough.
const made = new Map();

async function unhurried(page) {
	for (const token of await page.locator('[name=token]').evaluateAll(all => all.map(one => one.value))) {
		if (!made.has(token))
			made.set(token, page.answeredAt);
		const left = made.get(token) + 2200 - Date.now();
		if (left > 0)
			await page.waitForTimeout(left);
	}
}

// Press a button that sends a form, when the form may be sent.
async function press(page, name, within = page) {
	await unhurried(page);
	await within.getByRole('button', { name, exact: true }).click();
	await page.waitForLoadState();
}

// Where the keyboard is, and whether one sees it: the element's ring, or the
// ring of the card around it, is wide enough; it is on the screen; nothing
// lies over its middle, or over its last line on the screen if that is below.
function focused() {
	const element = document.activeElement;
	const box = element.getBoundingClientRect();
	const label = element.labels?.[0] ?? element;
	const at = document.elementFromPoint(box.left + Math.min(box.width / 2, 20), Math.min(box.top + box.height / 2, innerHeight - 1));
	const ring = [element, element.closest('.choice, .pick > div')].some(one =>
	    one && getComputedStyle(one).outlineStyle !== 'none' && parseFloat(getComputedStyle(one).outlineWidth) >= 2);
	const seen = box.top >= 0 && box.bottom <= innerHeight + 1 || box.height > innerHeight / 2 && box.bottom > 0 && box.top < innerHeight;

	return {
		name: (element.getAttribute('aria-label') || label.textContent).trim().replace(/\s+/g, ' '),
		trouble: element === document.body ? 'nothing is focused' :
		    !ring ? 'no ring' : !seen ? 'not on the screen' :
		    !element.contains(at) && !label.contains(at) && !at?.contains(element) ? `covered by ${at?.outerHTML.slice(0, 80)}` : null,
		html: element.outerHTML.slice(0, 120),
	};
}

// Tab on to the thing of this name; each on the way must be seen.
async function walk(page, name) {
	for (let i = 0; i < 80; i++) {
		const here = await page.evaluate(focused);
		// A new page begins before its first thing.
		if (i > 0 || !here.html.startsWith('<body'))
			assert.equal(here.trouble, null, `${here.trouble}: ${here.html}`);
		if (here.name.startsWith(name))
			return;
		await page.keyboard.press('Tab');
	}
	assert.fail(`the keyboard does not get to "${name}"`);
}

// --- the desk

function sql(text) {
	const psql = spawnSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1'], { input: text, encoding: 'utf8' });
	assert.equal(psql.status, 0, psql.stderr);
	return psql.stdout.trimEnd();
}

async function sign_in(page) {
	await page.goto('/login');
	await page.getByLabel('Login').fill(process.env.DESK_STAFF);
	await page.getByLabel('Password').fill(process.env.DESK_PASSWORD);
	await press(page, 'Sign in');
}

// File a report through the form; the answer is the page of the receipt, and
// the ticket's number and secret link are on it.
async function file(fields, form = 'bug', page = null) {
	page ??= await open(`/report/${form}`);
	for (const [name, value] of Object.entries(fields))
		await page.locator(`[name=${name}]`).fill(value);
	await press(page, 'Send report');
	if (await page.getByRole('button', { name: 'No, send mine' }).count())
		await press(page, 'No, send mine');
	assert.match(page.url(), /\/my\/\d+\/receipt$/);
	page.number = page.url().match(/\d+(?=\/receipt)/)[0];
	page.link = await page.locator('a[href^="/r/"]').getAttribute('href');
	return page;
}

// `before` may give the browser more options, at the last moment.
async function desk(main, before = () => []) {
	if (!base.startsWith('http://localhost:') || !process.env.DESK_HTTP) {
		const again = spawnSync(path.join(root, 'tests/private-desk'),
		    ['--demo', 'yes', '--with', '-', process.execPath, ...process.argv.slice(1)],
		    { stdio: 'inherit', env: { ...process.env, NIGHTDESK_URL: 'local' } });
		process.exit(again.status ?? 1);
	}
	browser = await library('playwright-core').chromium.launch({ ...options, args: [...options.args, ...await before()] });
	try {
		// All visitors of a test have one address.
		sql('UPDATE desk.limiter SET most = 100000');
		await main({ open, close, sql, sign_in, file });
	} catch (error) {
		said(false, 'the tests ran to their end');
		comment(error.stack);
	} finally {
		await browser.close();
	}
	console.log(`1..${count}`);
	process.exit(failed ? 1 : 0);
}

module.exports = { desk, test, library, comment, press, unhurried, walk, base, equal: assert.deepEqual, match: assert.match,
    ok: assert.ok };
