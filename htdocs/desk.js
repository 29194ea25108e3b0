// Every page works without this file.
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (name, properties) => Object.assign(document.createElement(name), properties);

// Times.  The server writes UTC in words; the tooltip says the same moment
// where the reader is.  The locale is the reader's and not the page's: English
// alone does not tell whether the month comes before the day.
const locale = navigator.languages?.length ? navigator.languages : undefined;
const local = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || undefined, { numeric: 'auto', style: 'short' });
const units = [['day', 864e5], ['hour', 36e5], ['minute', 6e4]];
const server = Date.parse($('meta[name=server-time]')?.content ?? '');
const skew = server ? server - Date.now() : 0; // the reader's clock may be wrong

function distance(ms) {
  for (const [unit, size] of units)
    if (Math.abs(ms) >= size) return relative.format(Math.trunc(ms / size), unit);
  return relative.format(0, 'minute');
}

function tick() {
  for (const time of $$('time[datetime]')) {
    const moment = Date.parse(time.dateTime);
    if (isNaN(moment)) continue;
    time.title ||= `${local.format(moment)} (${time.dateTime})`;
    if ('rel' in time.dataset) time.textContent = distance(moment - Date.now() - skew);
  }
}
tick();
setInterval(tick, 3e4);

// The error summary takes the focus: who cannot see it hears it first.
$('#problems')?.focus();

// What changed without a new page is said to screen readers.
const live = document.body.appendChild(make('p', { className: 'vh', role: 'status' }));

function say(words) {
  live.textContent = '';
  setTimeout(() => { live.textContent = words; }, 50);
}

// A button with data-swap="id" sends its form in the background and takes the
// element of that id out of the answer.  XMLHttpRequest parses it into a
// document of its own: no innerHTML, so the page can demand Trusted Types.
function swap(form, button, id) {
  const request = new XMLHttpRequest();
  // files are not looked at by what is swapped
  const data = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === 'string'));
  if (button.name) data.append(button.name, button.value);
  // button.formAction is the page's own address where there is none
  request.open('POST', button.hasAttribute('formaction') ? button.formAction : form.action);
  request.responseType = 'document';
  request.onload = () => {
    const fresh = request.response?.getElementById(id);
    const old = document.getElementById(id);
    if (!fresh || !old) return send(form, button); // the whole page, then
    old.replaceWith(document.importNode(fresh, true));
    tick();
    say(fresh.getAttribute('aria-label') || 'Updated');
  };
  request.onerror = () => say('The network failed. Nothing is lost: your text is still here. Please try again.');
  request.send(data);
}

function send(form, button) {
  delete button.dataset.swap;
  form.requestSubmit(button);
}

// Drafts.  A form with data-draft keeps its text in this browser until it has
// been received: a dead network or a closed tab loses nothing.  What only staff
// may read is never kept, nor are name and address, and nothing for longer than
// a month: somebody else may use this browser next.
const form = $('form[data-draft]');
const place = `draft ${location.pathname}`;
const texts = form ? $$('textarea:not([autocomplete]), input:not([type], [autocomplete])', form) : [];
const said = () => $$('.thread > li').length;
let waiting;

function keep() {
  waiting = clearTimeout(waiting);
  const typed = texts.filter(text => text.value).map(text => [text.name, text.value]);
  if (typed.length === 0 || new FormData(form).get('visibility') === 'private') localStorage.removeItem(place);
  else localStorage.setItem(place, JSON.stringify({ at: Date.now(), typed }));
}

function restore({ at, typed }) {
  const words = `What you typed here on ${local.format(at)} is back. It was not sent. `;
  const note = make('p', { className: 'note is-wait', textContent: words });
  const button = make('button', { type: 'button', className: 'mini', textContent: 'Discard' });
  for (const text of texts) text.value = new Map(typed).get(text.name) ?? '';
  button.addEventListener('click', () => {
    for (const text of texts) text.value = '';
    keep();
    note.remove();
    texts[0].focus();
  });
  note.append(button);
  form.prepend(note);
  say(words);
}

try {
  // What was sent has arrived when this is a receipt, or the thread is longer.
  const [sent, before] = JSON.parse(sessionStorage.getItem('sent')) ?? [];
  if (sent && ($('#receipt') || sent === place && said() > before)) {
    localStorage.removeItem(sent);
    sessionStorage.removeItem('sent');
  }
  for (const key of Object.keys(localStorage).filter(key => key.startsWith('draft '))) {
    const draft = JSON.parse(localStorage.getItem(key));
    if (draft.at < Date.now() - 30 * 864e5) localStorage.removeItem(key);
    else if (key === place && form && !texts.some(text => text.value)) restore(draft);
  }
  form?.addEventListener('input', () => { waiting ??= setTimeout(keep, 500); });
  form?.addEventListener('submit', () => sessionStorage.setItem('sent', JSON.stringify([place, said()])));
  addEventListener('pagehide', () => waiting && keep());
} catch {
  // This browser keeps nothing, by its owner's wish.
}

// One report per press, also for those who press twice.
document.addEventListener('submit', event => {
  const form = event.target, button = event.submitter;
  if (button?.dataset.swap) {
    event.preventDefault();
    return swap(form, button, button.dataset.swap);
  }
  if (form.dataset.sent) return event.preventDefault();
  if (form.method !== 'post') return;
  form.dataset.sent = 1;
  setTimeout(() => delete form.dataset.sent, 4000);
});
addEventListener('pageshow', () => $$('form[data-sent]').forEach(form => delete form.dataset.sent));

// What is marked inside data-mark="id" goes into the field of that id.
const marked = $('[data-mark]');
if (marked) {
  for (const hint of $$('[data-mark-hint]')) hint.hidden = false;
  document.addEventListener('selectionchange', () => {
    const selection = document.getSelection();
    if (selection.isCollapsed || !marked.contains(selection.anchorNode) || !marked.contains(selection.focusNode)) return;
    document.getElementById(marked.dataset.mark).value = selection.toString();
  });
}

// Keys, only on pages that ask for them with data-keys and while the body does
// not say data-keys="off" (WCAG 2.1.4): j and k move, x ticks, / searches.
function press(key) {
  const rows = $$('[data-keys] tbody tr, [data-keys] .row');
  const at = rows.findIndex(row => row.contains(document.activeElement));
  const go = n => $('a', rows[Math.max(0, Math.min(rows.length - 1, n))])?.focus();
  const actions = {
    j: () => go(at + 1),
    k: () => go(at < 0 ? 0 : at - 1),
    x: () => at >= 0 && $('input[type=checkbox]', rows[at])?.click(),
    '/': () => $('input[type=search]')?.focus(),
    '?': () => $('dialog#keys')?.showModal(),
  };
  if (rows.length === 0 && (key === 'j' || key === 'k')) return false;
  actions[key]?.();
  return key in actions;
}

if ($('[data-keys]') && document.body.dataset.keys !== 'off')
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input:not([type=checkbox]), textarea, select')) return;
    if (press(event.key)) event.preventDefault();
  });
