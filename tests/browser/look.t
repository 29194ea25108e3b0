#!/usr/bin/env node
// What it looks like and weighs: the themes, paper, high contrast, no motion,
// and the bytes of a first visit.
const { desk, test, comment, base, equal, match, ok } = require('./browser.js');

const colours = page => page.evaluate(() => {
	const { backgroundColor, color, colorScheme } = getComputedStyle(document.documentElement);
	return [backgroundColor, color, colorScheme];
});
const light = ['rgb(250, 248, 244)', 'rgb(28, 32, 48)', 'light'];
const dark = ['rgb(16, 19, 29)', 'rgb(235, 232, 225)', 'dark'];

async function choose_theme(page, theme) {
	await page.getByLabel('Theme').selectOption(theme);
	await page.getByRole('button', { name: 'Save' }).click();
	await page.waitForLoadState();
}

desk(async ({ open, sign_in, file }) => {
	await test('the page is as light or dark as the reader\'s system', async () => {
		const page = await open('/', { colorScheme: 'light' });
		equal(await colours(page), light);
		await page.emulateMedia({ colorScheme: 'dark' });
		equal(await colours(page), dark);
	});
	for (const javaScript of [true, false])
		await test(`a theme is chosen in the footer and kept, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
			const page = await open('/tickets/9', { javaScript, colorScheme: 'light' });
			await choose_theme(page, 'Dark');
			for (const path of ['/tickets/9', '/', '/tickets', '/report', '/report/bug', '/login', '/tickets/99999']) {
				await page.goto(path);
				equal([path, ...await colours(page)], [path, ...dark]);
				equal(await page.getByLabel('Theme').inputValue(), 'dark');
			}
			await choose_theme(page, 'Light');
			await page.emulateMedia({ colorScheme: 'dark' });
			equal(await colours(page), light);
			await choose_theme(page, 'Follow my system');
			equal(await colours(page), dark);
		});
	await test('the theme is kept on the pages of a link and of the staff', async () => {
		const page = await file({ subject: 'A dark matter', body: 'x' });
		await choose_theme(page, 'Dark');
		await page.goto(`/my/${page.number}`);
		equal(await colours(page), dark);
		await sign_in(page);
		equal(await colours(page), dark);
	});

	await test('on paper there is the ticket, black on white, also when dark was chosen', async () => {
		const page = await open('/tickets/9', { colorScheme: 'dark' });
		await choose_theme(page, 'Dark');
		await page.goto('/tickets/9');
		await page.emulateMedia({ media: 'print' });
		equal(await colours(page), ['rgb(255, 255, 255)', 'rgb(0, 0, 0)', 'light']);
		for (const gone of ['nav', 'main form', '.foot form', '.skip', 'button'])
			equal([gone, await page.locator(gone).evaluateAll(all => all.filter(one => one.checkVisibility()).length)], [gone, 0]);
		equal(await page.locator('main *').evaluateAll(all => all.filter(one => one.checkVisibility() &&
		    !['rgba(0, 0, 0, 0)', 'rgb(255, 255, 255)'].includes(getComputedStyle(one).backgroundColor)).map(one => one.outerHTML.slice(0, 80))), []);
		for (const there of ['h1', '.thread .msg', 'dl.facts'])
			ok(await page.locator(there).first().isVisible(), there);
		const faint = await page.locator('main :is(h1, h2, p, dt, dd, b, time, li)').evaluateAll(all => all.filter(one => {
			const [red, green, blue] = getComputedStyle(one).color.match(/\d+/g).map(Number);
			return one.checkVisibility() && Math.max(red, green, blue) > 0x55;
		}).map(one => one.outerHTML.slice(0, 80)));
		equal(faint, []);
	});
	await test('a receipt prints with its link', async () => {
		const page = await file({ subject: 'On paper', body: 'x' });
		await page.emulateMedia({ media: 'print' });
		ok(await page.getByText(`${base}${page.link}`).isVisible());
		equal(await page.locator('main .btn').evaluateAll(all => all.filter(one => one.checkVisibility()).length), 0);
	});

	await test('with the system\'s own colours, shapes and rings still show', async () => {
		const page = await open('/tickets', { forcedColors: 'active' });
		const mark = await page.locator('.state').first().evaluate(state => [getComputedStyle(state, '::before').backgroundColor, getComputedStyle(document.body).backgroundColor]);
		ok(mark[0] !== mark[1] && mark[0] !== 'rgba(0, 0, 0, 0)', mark.join(' '));
		ok(await page.locator('.sev').first().evaluate(severity => getComputedStyle(severity).borderTopWidth !== '0px'));
		ok(await page.locator('.tabs [aria-current]').evaluate(tab => getComputedStyle(tab).borderTopWidth === '2px'));
		await page.goto('/tickets/9');
		const [passed, left] = await page.locator('.bar').first().evaluate(bar => ['.v', '.t'].map(part => getComputedStyle(bar.querySelector(part)).fill));
		ok(passed !== left, `${passed} on ${left}`);
		await page.goto('/report/bug');
		await page.keyboard.press('Tab');
		await page.keyboard.press('Tab');
		ok(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle === 'solid'));
		const chosen = await page.locator('.pick > div').evaluateAll(all => new Set(all.map(one => getComputedStyle(one).borderTopColor)).size);
		ok(chosen > 0);
	});
	await test('who asks for more contrast gets it', async () => {
		const page = await open('/tickets');
		const muted = () => page.locator('.lede').evaluate(lede => getComputedStyle(lede).color);
		const before = await muted();
		await page.emulateMedia({ contrast: 'more' });
		ok(await muted() !== before);
	});
	await test('who wants no motion gets none', async () => {
		const moving = () => page.evaluate(() => [...document.querySelectorAll('*')].filter(element => {
			const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
			return /[1-9]/.test(transitionDuration) || animationName !== 'none' || scrollBehavior === 'smooth';
		}).length);
		const page = await open('/tickets', { reducedMotion: 'no-preference' });
		ok(await moving() > 0);
		await page.emulateMedia({ reducedMotion: 'reduce' });
		equal(await moving(), 0);
	});
	await test('with letters twice as large nothing goes sideways', async () => {
		const page = await open('/tickets/9', { width: 640 });
		const session = await page.context().newCDPSession(page);
		for (const path of ['/', '/tickets', '/report', '/report/bug', '/tickets/9']) {
			await page.goto(path);
			await session.send('Page.setFontSizes', { fontSizes: { standard: 32 } });
			equal([path, await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)], [path, '32px']);
			equal([path, await page.evaluate(() => document.documentElement.scrollWidth)], [path, 640]);
		}
	});

	for (const path of ['/', '/tickets', '/report', '/report/bug', '/tickets/9', '/help/markdown'])
		await test(`the first load of ${path} takes at most 25 kB, and nothing holds up its showing`, async () => {
			const page = await open('about:blank');
			const session = await page.context().newCDPSession(page);
			let bytes = 0;
			const asked = new Set();
			await session.send('Network.enable');
			session.on('Network.responseReceived', ({ response }) => asked.add(new URL(response.url).pathname));
			session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
			await page.goto(path, { waitUntil: 'networkidle' });
			// A browser with a window asks for the icon too.
			const icon = await page.locator('link[rel=icon]').getAttribute('href');
			if (!asked.has(icon))
				bytes += Number((await page.request.head(base + icon)).headers()['content-length']) + 500;
			comment(`${path}: ${bytes} bytes`);
			ok(bytes <= 25000, `${bytes} bytes`);
			ok(bytes > 5000, `${bytes} bytes cannot be all`);
			ok([...asked].some(name => name.endsWith('.css')) && [...asked].some(name => name.endsWith('.js')), [...asked].join(' '));
			equal(await page.locator('script:not([type=module])').count(), 0);
			equal(await page.locator('script[type=module]:not([src])').count(), 0);
			equal(await page.locator('link[rel=stylesheet]').count(), 1);
		});
	await test('what was loaded once is not asked for again', async () => {
		const page = await open('/');
		const session = await page.context().newCDPSession(page);
		const asked = new Map();
		await session.send('Network.enable');
		session.on('Network.requestWillBeSent', ({ requestId, request }) => asked.set(requestId, new URL(request.url).pathname));
		session.on('Network.requestServedFromCache', ({ requestId }) => asked.delete(requestId));
		session.on('Network.responseReceived', ({ requestId, response }) => response.fromDiskCache && asked.delete(requestId));
		await page.goto('/tickets', { waitUntil: 'networkidle' });
		// Chromium fetches the icon when it likes, and not through this cache.
		equal([...asked.values()].filter(path => !path.endsWith('.svg')), ['/tickets']);
	});
});
