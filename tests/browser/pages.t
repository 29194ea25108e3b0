#!/usr/bin/env node
// What holds on every page: valid HTML, no rule of axe broken in light, in
// dark and on a phone, nothing sideways down to 320 px, every target at least
// 24 px, nothing blocked by the Content-Security-Policy - while the ticket
// shown is as hostile as text can be.
//
// SHOTS=DIR writes pictures of all pages into DIR and tests nothing.
const fs = require('node:fs');
const { desk, test, comment, library, press, equal, ok } = require('./browser.js');

// What somebody may type who wants a page to run, or to break.
const hostile = {
	subject: '<script>ran(1)</script> "><img src=x onerror=ran(2)> \u202Edesrever \u{1F984} ' + 'W'.repeat(70),
	body: [
		'<script>ran(3)</script> <img src=x onerror="ran(4)"> <svg onload=ran(5)>',
		'[press](javascript:ran(6)) [press](JaVaScRiPt:ran%287%29) [press](data:text/html,ran(8)) ![x](javascript:ran(9))',
		'<a href="javascript:ran(10)" onmouseover="ran(11)">press</a> </textarea><script>ran(12)</script>',
		'{{BODY_HTML}} {{#TICKET}} {{%AUTOESCAPE}} &lt;script&gt; \u202Edesrever\u202C \u{1F469}\u200D\u{1F680} \u05E9\u05DC\u05D5\u05DD',
		'W'.repeat(300),
		'`' + 'c'.repeat(200) + '`\n\n```\n' + 'l'.repeat(200) + ' --><!-- ]]>\n```',
		'> ' + 'q'.repeat(200) + '\n\n1. one\n   - ' + 'i'.repeat(150) + '\n\n# A heading\n\n### Another',
		'| a | b |\n|---|---|\n| ' + 't'.repeat(120) + ' | ' + 'u'.repeat(120) + ' |',
		'https://desk.example/' + 'p'.repeat(200) + '?a=1&b=<script>',
	].join('\n\n'),
	name: '"><script>ran(13)</script>' + 'N'.repeat(40),
	tried: '</textarea><script>ran(14)</script> ' + 'T'.repeat(150),
	answer1: '"><script>ran(15)</script>' + 'A'.repeat(150),
};

// Every page: its name, and how somebody gets there who has a browser.  The
// visitor holds the link of the hostile ticket, the clerk is signed in.
const pages = ({ number, follow, stop }) => [
	['the home page', 'visitor', '/'],
	['the list', 'visitor', '/tickets'],
	['a search', 'visitor', '/tickets?q=script&sort=best&kind=bug'],
	['a search without a find', 'visitor', '/tickets?q=%3Cscript%3Eran(16)%3C/script%3E+zzz'],
	['the choice of forms', 'visitor', '/report'],
	['the form', 'visitor', '/report/bug'],
	['the form with complaints', 'visitor', '/report/outage', async page => {
		await page.locator('#body').fill(hostile.body);
		await page.locator('#tried').fill(hostile.tried);
		await page.locator('#mail').fill('"><script>ran(17)</script>');
		await press(page, 'Send report');
	}],
	['the form with a preview', 'visitor', '/report/bug', async page => {
		await page.locator('#subject').fill(hostile.subject);
		await page.locator('#body').fill(hostile.body);
		await page.getByRole('button', { name: 'Preview' }).click();
		await page.locator('#preview .msg').waitFor();
	}],
	['the similar step', 'visitor', '/report/bug', async page => {
		await page.locator('#subject').fill(`The basket is empty after signing in ${hostile.subject}`.slice(0, 200));
		await page.locator('#body').fill(hostile.body);
		await press(page, 'Send report');
		await page.getByRole('button', { name: 'No, send mine' }).waitFor();
	}],
	['the question about security', 'visitor', '/report/bug', async page => {
		await page.locator('#subject').fill('Is there an exploit?');
		await page.locator('#body').fill(hostile.body);
		await press(page, 'Send report');
		await page.getByRole('button', { name: 'No, send it' }).waitFor();
	}],
	['the way for security holes', 'visitor', '/report/security'],
	['the receipt', 'visitor', `/my/${number}/receipt`],
	['the ticket', 'visitor', `/tickets/${number}`],
	['a solved ticket', 'visitor', '/tickets/6'],
	['a ticket with a long history', 'visitor', '/tickets/9'],
	['the answer to "me too"', 'visitor', '/tickets/9', page => press(page, 'This affects me too')],
	['the answer to a wrong address', 'visitor', '/tickets/9', async page => {
		await page.locator('#mail').fill('a@b');
		await press(page, 'Tell me when it changes');
	}],
	['the proof of an address', 'visitor', follow],
	['the end of mail', 'visitor', stop],
	['the ticket of its requester', 'visitor', `/my/${number}`],
	['what is not there', 'visitor', '/tickets/99999'],
	['what the web server says itself', 'visitor', '/static/none'],
	['the help on Markdown', 'visitor', '/help/markdown'],
	['the sign-in', 'visitor', '/login'],
	['a refused sign-in', 'visitor', '/login', async page => {
		await page.locator('#login').fill('"><script>ran(18)</script>');
		await page.locator('#password').fill('wrong');
		await press(page, 'Sign in');
	}],
	['the queue', 'clerk', '/staff'],
	['a search of the staff', 'clerk', '/staff?q=script'],
	['an empty view of the queue', 'clerk', '/staff?severity=1&kind=feature'],
	['the ticket of the staff', 'clerk', `/staff/tickets/${number}`, page => unfold(page)],
	['the staff\'s complaints', 'clerk', `/staff/tickets/${number}`, async page => {
		await unfold(page);
		await page.locator('#resolution').selectOption('declined');
		await page.locator('#reason').fill(hostile.tried);
		await page.locator('form[action$="/resolve"] button').click();
		await page.locator('#problems').waitFor();
	}],
	['two clerks at once', 'clerk', `/staff/tickets/${number}`, async page => {
		await page.locator('#reply').fill(hostile.body);
		await page.locator('#reply-form [name=version]').evaluate(input => { input.value = '1'; });
		await press(page, 'Send to requester');
		await page.getByRole('heading', { name: 'moved on' }).waitFor();
	}],
	['the list of sessions', 'clerk', '/login/sessions'],
];

