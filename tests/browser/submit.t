#!/usr/bin/env node
// Reporting a problem and following it: with JavaScript, without, by the
// keyboard alone, and when the browser dies over it.
const { desk, test, press, unhurried, walk, equal, match, ok } = require('./browser.js');

const text = 'Steps:\n\n1. **press** "Pay" & wait\n2. <b>nothing</b>\n\n    exactly  so';

// From the choice of forms to a form with everything typed, and the address
// wrong.
async function fill(page, subject) {
	await page.goto('/report');
	await page.getByRole('link', { name: 'Something is broken' }).click();
	await page.getByLabel('What happened, and what did you expect?').fill(text);
	await page.getByLabel('Which version').fill('7 & "8"');
	await choose(page, 'S2 Major');
	await choose(page, 'I have a way around it for now');
	await page.getByLabel('Which product?').selectOption('Billing');
	await page.getByLabel('What have you already tried').fill('the <manual>\n\nand sleep');
	await page.getByLabel('Your name').fill('Ada "of" <Ely>');
	await page.getByLabel('Your email address').fill('not an address');
	await press(page, 'Send report');
	equal(page.answer.status(), 422);
	match(await page.title(), /^Error: /);
	equal(await typed(page), {
		subject: '', body: text, answer1: '7 & "8"', answer2: '', severity: '2', blocked: 'workaround', product: 'billing',
		tried: 'the <manual>\n\nand sleep', visibility: 'public', private_words: '', name: 'Ada "of" <Ely>', mail: 'not an address',
	});
	await page.getByLabel('What is it about').fill(subject);
	await page.getByLabel('Your email address').fill('ada@example.com');
}

// A card is pressed anywhere; its label covers it.
async function choose(page, words) {
	await page.locator('label', { hasText: words }).click();
	ok(await page.getByLabel(words).isChecked());
}

// What would be sent, but for what is hidden from people.
function typed(page) {
	return page.locator('form[action^="/report/"]').evaluate(form =>
	    Object.fromEntries([...new FormData(form)].filter(([name, value]) => !['token', 'website'].includes(name) && typeof value === 'string')
	        .map(([name, value]) => [name, value.replaceAll('\r\n', '\n')])));
}

async function summary_leads_to_fields(page) {
	for (const [words, field] of [['Say in a few words what it is about', 'subject'], ['Enter an email address', 'mail']]) {
		await page.locator('#problems').getByRole('link', { name: words }).click();
		equal(await page.evaluate(() => document.activeElement.id || location.hash.slice(1)), field);
		match(await page.locator(`#${field}-e`).textContent(), new RegExp(words));
		equal(await page.locator(`#${field}`).getAttribute('aria-invalid'), 'true');
		ok((await page.locator(`#${field}`).getAttribute('aria-describedby')).split(' ').includes(`${field}-e`));
	}
}

async function received(page, subject) {
	match(page.url(), /\/my\/\d+\/receipt$/);
	const number = page.url().match(/\d+(?=\/receipt)/)[0];
	match(await page.locator('h1').textContent(), new RegExp(`Your report is number ${number}\\.`));
	match(await page.locator('main').textContent(), /A person (answers|will answer)|answer (is )?due|Answer due/i);
	ok((await page.locator('main').textContent()).includes(subject));
	return number;
}

// The secret link, in a browser that has never been here.
async function follow(open, page, number, how) {
	const link = await page.locator('a[href^="/r/"]').getAttribute('href');
	const mine = await open(link, how);

	match(mine.url(), new RegExp(`/my/${number}$`));
	return mine;
}

async function answer_back(mine, sql, number) {
	await mine.getByLabel('Your message').fill('One *more* thing');
	await press(mine, 'Send message');
	equal(await mine.locator('.msg').last().locator('em').textContent(), 'more');

	sql(`INSERT INTO desk.message (ticket, author, staff, name, body) SELECT ${number}, 'staff', id, name, 'Mended.' FROM desk.staff WHERE login = 'night'`);
	sql(`UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = ${number}`);
	await mine.reload();
	await mine.getByLabel('Your message').fill('It is back');
	await press(mine, 'It is not solved');
	equal(sql(`SELECT state FROM desk.ticket WHERE number = ${number}`), 'open');
	await press(mine, 'Solved, thank you');
	equal(sql(`SELECT state, confirmed_at IS NOT NULL FROM desk.ticket WHERE number = ${number}`), 'resolved|t');
	equal(await mine.getByRole('button', { name: 'Solved, thank you' }).count(), 0);
}

