#!/usr/bin/env node
// What holds on every page: valid HTML, no rule of axe broken in light, in
// dark and on a phone, nothing sideways down to 320 px, every target at least
// 24 px, nothing blocked by the Content-Security-Policy - while the ticket
// shown is as hostile as text can be.
//
// SHOTS=DIR writes pictures of all pages into DIR and tests nothing.
const fs = require('node:fs');
const { desk, test, library, press, equal, match, ok } = require('./browser.js');

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
		'> ' + 'q'.repeat(200) + '\n\n1. one\n   - ' + 'i'.repeat(150) + '\n\n# A heading\n\n## ' + 'h'.repeat(90),
		'| a | b |\n|---|---|\n| ' + 't'.repeat(120) + ' | ' + 'u'.repeat(120) + ' |',
		'https://desk.example/' + 'p'.repeat(200) + '?a=1&b=<script>',
	].join('\n\n'),
	name: '"><script>ran(13)</script>' + 'N'.repeat(40),
	tried: '</textarea><script>ran(14)</script> ' + 'T'.repeat(150),
	answer1: '"><script>ran(15)</script>' + 'A'.repeat(150),
};

// Every page: its name, and how somebody gets there who has a browser.  The
// visitor holds the link of the hostile ticket, the clerk is signed in.
const pages = ({ number, follow, stop, paged }) => [
	['the home page', 'visitor', '/'],
	['what we promise', 'visitor', '/promises'],
	['the keys', 'visitor', '/keys'],
	['how we do', 'visitor', '/record', page => unfold(page)],
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
	['the question about production', 'visitor', '/report/outage', async page => {
		await page.locator('#subject').fill(hostile.subject);
		await page.locator('#body').fill(hostile.body);
		await press(page, 'Send report');
		await page.getByRole('button', { name: 'Yes, wake the engineer on duty' }).waitFor();
	}],
	['what a paged engineer sees', 'visitor', paged],
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
	['what is not triaged', 'clerk', '/staff?view=untriaged'],
	['the load report', 'clerk', '/staff/load'],
	['a customer that is none', 'clerk', '/staff/tickets/9', async page => {
		await page.getByText('Change team and customer').click();
		await page.locator('#customer').fill(`"><script>ran(19)</script>${'C'.repeat(50)}`);
		await press(page, 'Change', page.locator('form[action$="/route"]'));
	}],
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
	['the pages', 'clerk', '/staff/pages', page => unfold(page)],
	['a verdict without a yes or no', 'clerk', '/staff/pages', async page => {
		await unfold(page);
		await page.locator('textarea[name=verdict]').first().fill(hostile.tried);
		await press(page, 'Save', page.locator('form[action$="/verdict"]').first());
	}],
	['who is on duty', 'clerk', '/duty'],
	['the weeks of the duty', 'clerk', '/duty/weeks'],
	['the duty page of the staff', 'clerk', '/staff/duty', page => unfold(page)],
	['mail and quiet hours', 'clerk', '/login/contact'],
	['why then?', 'visitor', `/tickets/${number}/why`],
	['what has to go', 'clerk', `/staff/tickets/${number}/redact`, async page => {
		await page.locator('#words').fill('the');
		await press(page, 'Show where it stands');
	}],
	['a file that has to go', 'clerk', `/staff/tickets/${number}/redact`, page => press(page, /^Take it out/)],
	['the report of a security hole', 'clerk', `/staff/tickets/${number}/vulnerability`, page => press(page, 'Withhold all of it now')],
	['a person\'s data', 'clerk', '/staff/people', async page => {
		await page.locator('#address').fill('nobody@home.example');
		await press(page, 'Look');
	}],
	['a person who is to be forgotten', 'clerk', '/staff/people', async page => {
		await page.locator('#address').fill('someone@example.com');
		await press(page, 'Look');
		await press(page, 'Forget this person');
	}],
	['production actions of a ticket', 'clerk', `/staff/tickets/${number}/actions`, async page => {
		await page.locator('#what').fill('systemctl restart shop');
		await page.locator('#why').fill('It hung.');
		await press(page, 'Write it down');
	}],
	['all production actions', 'clerk', '/staff/actions'],
	['why then, for the staff', 'clerk', `/staff/tickets/${number}/why`],
	['a refusal on the duty page', 'clerk', '/staff/duty', async page => {
		await unfold(page);
		await page.locator('#exempt_reason').fill(hostile.tried);
		await press(page, 'Enter', page.locator('form[action$="/exempt"]'));
		await page.locator('#problems').waitFor();
	}],
	['a link for a calendar', 'clerk', '/staff/duty', page => press(page, 'Make a link')],
	['the list of sessions', 'clerk', '/login/sessions'],
	['how one signs in', 'clerk', '/login/factor'],
	['the app with its code', 'clerk', '/login/factor/app', async page => {
		await page.locator('#code').fill('"><script>ran(21)</script>');
		await press(page, 'Confirm');
	}],
	['the page that makes a passkey', 'clerk', '/login/factor/passkey'],
	['a password that will not do', 'clerk', '/login/password', async page => {
		await page.locator('#password').fill('short');
		await press(page, 'Change it');
	}],
	['the proof that it is still you', 'clerk', '/login/again?to=factor'],
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
	sql(`UPDATE desk.ticket SET severity = 1, production_down = true WHERE number = ${visitor.number}`);
	const paged = sql("SELECT substring(body from '/page/[-_a-zA-Z0-9]+') FROM desk.outbox WHERE kind = 'page' ORDER BY id DESC LIMIT 1");
	sql(`INSERT INTO desk.ticket (subject, kind, severity, filed_at)
		SELECT subject, kind, 3, now() - interval '20 days' FROM desk.ticket WHERE number = ${visitor.number};
		INSERT INTO desk.policy (severity, plan, answer_seconds, solve_seconds, answer_calendar)
		SELECT 2, p.name, 5400, 86400, k.id FROM desk.calendar k, (SELECT name FROM desk.plan LIMIT 1) p WHERE k.name = 'office';
		DO $$ BEGIN PERFORM desk.sla_check(100), desk.record_renew(9); END $$;
		INSERT INTO desk.breach_reason (clock, reason) SELECT id, $h$${hostile.tried}$h$ FROM desk.clock WHERE breached_at IS NOT NULL LIMIT 1;
		INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256(''), 0, true);
		INSERT INTO desk.attachment (ticket, note, place, name, type, size, sha256)
		SELECT ticket, id, 1, $h$${hostile.name.replaceAll('/', '')}${'W'.repeat(99)}$h$, 'text/plain', 0, sha256('') FROM desk.note WHERE ticket = ${visitor.number}`);
	return { visitor, clerk, number: visitor.number, follow, paged, stop: follow.replace('follow', 'unfollow') };
}