function unfold(page) {
	return page.locator('details').evaluateAll(all => all.forEach(one => { one.open = true; }));
}

async function prepare({ open, sql, sign_in, file }) {
	const visitor = await open('/report/bug');
	await file({ ...hostile, mail: 'someone@example.com' }, 'bug', visitor);
	const clerk = await open('/');
	await sign_in(clerk);
	for (const [form, field, button] of [['note', 'note', 'Add internal note'], ['reply', 'reply', 'Send to requester']]) {
		await clerk.goto(`/staff/tickets/${visitor.number}`);
		await clerk.locator(`#${field}`).fill(hostile.body);
		await press(clerk, button);
		equal(await clerk.locator('#problems').count(), 0);
	}
	await visitor.goto(`/tickets/${visitor.number}`);
	await visitor.getByLabel('Email').fill('follower@example.com');
	await press(visitor, 'Tell me when it changes');
	const follow = sql("SELECT substring(body from '/follow/[-_a-zA-Z0-9]+') FROM desk.outbox WHERE kind = 'confirm' ORDER BY id DESC LIMIT 1");
	return { visitor, clerk, number: visitor.number, follow, stop: follow.replace('follow', 'unfollow') };
}

async function shoot(state, dir) {
	fs.mkdirSync(dir, { recursive: true });
	let n = 0;
	for (const [name, who, path, then] of pages(state)) {
		const page = state[who];
		await page.setViewportSize({ width: 1200, height: 900 });
		await page.goto(path);
		await then?.(page);
		const file = `${dir}/${String(++n).padStart(2, '0')}-${name.replace(/[^a-z]+/gi, '-')}`;
		for (const width of [1200, 390])
			for (const colorScheme of ['light', 'dark']) {
				await page.setViewportSize({ width, height: 900 });
				await page.emulateMedia({ colorScheme });
				await page.screenshot({ path: `${file}-${width}-${colorScheme}.png`, fullPage: true });
			}
		await page.emulateMedia({ colorScheme: 'light', media: 'print' });
		await page.screenshot({ path: `${file}-print.png`, fullPage: true });
		await page.emulateMedia({ media: null });
	}
}

desk(async tools => {
	const state = await prepare(tools);
	if (process.env.SHOTS) {
		await shoot(state, process.env.SHOTS);
		comment(`the pictures are in ${process.env.SHOTS}`);
		await test('pictures were made', async () => {});
		return;
	}
});
