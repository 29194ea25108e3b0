// Passkeys, on the pages that know of them.  A button named "prove" or "make"
// asks the browser; its answer goes into the hidden fields of the form, which
// is then sent like any other.  Without this file, or in a browser without
// passkeys, the buttons stay hidden.
const bytes = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), letter => letter.charCodeAt(0));
const text = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

// What the page says of the passkeys that would do, or that are there already.
function known(form) {
  return [...form.querySelectorAll('.passkey-id')].map(one => ({ type: 'public-key', id: bytes(one.value) }));
}

const five_minutes = 3e5;

function prove(form) {
  const whole = form.classList.contains('passkey-whole');
  return navigator.credentials.get({ publicKey: {
    challenge: bytes(form.elements.challenge.value),
    allowCredentials: known(form),
    userVerification: whole ? 'required' : 'preferred',
    timeout: five_minutes,
  } });
}

function make(form) {
  const user = form.elements.account;
  return navigator.credentials.create({ publicKey: {
    challenge: bytes(form.elements.challenge.value),
    rp: { name: document.querySelector('.brand').textContent.trim() },
    user: { id: bytes(form.elements.handle.value), name: user.value, displayName: user.value },
    pubKeyCredParams: [-7, -8, -257].map(alg => ({ type: 'public-key', alg })),
    excludeCredentials: known(form),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    attestation: 'none',
    timeout: five_minutes,
  } });
}

async function ask(button) {
  const form = button.form;
  const trouble = form.querySelector('.passkey-trouble');
  trouble.hidden = true;
  button.disabled = true;
  try {
    const credential = await (button.name === 'make' ? make : prove)(form);
    const answer = credential.response;
    form.elements.credential.value = text(credential.rawId);
    form.elements.client.value = text(answer.clientDataJSON);
    form.elements.authenticator.value = text(button.name === 'make' ? answer.getAuthenticatorData() : answer.authenticatorData);
    if (answer.signature) form.elements.signature.value = text(answer.signature);
    form.submit();
  } catch {
    // given up, no such passkey, or one that is there already: browsers do not say which
    button.disabled = false;
    trouble.hidden = false;
  }
}

if (window.PublicKeyCredential) {
  for (const place of document.querySelectorAll('.passkey')) place.hidden = false;
  document.addEventListener('click', event => {
    const button = event.target.closest('.passkey button');
    if (!button) return;
    event.preventDefault();
    const typed = button.form.elements.password;
    if (typed && !typed.reportValidity()) return;
    ask(button);
  });
}