async function shoot(state, dir) {
	let n = 0;

	fs.mkdirSync(dir, { recursive: true });
	for (const [name, who, path, then] of pages(state)) {
		const page = state[who];
		const file = `${dir}/${String(++n).padStart(2, '0')}-${name.replace(/[^a-z]+/gi, '-')}`;

		await page.setViewportSize({ width: 1200, height: 900 });
		await page.goto(path);
		await then?.(page);
		for (const width of [1200, 390])
			for (const colorScheme of ['light', 'dark']) {
				await page.setViewportSize({ width, height: 900 });
				await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
				await page.screenshot({ path: `${file}-${width}-${colorScheme}.png`, fullPage: true });
			}
		await page.emulateMedia({ colorScheme: 'light', media: 'print' });
		await page.screenshot({ path: `${file}-print.png`, fullPage: true });
		await page.emulateMedia({ media: null });
	}
}

// --- what is looked for

const html = new (library('html-validate').HtmlValidate)({
	extends: ['html-validate:standard', 'html-validate:a11y'],
	rules: {
		'doctype-style': 'off', // HTML knows no upper case
		'prefer-native-element': 'off', // a div may be a region
		'require-sri': 'off', // our own files only
		'long-title': 'off', // a ticket's subject is as long as it is
		'no-trailing-whitespace': 'off', // what people typed is kept
		'no-inline-style': 'error',
		'no-implicit-button-type': 'error',
	},
});

