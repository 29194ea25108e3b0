#!/usr/bin/env node
// Finding tickets: search, filters, pages, feeds; reading one; following one.
const { desk, test, press, walk, base, equal, match, ok } = require('./browser.js');

const subjects = page => page.locator('.row h3').allTextContents();

desk(async ({ open, sql }) => {
	for (const javaScript of [true, false]) {
		const how = javaScript ? 'with JavaScript' : 'without JavaScript';

		await test(`${how}, a word on the home page finds a ticket by the words of its solution`, async () => {
			const page = await open('/', { javaScript });
			await page.getByRole('searchbox').fill('hidden invoices');
			await page.getByRole('button', { name: 'Search' }).click();
			await page.waitForURL(/\/tickets\?/);
			equal(await subjects(page), ['How do I change the address on a receipt?']);
			await page.getByRole('link', { name: 'How do I change the address' }).click();
			await page.waitForURL(/\/tickets\/1$/);
			match(await page.getByRole('region', { name: 'The solution' }).textContent(), /well hidden/);
		});
		await test(`${how}, filters narrow the list and stand in its address`, async () => {
			const page = await open('/tickets', { javaScript });
			await page.getByLabel('Kind').selectOption('Feature');
			await page.getByLabel('Product').selectOption('Web shop');
			await page.getByRole('button', { name: 'Search' }).click();
			await page.waitForURL(/kind=feature/);
			await page.getByRole('navigation', { name: 'State' }).getByRole('link', { name: 'Open' }).click();
			await page.waitForURL(/state=open/);
			equal(await subjects(page), ['Dark mode for the order pages']);
			const shared = await open(page.url(), { javaScript });
			equal(await subjects(shared), ['Dark mode for the order pages']);
			equal(await shared.getByLabel('Kind').inputValue(), 'feature');
			equal(await shared.locator('.tabs [aria-current]').textContent(), 'Open');
		});
	}

	await test('a search that finds nothing says what else one can do', async () => {
		const page = await open('/tickets?q=nonesuch');
		match(await page.locator('main').textContent(), /Nothing found.*Report it/s);
	});

	await test('the list goes on from page to page and back, and shows each ticket once', async () => {
		sql(`WITH made AS (INSERT INTO desk.ticket (subject, kind, severity, blocked, visibility, channel, filed_at)
			SELECT 'Mangosteen ' || n, 'bug', 4, 'no', 'public', 'web', now() - n * interval '1 minute' FROM generate_series(1, 60) n
			RETURNING number)
			INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'x' FROM made`);
		const page = await open('/tickets?q=mangosteen');
		const seen = await subjects(page);
		equal(seen.length, 25);
		for (const rest of [25, 10]) {
			const before = page.url();
			await page.getByRole('link', { name: 'More tickets' }).click();
			await page.waitForURL(url => url.href !== before);
			const more = await subjects(page);
			equal(more.length, rest);
			seen.push(...more);
		}
		equal(seen.length, new Set(seen).size);
		equal(await page.getByRole('link', { name: 'More tickets' }).count(), 0);
		await page.getByRole('link', { name: 'Back towards the first' }).click();
		await page.waitForURL(/newer=/);
		equal(await subjects(page), seen.slice(25, 50));
	});

	await test('the same query is a feed, a spreadsheet and data', async () => {
		const page = await open('/tickets?q=basket');
		for (const [name, type, holds] of [['Atom feed', 'application/atom+xml', '<feed'], ['CSV', 'text/csv', 'basket'], ['JSON', 'application/json', 'basket']]) {
			const link = await page.getByRole('link', { name }).getAttribute('href');
			match(link, /q=basket/);
			const answer = await page.request.get(base + link);
			equal(answer.status(), 200);
			ok(answer.headers()['content-type'].startsWith(type));
			ok((await answer.text()).includes(holds));
		}
		const feed = await page.locator('link[rel=alternate][type="application/atom+xml"]').getAttribute('href');
		equal((await page.request.get(base + feed)).status(), 200);
	});

	await test('a message can be linked to, and the link shows it', async () => {
		const page = await open('/tickets/9');
		const link = page.getByRole('link', { name: 'Link to this message' }).last();
		await link.click();
		const id = await page.evaluate(() => location.hash.slice(1));
		ok(await page.locator(`[id="${id}"]`).evaluate(message => message.getBoundingClientRect().top >= 0));
	});

	await test('times are told in the reader\'s own zone when asked', async () => {
		const page = await open('/tickets/9', { timezoneId: 'Asia/Tokyo' });
		const [time, title] = await page.locator('article time').first().evaluate(time => [time.dateTime, time.title]);
		match(await page.locator('article time').first().textContent(), /UTC$/);
		ok(title.includes(new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: 'Asia/Tokyo' }).format(new Date(time))), title);
	});

	await test('an address that asks to follow a ticket is asked itself, and can end it', async () => {
		const page = await open('/tickets/9', { javaScript: false });
		const count = () => sql('SELECT count(*) FROM desk.follower WHERE ticket = 9 AND confirmed_at IS NOT NULL AND stopped_at IS NULL');
		const before = count();
		await page.getByLabel('Email').fill('reader@example.com');
		await press(page, 'Tell me when it changes');
		equal(count(), before);
		const link = sql("SELECT substring(body from '/follow/[-_a-zA-Z0-9]+') FROM desk.outbox WHERE kind = 'confirm' ORDER BY id DESC LIMIT 1");
		await page.goto(link);
		equal(count(), before, 'to look is not to agree');
		await press(page, 'Yes, send me mail');
		equal(count(), String(Number(before) + 1));
		await press(page, 'Stop it again');
		equal(count(), before);
	});

	await test('the list is gone through by the keyboard, one stop for each ticket', async () => {
		const page = await open('/tickets?q=basket', { height: 640 });
		await walk(page, 'Search');
		await walk(page, 'My basket is lost when I log in');
		await page.keyboard.press('Tab');
		equal(await page.evaluate(() => document.activeElement.matches('.row h3 a, nav a')), true);
		await page.keyboard.press('Shift+Tab');
		await page.keyboard.press('Enter');
		await page.waitForURL(/\/tickets\/10$/);
		await walk(page, 'Tell me when it changes');
	});
});
