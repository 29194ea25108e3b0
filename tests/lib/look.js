// Pages in Chromium, for tests that are not written in JavaScript.  Reads an
// order as JSON and answers as JSON:
//
//	{ parse: [html...] }	what its HTML parser makes of each
//	{ visit: [{path, cookie, click}...], url, http }
//		opens each page as if the desk were at `url`, which is where it
//		says that it is; the bytes come from `http`.  So the browser
//		keeps every rule of a page that came over TLS.
const path = require('node:path');
const browserTests = path.join(__dirname, '../browser/');
const { chromium } = require(require.resolve('playwright-core', { paths: [browserTests] }));

const options = {
	executablePath: '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
		'--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND'],
};

// In the page: every element with its attributes and its own text.
function outline(html) {
	const found = [];
	const walk = root => {
		for (const element of root.querySelectorAll('*')) {
			found.push([element.localName, Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value])),
				['script', 'style', 'template'].includes(element.localName) ? element.textContent + (element.innerHTML ?? '') : '']);
			if (element.localName === 'template' && element.content)
				walk(element.content);
		}
	};
	walk(new DOMParser().parseFromString(html, 'text/html'));
	return found;
}

async function parse(browser, pages) {
	const page = await browser.newPage();

	return page.evaluate(`(pages => { ${outline}; return pages.map(outline); })(${JSON.stringify(pages)})`);
}

// Everything goes through here: the desk's own addresses are answered by the
// desk, whatever is asked of anybody else is trouble.
async function answer(route, { url, http }, cookie, trouble) {
	const request = route.request();

	if (!request.url().startsWith(`${url}/`)) {
		trouble.push(`asked for ${request.url()}`);
		return route.abort();
	}
	const got = await fetch(http + request.url().slice(url.length), {
		method: request.method(), redirect: 'manual',
		headers: { ...cookie ? { cookie } : {}, accept: request.headers().accept ?? '*/*' },
	});
	const headers = Object.fromEntries(got.headers);
	delete headers['content-encoding'];
	delete headers['content-length'];
	return route.fulfill({ status: got.status, headers, body: Buffer.from(await got.arrayBuffer()) });
}

// What only runs when somebody points at it or opens it.
function touch() {
	for (const one of document.querySelectorAll('details'))
		one.open = true;
	for (const one of [...document.querySelectorAll('*')].filter(({ attributes }) => [...attributes].some(({ name }) => name.startsWith('on'))))
		for (const kind of ['mouseover', 'focus', 'toggle', 'animationstart'])
			one.dispatchEvent(new Event(kind, { bubbles: true }));
}

async function visit(browser, order) {
	const visited = [];
	const context = await browser.newContext();
	let cookie = '', trouble = [];

	await context.route('**', route => answer(route, order, cookie, trouble));
	await context.addInitScript(() => {
		window.ran = which => (window.ran_at ??= []).push(`ran ${which}`);
		addEventListener('securitypolicyviolation', event => (window.ran_at ??= []).push(`blocked ${event.effectiveDirective} ${event.blockedURI}`));
	});
	const page = await context.newPage();

	page.on('console', message => {
		if (['error', 'warning'].includes(message.type()) && !/status of 4\d\d/.test(message.text()))
			trouble.push(`console: ${message.text()}`);
	});
	page.on('pageerror', error => trouble.push(`error: ${error}`));
	page.on('dialog', dialog => { trouble.push(`dialog: ${dialog.message()}`); return dialog.dismiss(); });
	for (const next of order.visit) {
		let status = 0;

		cookie = next.cookie;
		trouble = [];
		try {
			status = (await page.goto(order.url + next.path, { waitUntil: 'domcontentloaded', timeout: 10000 }))?.status() ?? 0;
			await page.evaluate(touch);
			trouble.push(...await page.evaluate(() => window.ran_at ?? []));
		} catch (error) {
			if (!/Download is starting|net::ERR_ABORTED/.test(String(error)))
				trouble.push(`page: ${error}`);
		}
		visited.push({ path: next.path, status, trouble });
	}
	await context.close();
	return visited;
}

async function main() {
	const chunks = [];
	for await (const chunk of process.stdin)
		chunks.push(chunk);
	const order = JSON.parse(Buffer.concat(chunks).toString('utf8'));
	const browser = await chromium.launch(options);

	try {
		process.stdout.write(JSON.stringify({
			parsed: order.parse ? await parse(browser, order.parse) : [],
			visited: order.visit ? await visit(browser, order) : [],
		}));
	} finally {
		await browser.close();
	}
}

main().catch(error => {
	console.error(error);
	process.exit(1);
});
