// The confidential part of a form: what is typed and chosen here has no name,
// so it is never sent.  When the form is, it is encrypted first, and only
// then put into the fields that have one.  The library is loaded at that
// moment, or when somebody begins to type.
const $ = id => document.getElementById(id);
const text = $('seal-text'), files = $('seal-files'), sealed = $('sealed'), sealedFiles = $('sealed_file');
const form = text.form;
const library = () => import('./openpgp-6.3.2/openpgp.min.mjs');

// What was made of what: who sends the same again sends the same bytes.
let before = '', madeOf = null;
// While it is encrypted; and since then nothing has changed.
let busy = false, done = false;
let made = new WeakMap();
let added = new Set();

// What people can mend, in words for them.
class Refusal extends Error {}

function complain(words) {
  $('seal-said').textContent = words;
  $('seal-said').hidden = !words;
}

const print = key => key.getFingerprint().toUpperCase();

// From now on the page shows these, and what was made for others is no good.
function adopt(keys) {
  const shown = $('seal-keys'), command = $('seal-paste').querySelector('pre code');
  shown.replaceChildren(...keys.flatMap(key => {
    const code = document.createElement('code');
    code.className = 'fingerprint';
    code.append(print(key).match(/.{4}/g).join(' '));
    return [code, ' '];
  }));
  command.textContent = command.textContent.replace(/( --recipient [0-9A-F]+)+/, keys.map(key => ` --recipient ${print(key)}`).join(''));
  if (sealed.value === before) sealed.value = '';
  before = '';
  madeOf = null;
  made = new WeakMap();
}

// The keys that this page shows the fingerprints of, and no other.
async function keys(openpgp) {
  const answer = await fetch('/keys/support.asc', { cache: 'no-cache' });
  if (answer.status === 404) throw new Refusal('Nothing was sent: we have withdrawn our key, and have no other at the moment. What you entered is still here. Empty the confidential part to send the rest.');
  if (!answer.ok) throw new Error('our key could not be fetched');
  const found = await openpgp.readKeys({ armoredKeys: await answer.text() });
  const shown = new Set([...form.querySelectorAll('.fingerprint')].map(code => code.textContent.replace(/\s/g, '')));
  const ours = found.filter(key => shown.has(print(key)));
  if (ours.length === shown.size) return ours;
  adopt(found);
  throw new Refusal('Nothing was sent: our key was replaced while this page lay open. What you entered is still here, and the fingerprint of the new key is shown now. Press the button again to encrypt with that.');
}

// The limits that the form tells people, kept before anything is encrypted in
// vain: the server knows these files by no name that anybody would recognise.
function weigh() {
  const [most, each, together] = form.querySelectorAll('.drop data');
  const all = [...files.files, ...sealedFiles.files, ...$('file').files];
  const large = [...files.files].find(file => file.size + 4096 > Number(each.value));
  if (large) throw new Refusal(`Nothing was sent: ${large.name} is too large. A file can have ${each.textContent} at most.`);
  if (all.length + form.querySelectorAll('[name=drop]').length > Number(most.value))
    throw new Refusal(`Nothing was sent: with the confidential ones there are more than ${most.textContent} files. Please leave some out.`);
  if (all.reduce((bytes, file) => bytes + file.size, 0) > Number(together.value))
    throw new Refusal(`Nothing was sent: with the confidential ones the files have more than ${together.textContent} together. Please leave some out.`);
}

async function encrypt(button) {
  if (button?.name !== 'drop') weigh();
  const openpgp = await library();
  const encryptionKeys = await keys(openpgp);
  if (text.value && text.value !== madeOf) {
    const message = await openpgp.createMessage({ text: text.value });
    before = await openpgp.encrypt({ message, encryptionKeys });
    madeOf = text.value;
  }
  if (text.value) sealed.value = before;
  const list = new DataTransfer();
  for (const file of sealedFiles.files) list.items.add(file);
  for (const [n, file] of [...files.files].entries()) {
    if (!made.has(file)) {
      const message = await openpgp.createMessage({ binary: new Uint8Array(await file.arrayBuffer()), filename: file.name });
      const bytes = await openpgp.encrypt({ message, encryptionKeys, format: 'binary' });
      made.set(file, new File([bytes], `confidential-${n + 1}.gpg`));
    }
    list.items.add(made.get(file));
  }
  const own = list.items.length - files.files.length;
  sealedFiles.files = list.files;
  added = new Set([...sealedFiles.files].slice(own));
}

async function seal(button) {
  busy = true;
  complain('');
  try {
    await encrypt(button);
    done = true;
    form.requestSubmit(button);
  } catch (error) {
    $('confidential').open = true;
    complain(error instanceof Refusal ? error.message
      : `Nothing was sent: your browser could not encrypt the confidential part (${error.message}). What you entered is still here.`);
    $('seal-said').scrollIntoView({ block: 'center' });
  } finally {
    busy = false;
  }
}

// What was made of a text or of files that somebody has taken away since.
function undo() {
  if (!text.value) {
    if (sealed.value === before) sealed.value = '';
    before = '';
    madeOf = null;
  }
  const list = new DataTransfer();
  for (const file of sealedFiles.files) if (!added.has(file)) list.items.add(file);
  if (added.size > 0) sealedFiles.files = list.files;
  added = new Set();
}

// Before anybody else: this one may not go as it is.
function hold(event) {
  if (event.target !== form || done) return;
  if (!busy) undo();
  if (event.submitter?.dataset.swap) return;
  if (!text.value && files.files.length === 0) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (busy) return;
  if (text.value && sealed.value && sealed.value !== before) {
    $('confidential').open = $('seal-paste').open = true;
    complain('There is a confidential text and an encrypted message. Only one of them can go along: please empty the other.');
    return;
  }
  seal(event.submitter);
}

// What is pasted or dropped here is confidential, too, and not for the field of
// other files.
function take(event, from) {
  event.stopPropagation();
  const more = [...from?.files ?? []];
  if (more.length === 0 || event.target.type === 'file' || from.types.includes('text/plain')) return;
  event.preventDefault();
  const list = new DataTransfer();
  for (const file of [...files.files, ...more]) list.items.add(file);
  files.files = list.files;
  done = false;
}

if (window.isSecureContext && globalThis.crypto?.subtle) {
  $('seal-here').hidden = false;
  if (!$('seal-paste').querySelector('[aria-invalid]')) $('seal-paste').open = false;
  $('seal-kept').hidden = !sealed.value;
  $('seal-forget').addEventListener('click', () => {
    sealed.value = before = '';
    madeOf = null;
    $('seal-kept').hidden = true;
    text.focus();
  });
  $('confidential').addEventListener('paste', event => take(event, event.clipboardData));
  $('confidential').addEventListener('drop', event => take(event, event.dataTransfer));
  $('confidential').addEventListener('dragover', event => event.target.type !== 'file' && event.preventDefault());
  text.addEventListener('input', library, { once: true });
  for (const field of [text, files, sealed, sealedFiles])
    for (const kind of ['input', 'change']) field.addEventListener(kind, () => { done = false; });
  addEventListener('submit', hold, true);
} else $('seal-cannot').hidden = false;
