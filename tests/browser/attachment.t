#!/usr/bin/env node
// Files of a form: chosen, pasted, dropped, taken away again by the keyboard,
// sent with and without JavaScript; and what a hostile one can do.
const { desk, test, press, unhurried, walk, equal, match, ok } = require('./browser.js');

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const file = (name, buffer = Buffer.from(`this is ${name}`), mimeType = 'application/octet-stream') => ({ name, buffer, mimeType });
const listed = page => page.locator('.drop .picked li > span:first-child').evaluateAll(all => all.map(one => one.firstChild.textContent.trim()));
const status = page => page.locator('.drop [role=status]').textContent();

// Files as paste and drop bring them.
function bring(page, event, files) {
	return page.locator('form[enctype] textarea').first().evaluate((node, [event, files]) => {
		const data = new DataTransfer();
		for (const { name, bytes, size, type } of files)
			data.items.add(new File([bytes ? Uint8Array.from(bytes) : new Uint8Array(size)], name, { type }));
		const made = event === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
		    : new DragEvent(event, { dataTransfer: data, bubbles: true, cancelable: true });
		return !node.dispatchEvent(made);
	}, [event, files]);
}

desk(async ({ open, sql, sign_in }) => {
	const attached = subject => sql(`SELECT string_agg(a.name || ' ' || a.size, ', ' ORDER BY a.id) FROM desk.attachment a
		JOIN desk.ticket t ON t.number = a.ticket WHERE t.subject = '${subject}'`);
	let number;

	await test('files are chosen in several goes, shown in a list, and one too large is refused by its name', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('What is it about').fill('Chosen with care');
		await page.getByLabel('Files').setInputFiles([file('first.txt'), file('Größe 截.png', png)]);
		await page.getByLabel('Files').setInputFiles([file('third.log')]);
		equal(await bring(page, 'drop', [{ name: 'huge.bin', size: 10 * 1048576 + 1, type: '' }]), true);
		equal(await listed(page), ['first.txt', 'Größe 截.png', 'third.log']);
		match(await status(page), /3 files go along\. huge\.bin is 10\.1 MiB, and a file can have 10 MiB\./);
		await page.getByRole('button', { name: 'Take away third.log' }).click();
		equal(await listed(page), ['first.txt', 'Größe 截.png']);
		await page.evaluate(() => {
			window.said = [];
			const bar = document.querySelector('.drop progress');
			new MutationObserver(() => window.said.push(`${bar.hidden ? '' : 'bar: '}${document.querySelector('.drop [role=status]').textContent}`))
			    .observe(document.querySelector('.drop'), { subtree: true, childList: true, attributes: true });
			addEventListener('pagehide', () => sessionStorage.setItem('said', JSON.stringify(window.said)));
		});
		await press(page, 'Send report');
		await page.waitForURL(/receipt$/);
		const said = await page.evaluate(() => JSON.parse(sessionStorage.getItem('said')));
		ok(said.some(words => /^bar: Sending files/.test(words)), 'the bar is shown while they go');
		ok(said.some(words => /All files have arrived/.test(words)), 'and their arrival is said');
		equal(attached('Chosen with care'), 'first.txt 17, Größe 截.png 70');
		number = page.url().match(/\d+(?=\/receipt)/)[0];
	});

	await test('what is too many is said in one sentence, with the count and the first names', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('Files').setInputFiles(Array.from({ length: 30 }, (_, n) => file(`n${n + 1}.txt`)));
		equal(await status(page), '20 files go along. 10 files are left out, since 20 are the most: n21.txt, n22.txt, n23.txt and 7 more.');
		equal((await listed(page)).length, 20);
		await press(page, 'Send report');
		await page.locator('#problems').waitFor();
		await page.getByLabel('Files').setInputFiles([file('late.txt')]);
		equal(await status(page), '20 files go along. 1 file is left out, since 20 are the most: late.txt.');
		await press(page, 'Take away n7.txt');
		equal(await bring(page, 'drop', [1, 2, 3].map(n => ({ name: `m${n}.bin`, size: n * 5e6, type: '' }))), true);
		equal(await status(page), '20 files go along. m3.bin is 14.4 MiB, and a file can have 10 MiB. 1 file is left out, since 20 are the most: m2.bin.');
	});

	await test('without JavaScript the first twenty files of thirty are kept, and the others named', async () => {
		const page = await open('/report/bug', { javaScript: false });
		await page.getByLabel('What is it about').fill('Thirty files');
		await page.getByLabel('Files').setInputFiles(Array.from({ length: 30 }, (_, n) => file(`n${n + 1}.txt`)));
		await press(page, 'Send report');
		match(await page.locator('#problems').textContent(), /10 files were not kept: choose again what shall go along\. 20 files are kept\./);
		equal(await page.locator('.drop .note li').allTextContents(), Array.from({ length: 10 }, (_, n) => `n${n + 21}.txt`));
		await press(page, 'Send report');
		await page.waitForURL(/receipt$/);
		equal(attached('Thirty files').split(', ').length, 20);
	});

	await test('a picture is seen on the page of its ticket, with its name for who cannot see it', async () => {
		const page = await open(`/tickets/${number}`);
		const image = page.getByRole('img', { name: 'Größe 截.png' });
		await image.scrollIntoViewIfNeeded();
		await page.waitForFunction(() => document.querySelector('.files img').complete);
		equal(await image.evaluate(node => [node.naturalWidth, node.loading]), [1, 'lazy']);
	});

	await test('a picture is pasted, files are dropped, and words are pasted as words', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('What is it about').fill('Pasted and dropped');
		equal(await bring(page, 'paste', [{ name: 'image.png', bytes: [...png], type: 'image/png' }]), true);
		equal(await bring(page, 'dragover', [{ name: 'x', bytes: [1], type: '' }]), true);
		ok(await page.locator('.drop.over').count(), 'the place to drop shows itself');
		equal(await bring(page, 'drop', [{ name: 'dropped.txt', bytes: [104, 105], type: 'text/plain' }]), true);
		equal(await page.locator('.drop.over').count(), 0);
		equal(await listed(page), ['pasted-1.png', 'dropped.txt']);
		const taken = await page.getByLabel('What happened').evaluate(node => {
			const data = new DataTransfer();
			data.setData('text/plain', 'words');
			data.items.add(new File(['x'], 'words.png', { type: 'image/png' }));
			return !node.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
		});
		equal(taken, false);
		equal(await listed(page), ['pasted-1.png', 'dropped.txt']);
		await press(page, 'Send report');
		await page.waitForURL(/receipt$/);
		equal(attached('Pasted and dropped'), 'pasted-1.png 70, dropped.txt 2');
	});

	await test('by the keyboard alone, files are taken away, and the focus is never lost', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('Files').setInputFiles([file('a.txt'), file('b.txt'), file('c.txt')]);
		await walk(page, 'Take away b.txt');
		await page.keyboard.press('Enter');
		equal(await listed(page), ['a.txt', 'c.txt']);
		equal(await page.evaluate(() => document.activeElement.textContent), 'Take away c.txt');
		await page.keyboard.press('Space');
		equal(await page.evaluate(() => document.activeElement.textContent), 'Take away a.txt');
		await page.keyboard.press('Enter');
		equal(await listed(page), []);
		equal(await page.evaluate(() => document.activeElement.id), 'file');
		equal(await page.getByLabel('Files').evaluate(input => input.files.length), 0);
	});

	await test('when the network fails, text and files are still there, and the next press sends them', async () => {
		const page = await open('/report/bug');
		await page.getByLabel('What is it about').fill('Sent at last');
		await page.getByLabel('Files').setInputFiles([file('kept.txt')]);
		await unhurried(page);
		await page.context().setOffline(true);
		await page.getByRole('button', { name: 'Send report' }).click();
		await page.locator('.drop [role=status]', { hasText: 'The network failed. Nothing is lost' }).waitFor();
		await page.context().setOffline(false);
		equal(await listed(page), ['kept.txt']);
		equal(await page.getByLabel('What is it about').inputValue(), 'Sent at last');
		await press(page, 'Send report');
		await page.waitForURL(/receipt$/);
		equal(attached('Sent at last'), 'kept.txt 16');
		page.trouble = page.trouble.filter(words => !/ERR_INTERNET_DISCONNECTED/.test(words));
	});

	for (const javaScript of [true, false])
		await test(`${javaScript ? 'with' : 'without'} JavaScript, files outlive a complaint and a question, and one can be left out`, async () => {
			const subject = `Kept ${javaScript ? 'with' : 'without'}`;
			const page = await open('/report/bug', { javaScript });
			await page.getByLabel('Files').setInputFiles([file('stays.txt'), file('goes.txt')]);
			await press(page, 'Send report');
			await page.locator('#problems').waitFor();
			equal(page.answer.status(), 422);
			equal(await page.locator('.drop .picked').first().locator('li > span:first-child').allTextContents(), ['stays.txt 17 bytes', 'goes.txt 16 bytes']);
			await page.getByLabel('What is it about').fill(subject);
			await press(page, 'Take away goes.txt');
			await page.locator('.picked li', { hasText: 'goes.txt' }).waitFor({ state: 'detached' });
			await page.getByLabel('Files').setInputFiles([file('comes.txt')]);
			await page.locator('label', { hasText: 'S1 Critical' }).click();
			await press(page, 'Send report');
			await page.getByRole('heading', { name: 'Is production down right now?' }).waitFor();
			match(await page.locator('main').textContent(), /Kept with the form, no need to choose again:\s*stays\.txt[^]*comes\.txt/);
			await press(page, 'No, it can wait for the first answer');
			await page.waitForURL(/receipt$/);
			equal(attached(subject), 'stays.txt 17, comes.txt 17');
		});

	await test('a hostile file runs nowhere: it is saved, whatever it calls itself', async () => {
		const page = await open('/report/bug');
		const script = '<script>top.ran?.(1); opener?.ran?.(1); document.title = "ran"</script>';
		await page.getByLabel('What is it about').fill('Not so nice');
		await page.getByLabel('Files').setInputFiles([file('page.html', Buffer.from(`<!doctype html>${script}`), 'text/html'),
		    file('drawing.svg', Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${script}</svg>`), 'image/svg+xml'),
		    file('both.gif', Buffer.from(`GIF89a/*${script}*/`), 'image/gif')]);
		await press(page, 'Send report');
		await page.waitForURL(/receipt$/);
		await page.goto(`/tickets/${page.url().match(/\d+(?=\/receipt)/)[0]}`);
		for (const name of ['page.html', 'drawing.svg']) {
			const saved = page.waitForEvent('download');
			await page.getByRole('link', { name }).click();
			equal((await saved).suggestedFilename(), name);
		}
		const image = await open(await page.getByRole('link', { name: 'both.gif' }).getAttribute('href'), { like: page });
		ok(await image.title() !== 'ran');
		// the browser's own viewer would like to style what it shows
		image.trouble = image.trouble.filter(words => !/inline style|style-src-attr/.test(words));
		equal(await page.evaluate(() => window.ran_at), undefined);
	});

	await test('staff answer with a file, and its requester has it', async () => {
		const page = await open('/login');
		await sign_in(page);
		await page.goto(`/staff/tickets/${number}`);
		await page.getByLabel('Your message').fill('Here is the patch');
		await page.locator('#reply-form').getByLabel('Files').setInputFiles([file('fix.patch', Buffer.from('+++'))]);
		await press(page, 'Send to requester');
		await page.waitForURL(new RegExp(`/staff/tickets/${number}$`));
		await page.locator('.msg', { hasText: 'Here is the patch' }).getByRole('link', { name: 'fix.patch' }).waitFor();
		equal(attached('Chosen with care'), 'first.txt 17, Größe 截.png 70, fix.patch 3');
	});
});
