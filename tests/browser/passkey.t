#!/usr/bin/env node
// Passkeys and codes in a real browser, with an authenticator that Chromium
// plays: set up, signed in by, misused.
const { createHmac } = require('node:crypto');
const { desk, test, press, walk, library, base, equal, match, ok } = require('./browser.js');

// An authenticator of one browser window; `verifies`: it asks for a PIN.
async function authenticator(page, verifies = true) {
	const session = await page.context().newCDPSession(page);
	await session.send('WebAuthn.enable');
	const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', { options: {
		protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: verifies,
		isUserVerified: verifies, automaticPresenceSimulation: true } });
	return {
		credentials: async () => (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
		put: credential => session.send('WebAuthn.addCredential', { authenticatorId, credential }),
		verified: is => session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: is }),
	};
}

// What an app would show (RFC 6238).
function code(secret, later = 0) {
	const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
	const bits = [...secret.replaceAll(' ', '')].map(letter => letters.indexOf(letter).toString(2).padStart(5, '0')).join('');
	const key = Buffer.from(bits.match(/.{8}/g).map(byte => parseInt(byte, 2)));
	const counter = Buffer.alloc(8);
	counter.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30000) + later));
	const mac = createHmac('sha1', key).update(counter).digest();
	return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

desk(async ({ open, sql, sign_in }) => {
	const { source } = library('axe-core');
	const nothing_wrong = async page => equal((await page.evaluate(`(() => { ${source}; })(); axe.run(document, { resultTypes: ['violations'] })`))
	    .violations.map(one => `${one.id}: ${one.nodes[0].html}`), []);
	const sessions = () => sql('SELECT count(*) FROM desk.session');
	let device, saved, secret;

	await test('a passkey is set up with the keyboard and a name', async () => {
		const page = await open('/login');
		device = await authenticator(page);
		await sign_in(page);
		await page.goto('/login/factor/passkey');
		await page.getByLabel('What do you call').fill('Desk key <b>&');
		await walk(page, 'Set up a passkey');
		await page.keyboard.press('Enter');
		await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor();
		equal(await page.getByRole('region', { name: 'Recovery codes' }).locator('li').count(), 10);
		ok(/Nightdesk, recovery codes of \S+/.test(await page.getByRole('region', { name: 'Recovery codes' }).innerText()), 'whose they are');
		await nothing_wrong(page);
		[saved] = await device.credentials();
		equal(saved.rpId, 'localhost');
		equal(sql("SELECT name || algorithm || ' ' || length(key) FROM desk.passkey"), 'Desk key <b>&-7 64');
		await page.goto('/login/factor');
		await nothing_wrong(page);
		equal(await page.locator('tbody th').textContent(), 'Desk key <b>&');
	});
	await test('one device makes one passkey', async () => {
		const page = await open('/login');
		const same = await authenticator(page);
		await same.put(saved);
		await sign_in(page);
		await page.getByRole('button', { name: 'Use a passkey' }).click();
		await page.waitForURL('**/staff');
		[saved] = await same.credentials();
		await page.goto('/login/factor/passkey');
		await page.getByRole('button', { name: 'Set up a passkey' }).click();
		await page.getByText('That did not work').waitFor();
		equal(sql('SELECT count(*) FROM desk.passkey'), '1');
	});
	await test('after the password a passkey signs in', async () => {
		const page = await open('/login');
		device = await authenticator(page, false);
		await device.put(saved);
		await sign_in(page);
		match(page.url(), /\/login\/code$/);
		await nothing_wrong(page);
		await page.getByRole('button', { name: 'Use a passkey' }).click();
		await page.waitForURL('**/staff');
		[saved] = await device.credentials();
		equal(sql('SELECT sign_count FROM desk.passkey'), String(saved.signCount));
		equal(sql("SELECT factor FROM desk.session ORDER BY id DESC LIMIT 1"), 'passkey');
	});
	await test('alone it signs in when its device knows its owner', async () => {
		const page = await open('/login');
		device = await authenticator(page);
		await device.put(saved);
		await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
		await page.waitForURL('**/staff');
		[saved] = await device.credentials();
	});
	await test('a copy whose counter stayed behind is refused', async () => {
		const page = await open('/login');
		device = await authenticator(page);
		await device.put({ ...saved, signCount: 0 });
		await sign_in(page);
		await page.getByRole('button', { name: 'Use a passkey' }).click();
		await page.getByText('This passkey did not do').waitFor();
		await page.goto('/staff');
		match(page.url(), /\/login$/);
	});
	await test('an answer is good once, for its own page, and for who was asked', async () => {
		const page = await open('/login');
		device = await authenticator(page);
		await device.put(saved);
		await sign_in(page);
		// the form is kept from being sent, and sent by hand
		await page.evaluate(() => { HTMLFormElement.prototype.submit = function () { window.kept = Object.fromEntries(new FormData(this)); }; });
		await page.getByRole('button', { name: 'Use a passkey' }).click();
		await page.waitForFunction(() => window.kept);
		const kept = await page.evaluate(() => window.kept);
		const send = (fields, path = '/login/code') => page.request.post(base + path, { form: { ...kept, ...fields }, maxRedirects: 0, headers: { origin: base } });
		const bit = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
		const lie = change => Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(kept.client, 'base64url')), ...change })).toString('base64url');
		for (const [what, fields] of Object.entries({
			'another signature': { signature: bit(kept.signature, 20) },
			'other data': { authenticator: bit(kept.authenticator, 46) },
			'another host': { authenticator: bit(kept.authenticator, 3) },
			'another origin': { client: lie({ origin: 'https://evil.example' }) },
			'another question': { client: lie({ type: 'webauthn.create' }) },
			'another challenge': { client: lie({ challenge: kept.challenge.replace(/^./, 'x') }) },
			'a frame': { client: lie({ crossOrigin: true }) },
			'an unknown passkey': { credential: bit(kept.credential, 5) },
			'a challenge that is not ours': { challenge: bit(kept.challenge, 5) },
		}))
			equal([what, (await send(fields)).status()], [what, 403]);
		equal((await send({}, '/login/passkey')).status(), 400); // it has no field "code"
		const before = sessions();
		equal((await send({})).status(), 303);
		equal(sessions(), String(Math.min(Number(before) + 1, 5)));
		// once more, after the password
		await page.goto('/login');
		const again = await open('/login');
		await sign_in(again);
		const csrf = await again.locator('form[action="/login/code"] [name=csrf]').inputValue();
		equal((await again.request.post(`${base}/login/code`, { form: { ...kept, csrf }, maxRedirects: 0, headers: { origin: base } })).status(), 403);
		[saved] = await device.credentials();
	});
	await test('a challenge that was answered is not answered again', async () => {
		const page = await open('/login');
		device = await authenticator(page);
		await device.put(saved);
		await page.evaluate(() => { HTMLFormElement.prototype.submit = function () { window.kept = Object.fromEntries(new FormData(this)); }; });
		const answer = async () => {
			await page.evaluate(() => { delete window.kept; document.querySelector('.passkey button').disabled = false; });
			await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
			await page.waitForFunction(() => window.kept);
			const form = await page.evaluate(() => window.kept);
			return (await page.request.post(`${base}/login/passkey`, { form, maxRedirects: 0, headers: { origin: base } })).status();
		};
		equal([await answer(), await answer()], [303, 403]);
		[saved] = await device.credentials();
	});
	await test('without a PIN or a finger a passkey alone does not do', async () => {
		const page = await open('/login');
		device = await authenticator(page, false);
		await device.put(saved);
		await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
		await page.getByText('That did not work').waitFor();
		match(page.url(), /\/login$/);
		[saved] = await device.credentials();
	});
	await test('what is sensitive opens with the password and a passkey', async () => {
		const page = await open('/login');
		device = await authenticator(page);
		await device.put(saved);
		await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
		await page.waitForURL('**/staff');
		sql('UPDATE desk.session SET fresh_until = now()');
		await page.goto('/login/factor/app');
		match(page.url(), /\/login\/again\?to=factor$/);
		await nothing_wrong(page);
		await page.getByLabel('Password').fill(process.env.DESK_PASSWORD);
		await page.getByRole('button', { name: 'Go on with a passkey' }).click();
		await page.waitForURL('**/login/factor');
		await page.getByRole('link', { name: 'Set up an app' }).click();
		// the squares are dark on light, and big enough for a camera
		const box = await page.locator('svg.qr').boundingBox();
		ok(box.width >= 270 && box.width === box.height, JSON.stringify(box));
		secret = await page.locator('#secret').textContent();
		await page.getByLabel('Type the code').fill(code(secret));
		await press(page, 'Confirm');
		match(page.url(), /\/login\/factor\?done=app$/);
		[saved] = await device.credentials();
	});
	await test('without JavaScript a code of the app signs in', async () => {
		const page = await open('/login', { javaScript: false });
		equal(await page.getByRole('button', { name: 'Sign in with a passkey' }).count(), 0);
		await sign_in(page);
		equal(await page.getByRole('button', { name: 'Use a passkey' }).count(), 0);
		await page.getByLabel('Code of your app').fill(code(secret, 1));
		await press(page, 'Sign in');
		match(page.url(), /\/staff$/);
		await page.goto('/login/factor/passkey');
		match(await page.locator('noscript').textContent(), /Passkeys need JavaScript/);
	});
});
