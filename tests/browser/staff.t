#!/usr/bin/env node
// The staff's work: sign in, find the next promise, answer, note, solve; with
// JavaScript, without, and by the keyboard alone.
const { desk, test, press, walk, base, equal, match, ok } = require('./browser.js');

desk(async ({ open, sql, sign_in, file }) => {
	for (const javaScript of [true, false]) {
		const how = javaScript ? 'with JavaScript' : 'without JavaScript';
		const subject = javaScript ? 'Xylophone out of tune' : 'Yodelling is not answered';
		const reader = await file({ subject, body: 'It **rattles**.' });
		const clerk = await open('/', { javaScript });
		const ticket = `/staff/tickets/${reader.number}`;

		await test(`${how}, the queue is for those who signed in`, async () => {
			await clerk.goto('/staff');
			match(clerk.url(), /\/login/);
			await sign_in(clerk);
			match(clerk.url(), /\/staff/);
			equal(await clerk.locator('h1').textContent(), 'Queue');
			ok(await clerk.locator('tbody tr').count() > 5);
		});
		await test(`${how}, a ticket is found and taken`, async () => {
			await clerk.getByRole('searchbox').fill(subject);
			await clerk.getByRole('button', { name: 'Search' }).click();
			await clerk.getByRole('link', { name: subject }).click();
			await clerk.waitForURL(`**${ticket}`);
			await press(clerk, 'Take it');
			match(await clerk.locator('.facts').first().textContent(), /Demo Staff \(you\)/);
		});
		await test(`${how}, a preview of an answer is shown to nobody else`, async () => {
			await clerk.getByLabel('Your message', { exact: true }).fill('Please *tune* it');
			const was = clerk.answeredAt;
			await clerk.locator('#reply-form').getByRole('button', { name: 'Preview' }).click();
			await clerk.locator('#reply-preview em').waitFor();
			equal(clerk.answeredAt === was, javaScript);
			equal(await clerk.getByLabel('Your message', { exact: true }).inputValue(), 'Please *tune* it');
			equal(sql(`SELECT count(*) FROM desk.message WHERE ticket = ${reader.number}`), '1');
		});
		await test(`${how}, an answer reaches the public and the requester`, async () => {
			await press(clerk, 'Send to requester');
			equal(await clerk.locator('.msg em').last().textContent(), 'tune');
			for (const page of [`/tickets/${reader.number}`, `/my/${reader.number}`]) {
				await reader.goto(page);
				equal(await reader.locator('.msg em').textContent(), 'tune');
				match(await reader.locator('.msg').last().textContent(), /Demo Staff\s*Staff/);
			}
		});
		await test(`${how}, an internal note is seen by the staff alone`, async () => {
			await clerk.locator('#note').fill('The **secretnote** of ours');
			await press(clerk, 'Add internal note');
			equal(await clerk.locator('.msg.private strong').textContent(), 'secretnote');
			match(await clerk.locator('.msg.private').textContent(), /Internal note.*only staff see this/);
			for (const page of [`/tickets/${reader.number}`, `/my/${reader.number}`, '/tickets?q=rattles', '/tickets.json?q=rattles', '/tickets.atom?q=rattles', '/tickets.csv?q=rattles']) {
				const answer = await reader.request.get(base + page);
				equal([page, answer.status()], [page, 200]);
				ok(!(await answer.text()).includes('secretnote'), page);
			}
		});
		await test(`${how}, a refusal stands beside its field and keeps what was typed`, async () => {
			await clerk.getByText('Solve', { exact: true }).first().click();
			await clerk.getByLabel('How does it end?').selectOption('Declined');
			await clerk.getByLabel('Why', { exact: true }).fill('Because we like it so');
			await press(clerk, 'Solve', clerk.locator('form[action$="/resolve"]'));
			match(await clerk.title(), /^Error: /);
			if (javaScript)
				equal(await clerk.evaluate(() => document.activeElement.id), 'problems');
			await clerk.locator('#problems a').first().click();
			ok(await clerk.locator('#alternative').isVisible());
			equal(await clerk.locator('#alternative').getAttribute('aria-invalid'), 'true');
			equal(await clerk.getByLabel('Why', { exact: true }).inputValue(), 'Because we like it so');
		});
		await test(`${how}, a solved ticket shows its solution on top`, async () => {
			await clerk.getByLabel('What they can do instead').fill('Play the drum');
			await press(clerk, 'Solve', clerk.locator('form[action$="/resolve"]'));
			equal(await clerk.locator('#problems').count(), 0);
			await reader.goto(`/tickets/${reader.number}`);
			await reader.reload(); // a browser keeps a public page for half a minute
			const solution = reader.getByRole('region', { name: 'The solution' });
			match(await solution.textContent(), /Declined.*Because we like it so.*Play the drum/s);
			ok(await solution.evaluate(it => it.getBoundingClientRect().top < document.querySelector('.thread').getBoundingClientRect().top));
			match(await reader.locator('.state.pill').first().textContent(), /Solved/);
		});
		await test(`${how}, two clerks who write at once lose nothing`, async () => {
			const other = await file({ subject: `${subject}, again`, body: 'Once more.' });
			const first = await open(`/staff/tickets/${other.number}`, { like: clerk });
			const second = await open(`/staff/tickets/${other.number}`, { like: clerk });
			await first.getByLabel('Your message', { exact: true }).fill('The first answer');
			await second.getByLabel('Your message', { exact: true }).fill('The second answer');
			await press(first, 'Send to requester');
			await press(second, 'Send to requester');
			match(await second.locator('h1').textContent(), /moved on/);
			match(await second.locator('.thread').textContent(), /The first answer/);
			equal(await second.getByLabel('Your message to the requester').inputValue(), 'The second answer');
			await press(second, 'Send to requester anyway');
			equal(sql(`SELECT string_agg(body, '; ' ORDER BY posted_at) FROM desk.message WHERE ticket = ${other.number} AND author = 'staff'`),
			    'The first answer; The second answer');
		});
		await test(`${how}, who signs out is out`, async () => {
			await clerk.goto('/staff');
			await press(clerk, 'Sign out');
			await clerk.goto(ticket);
			match(clerk.url(), /\/login/);
		});
		for (const page of [reader, clerk])
			await page.context().close();
	}

	await test('a wrong password is refused in words, and the login is kept', async () => {
		const page = await open('/login');
		await page.getByLabel('Login').fill('demo');
		await page.getByLabel('Password').fill('wrong');
		await press(page, 'Sign in');
		match(await page.locator('#problems').textContent(), /do not belong together/);
		equal(await page.evaluate(() => document.activeElement.id), 'problems');
		equal(await page.getByLabel('Login').inputValue(), 'demo');
		equal(await page.getByLabel('Password').inputValue(), '');
	});
	await test('a password manager can fill in the sign-in, and nothing hinders pasting', async () => {
		const page = await open('/login');
		equal(await page.getByLabel('Login').getAttribute('autocomplete'), 'username');
		equal(await page.getByLabel('Password').getAttribute('autocomplete'), 'current-password');
	});
	for (const width of [1200, 390])
		await test(`by the keyboard alone a clerk signs in, goes through the queue and answers (${width} px)`, async () => {
			const { number } = await file({ subject: `Keys ${width}`, body: 'x' });
			const page = await open('/login', { width, height: 640 });
			await walk(page, 'Login');
			await page.keyboard.type(process.env.DESK_STAFF);
			await page.keyboard.press('Tab');
			await page.keyboard.type(process.env.DESK_PASSWORD);
			await page.keyboard.press('Enter');
			await page.waitForURL('**/staff');
			await page.keyboard.press('/');
			equal(await page.evaluate(() => document.activeElement.type), 'search');
			await page.keyboard.type(`Keys ${width}`);
			await page.keyboard.press('Enter');
			await page.waitForURL(/q=Keys/);
			await page.keyboard.press('j');
			equal(await page.evaluate(() => document.activeElement.textContent), `Keys ${width}`);
			await page.keyboard.press('Enter');
			await page.waitForURL(/\/staff\/tickets\//);
			await walk(page, 'Your message');
			await page.keyboard.type('By keys');
			await walk(page, 'A real attempt to help');
			await page.keyboard.press('Space');
			await walk(page, 'Send to requester');
			await page.keyboard.press('Enter');
			await page.locator('.msg', { hasText: 'By keys' }).waitFor();
			equal(sql(`SELECT attempt FROM desk.message WHERE ticket = ${number} AND author = 'staff'`), 't');
			await walk(page, 'Solve');
			await page.keyboard.press('Space');
			await walk(page, 'How does it end?');
			await page.keyboard.type('Answered');
			await walk(page, 'What they can do instead');
			await page.keyboard.press('Tab');
			await page.keyboard.press('Enter');
			await page.locator('.note', { hasText: 'Answered' }).waitFor();
			equal(sql(`SELECT state FROM desk.ticket WHERE number = ${number}`), 'resolved');
		});
});