desk(async ({ open, sql, file }) => {
	for (const javaScript of [true, false]) {
		const how = javaScript ? 'with JavaScript' : 'without JavaScript';
		const subject = javaScript ? 'The basket is empty after signing in, says my zebra' : 'The basket is empty after signing in, with quince jelly';
		const page = await open('/', { javaScript });
		let number, mine;

		await test(`${how}, a report with faults comes back with everything that was typed`, async () => {
			await fill(page, subject);
		});
		await test(`${how}, the summary of faults is the first thing, and leads to each of them`, async () => {
			if (javaScript) {
				await page.reload(); // sends it again
				equal(await page.evaluate(() => document.activeElement.id), 'problems');
			}
			await summary_leads_to_fields(page);
		});
		await test(`${how}, a preview shows the text formatted and stores nothing`, async () => {
			const before = sql('SELECT count(*) FROM desk.ticket');
			const was = page.answeredAt;
			await page.getByLabel('What is it about').fill(subject);
			await page.getByLabel('Your email address').fill('ada@example.com');
			await page.getByRole('button', { name: 'Preview' }).click();
			const shown = page.locator('#preview .msg');
			await shown.waitFor();
			equal(await shown.locator('strong').textContent(), 'press');
			equal(await shown.locator('b', { hasText: 'nothing' }).count(), 0);
			equal(page.answeredAt === was, javaScript, 'a swap is no new page');
			equal((await typed(page)).body, text);
			equal(sql('SELECT count(*) FROM desk.ticket'), before);
		});
		await test(`${how}, similar tickets are a step, and "No, send mine" sends it`, async () => {
			await press(page, 'Send report');
			match(await page.locator('h1').textContent(), /Is it one of these\?/);
			equal(await page.locator('main button').first().textContent(), 'No, send mine');
			await page.getByRole('link', { name: 'The basket is empty after signing in' }).first().waitFor();
			await press(page, 'No, send mine');
			number = await received(page, subject);
		});
		await test(`${how}, everything arrived as it was typed`, async () => {
			equal(sql(`SELECT severity, blocked, product, tried, visibility, requester_name FROM desk.ticket WHERE number = ${number}`),
			    '2|workaround|billing|the <manual>\n\nand sleep|public|Ada "of" <Ely>');
			equal(sql(`SELECT body FROM desk.message WHERE ticket = ${number} ORDER BY posted_at LIMIT 1`).startsWith(text), true);
			equal(sql(`SELECT answer FROM desk.answer WHERE ticket = ${number}`), '7 & "8"');
		});
		await test(`${how}, the secret link opens the ticket in another browser`, async () => {
			mine = await follow(open, page, number, { javaScript });
			ok((await mine.locator('h1').textContent()).includes(subject));
			await mine.close();
		});
		await test(`${how}, the requester answers, says that it is not solved, and that it is`, async () => {
			mine = await follow(open, page, number, { javaScript });
			await answer_back(mine, sql, number);
		});
		await test(`${how}, "same problem" counts a voice and sends nothing`, async () => {
			const other = await open('/report/bug', { javaScript });
			// a visitor, by the network's address, is counted once
			const [same, words] = javaScript ? [9, 'The basket is empty after signing in'] : [13, 'Invoice download shows an empty page'];
			const count = () => sql(`SELECT me_toos FROM desk.ticket WHERE number = ${same}; SELECT count(*) FROM desk.ticket`).split('\n').map(Number);
			await other.getByLabel('What is it about').fill(words);
			await press(other, 'Send report');
			const [voices, tickets] = count();
			await press(other, `Same problem – follow #${same}`);
			equal(count(), [voices + 1, tickets]);
		});
	}

	await test('a press too many makes no second ticket', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('What is it about').fill('Pressed in a hurry');
		await unhurried(page);
		await page.getByRole('button', { name: 'Send report' }).dblclick();
		await page.waitForURL(/receipt$/);
		equal(sql("SELECT count(*) FROM desk.ticket WHERE subject = 'Pressed in a hurry'"), '1');
	});

	await test('what looks like a security hole is asked about before anything is stored', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('What is it about').fill('I found an SQL injection in your search');
		await press(page, 'Send report');
		await press(page, 'Yes, it is one');
		equal(page.answer.status(), 422);
		match(await page.locator('main').textContent(), /security@desk\.example/);
		equal(sql("SELECT count(*) FROM desk.ticket WHERE subject ~ 'injection'"), '0');
	});

	// --- drafts
	await test('a closed tab loses nothing, and the text can be discarded', async () => {
		const again = await open('/report');
		const page = await open('/report/bug', { like: again });
		await page.getByLabel('What is it about').fill('A draft');
		await page.getByLabel('Your name').fill('Ada');
		await page.getByLabel('What happened').fill('half a sent');
		await page.close();
		await again.goto('/report/bug');
		equal(await again.getByLabel('What is it about').inputValue(), 'A draft');
		equal(await again.getByLabel('What happened').inputValue(), 'half a sent');
		equal(await again.getByLabel('Your name').inputValue(), '');
		match(await again.locator('form .note').textContent(), /is back\. It was not sent/);
		await again.getByRole('button', { name: 'Discard' }).click();
		equal(await again.getByLabel('What happened').inputValue(), '');
		await again.reload();
		equal(await again.getByLabel('What is it about').inputValue(), '');
	});
	await test('a report that was received leaves no draft, and one that failed does', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('What is it about').fill('Sent in the end');
		await page.context().setOffline(true);
		await unhurried(page);
		await page.getByRole('button', { name: 'Send report' }).click();
		await page.waitForURL(/chrome-error/);
		await page.context().setOffline(false);
		page.trouble.length = 0;
		await page.goto('/report/bug');
		equal(await page.getByLabel('What is it about').inputValue(), 'Sent in the end');
		await file({}, 'bug', page);
		equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
		await page.goto(`/my/${page.number}`);
		await page.getByLabel('Your message').fill('More, half typ');
		await page.waitForFunction(() => localStorage.length === 1);
		await page.reload();
		equal(await page.getByLabel('Your message').inputValue(), 'More, half typ');
		await press(page, 'Send message');
		equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
		equal(await page.getByLabel('Your message').inputValue(), '');
	});
	await test('what only staff may read is never kept in the browser', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('What is it about').fill('Public so far');
		await page.waitForFunction(() => localStorage.length === 1);
		await choose(page, 'Only you and our staff');
		await page.waitForFunction(() => localStorage.length === 0);
		await page.getByLabel('What happened').fill('my secret');
		await page.goto('/report/access');
		await page.getByLabel('What is it about').fill('my secret');
		await page.goto('/report');
		equal(await page.evaluate(() => localStorage.length), 0);
	});
	await test('a draft of a month ago is forgotten', async () => {
		const page = await open('/report');
		await page.evaluate(() => localStorage.setItem('draft /report/bug', JSON.stringify({ at: Date.now() - 31 * 864e5, typed: [['subject', 'old']] })));
		await page.goto('/report/bug');
		equal(await page.getByLabel('What is it about').inputValue(), '');
		equal(await page.evaluate(() => localStorage.length), 0);
	});

	// --- the keyboard
	for (const width of [1200, 390])
		await test(`by the keyboard alone a report is sent, and one always sees where one is (${width} px)`, async () => {
			const page = await open('/', { width, height: 640 });
			await page.keyboard.press('Tab');
			equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to main content');
			await walk(page, 'Report a problem');
			await page.keyboard.press('Enter');
			await page.waitForURL('**/report');
			await page.keyboard.press('Tab');
			await page.keyboard.press('Enter'); // skips the header
			await walk(page, 'Something is broken');
			await page.keyboard.press('Enter');
			await page.waitForURL('**/report/bug');
			await walk(page, 'What is it about, in a few words?');
			await page.keyboard.press('Tab');
			await walk(page, 'Send report');
			await unhurried(page);
			await page.keyboard.press('Enter');
			await page.waitForFunction(() => document.activeElement.id === 'problems');
			await walk(page, 'Say in a few words what it is about');
			await page.keyboard.press('Enter');
			await page.keyboard.type(`Only keys ${width}`);
			await walk(page, 'S3 Minor');
			await page.keyboard.press('ArrowUp');
			await walk(page, 'Everyone');
			await page.keyboard.press('ArrowDown');
			await page.keyboard.press('Space');
			await walk(page, 'It holds secrets');
			await page.keyboard.press('Space');
			await walk(page, 'Send report');
			await unhurried(page);
			await page.keyboard.press('Space');
			await page.waitForURL(/receipt$/);
			equal(sql(`SELECT severity, visibility FROM desk.ticket WHERE subject = 'Only keys ${width}'`), '2|private');
		});
});
