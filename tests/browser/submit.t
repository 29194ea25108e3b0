#!/usr/bin/env node
// Reporting a problem: with JavaScript, without, and by the keyboard alone.
const { desk, test, press, equal, match, ok } = require('./browser.js');

desk(async ({ open, sql, file }) => {
	await test('a report is sent', async () => {
		const page = await open('/report');
		await page.getByRole('link', { name: 'Something is broken' }).click();
		await file({ subject: 'Zebra finches', body: 'x' }, 'bug', page);
	});
});