async function complaints_about_html(text) {
	const report = await html.validateString(text);

	return report.results.flatMap(result => result.messages)
	    .map(({ line, ruleId, message, selector }) => `${line}: ${ruleId}: ${message} (${selector})`);
}

const axe = fs.readFileSync(library.path('axe-core/axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];

// Of dark pages only what colours can break: all else is the same.
const of_colour = ['color-contrast', 'link-in-text-block'];

async function complaints_of_axe(page, only) {
	if (!await page.evaluate(() => 'axe' in window))
		await page.evaluate(axe);
	return page.evaluate(async run => {
		const { violations } = await axe.run(document, { ...run, resultTypes: ['violations'] });
		return violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => `${node.html.slice(0, 200)} ${node.failureSummary}`).join('\n')}`);
	}, only ? { runOnly: { type: 'rule', values: only } } : { runOnly: { type: 'tag', values: rules } });
}

// What stands out of the page, or would make it scroll sideways.
function sideways() {
	const wide = document.documentElement.clientWidth;
	const out = [...document.querySelectorAll('body *')].filter(element => {
		const box = element.getBoundingClientRect();
		return box.width > 0 && (box.right > wide + 1 || box.left < -1) && !element.closest('.vh, .skip, .scroll');
	});
	const found = out.map(element => `${element.tagName} .${element.className} "${element.textContent.trim().slice(0, 40)}"`);

	for (const element of document.querySelectorAll('[hidden]'))
		if (getComputedStyle(element).display !== 'none')
			found.push(`is shown, though hidden: ${element.outerHTML.slice(0, 90)}`);
	if (document.documentElement.scrollWidth > wide)
		found.push(`the page is ${document.documentElement.scrollWidth} px wide`);
	return found;
}

// Words that are cut off at a box's edge, where no scrolling brings them back.
function cut() {
	return [...document.querySelectorAll('main *')].filter(element => {
		const { overflowX } = getComputedStyle(element);
		return ['clip', 'hidden'].includes(overflowX) && element.scrollWidth > element.clientWidth + 1 && !element.closest('.vh, svg, input');
	}).map(element => `${element.tagName} .${element.className} "${element.textContent.trim().slice(0, 40)}"`);
}

// A target is hit 11 px from its middle in each direction; a link in the
// middle of a sentence is as high as its line (WCAG 2.5.8).
function small_targets() {
	const hits = (element, x, y) => {
		const found = document.elementFromPoint(x, y);
		return found && (element.contains(found) || [...element.labels ?? []].some(label => label.contains(found)));
	};
	return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')].filter(element => {
		if (!element.checkVisibility() || element.closest('.vh, .skip'))
			return false;
		const alone = element.parentElement.textContent.trim() === element.textContent.trim();
		if (element.tagName === 'A' && getComputedStyle(element).display === 'inline' && !alone)
			return false;
		element.scrollIntoView({ block: 'center' });
		const box = element.getClientRects()[0]; // of the first line
		const x = box.left + box.width / 2, y = box.top + box.height / 2;
		return [[-11.5, 0], [11.5, 0], [0, -11.5], [0, 11.5]].some(([right, down]) => !hits(element, x + right, y + down));
	}).map(element => `${element.outerHTML.slice(0, 160)}: ${element.getBoundingClientRect().width} x ${element.getBoundingClientRect().height}`);
}

// Anything that would run, or has.
function alive() {
	const found = [...document.querySelectorAll('*')].flatMap(element => [...element.attributes]
	    .filter(({ name, value }) => /^on|^style$/i.test(name) || /^\s*(javascript|data|vbscript):/i.test(value) && ['href', 'src', 'action', 'formaction'].includes(name))
	    .map(({ name, value }) => `${element.tagName} ${name}="${value.slice(0, 80)}"`));
	const scripts = [...document.scripts].filter(script => !/^\/static\/[a-z]+-[0-9a-f]{12}\.js$/.test(script.getAttribute('src')) || script.textContent);

	return [...found, ...scripts.map(script => script.outerHTML.slice(0, 120)), ...window.ran_at ?? []];
}

async function look(page, name, path, then) {
	await page.setViewportSize({ width: 1200, height: 900 });
	await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
	await page.goto(path);
	await then?.(page);
	await test(`${name}: its HTML is valid`, async () => {
		equal(await complaints_about_html(await page.answer.text()), []);
	});
	await test(`${name}: nothing that somebody typed can run`, async () => {
		equal(await page.evaluate(alive), []);
	});
	await test(`${name}: no rule of axe is broken, in light and in dark`, async () => {
		equal(await complaints_of_axe(page), []);
		await page.emulateMedia({ colorScheme: 'dark' });
		equal(await complaints_of_axe(page, of_colour), []);
		await page.emulateMedia({ colorScheme: 'light' });
	});
	await test(`${name}: it fits on a phone and a very small one`, async () => {
		for (const width of [390, 320]) {
			await page.setViewportSize({ width, height: 800 });
			equal(await page.evaluate(sideways), [], `${width} px`);
			equal(await page.evaluate(cut), [], `${width} px`);
		}
		await page.emulateMedia({ media: 'print' });
		equal(await page.evaluate(sideways), [], 'on paper');
		await page.emulateMedia({ media: null });
		await page.setViewportSize({ width: 390, height: 800 });
		equal(await page.evaluate(small_targets), []);
		equal(await complaints_of_axe(page), []);
	});
}

// --- do these tests see anything at all?

async function planted(page) {
	await page.goto('/report');
	await test('a planted fault is found by axe', async () => {
		await page.evaluate(() => document.querySelector('main').append(document.createElement('input')));
		const found = await complaints_of_axe(page);
		equal(found.length, 1);
		match(found[0], /^label: /);
	});
	await test('a planted fault is found in the HTML', async () => {
		const text = await page.answer.text();
		equal(await complaints_about_html(text), []);
		for (const [rule, fault] of [['no-inline-style', '<p style="x">x</p>'], ['wcag/h37', '<img src="x">'], ['close-order', '<p><b><i>x</b></i></p>']]) {
			const found = await complaints_about_html(text.replace('</main>', `${fault}</main>`));
			ok(found.some(complaint => complaint.includes(` ${rule}:`)), `${rule} in ${found.join('\n')}`);
		}
	});
	await test('planted faults are found by our own looks', async () => {
		await page.setViewportSize({ width: 320, height: 800 });
		await page.evaluate(() => {
			const [wide, small, link] = ['p', 'button', 'a'].map(name => {
				const element = document.createElement(name);
				element.textContent = 'x';
				return document.querySelector('main').appendChild(element);
			});
			wide.style.width = '400px';
			small.style.minHeight = small.style.padding = '0';
			small.style.font = '14px/1.2 sans-serif';
			link.href = 'javascript:ran(0)';
			link.style.display = 'block';
		});
		equal((await page.evaluate(sideways)).length, 2);
		equal((await page.evaluate(small_targets)).length, 1);
		equal((await page.evaluate(alive)).length, 4);
	});
	await test('a script that a page did not bring is blocked, and that is seen', async () => {
		await page.goto('/report');
		await page.evaluate(() => {
			const script = document.createElement('script');
			try {
				script.text = 'ran_at = ["it ran"]';
			} catch {
				// Trusted Types refuse already here
			}
			document.body.append(script);
		});
		equal(await page.evaluate(() => window.ran_at), undefined);
		ok(page.trouble.some(words => /blocked|Trusted|Content Security/.test(words)), page.trouble.join('\n'));
		page.trouble.length = 0;
	});
}

desk(async tools => {
	const state = await prepare(tools);

	if (process.env.SHOTS) {
		await shoot(state, process.env.SHOTS);
		await test(`pictures are in ${process.env.SHOTS}`, async () => {});
		return;
	}
	await planted(state.visitor);
	for (const [name, who, path, then] of pages(state))
		await look(state[who], name, path, then);
});
