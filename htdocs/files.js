// Files of a form: a list to look at before it is sent, paste and drop, and
// how far they have come.  Every form works without this file.
const make = (name, properties, ...inside) => {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...inside);
  return node;
};

function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1048576) return `${Math.ceil(bytes / 1024)} KiB`;
  return `${Math.ceil(bytes / 104857.6) / 10} MiB`;
}

// The first names of several.
function some(files) {
  const names = files.slice(0, 3).map(file => file.name).join(', ');
  return files.length > 3 ? `${names} and ${files.length - 3} more` : names;
}

function tend(input) {
  const field = input.closest('.drop'), form = input.form;
  const [most, each, together] = [...field.querySelectorAll('data')].map(data => Number(data.value));
  const list = make('ul', { className: 'plain picked small' });
  const status = make('p', { className: 'small', role: 'status' });
  const bar = make('progress', { max: 1, hidden: true });
  const stop = make('button', { type: 'button', className: 'mini', textContent: 'Stop', hidden: true });
  let chosen = [], arrived = [], request = null, through = false, pasted = 0;

  bar.setAttribute('aria-label', 'How much has been sent');
  field.append(list, make('div', { className: 'cluster' }, bar, stop), status);
  field.querySelector('.hint').append(' Drop files here, or paste an image.');

  // The input sends what it holds, so it holds what the list shows.
  function show() {
    const held = new DataTransfer();
    for (const file of chosen) held.items.add(file);
    input.files = held.files;
    list.replaceChildren(...arrived.map(file => row(file, make('span', { className: 'muted', textContent: 'has arrived' }))),
      ...chosen.map(file => row(file, button(file))));
  }

  function row(file, end) {
    return make('li', {}, make('span', {}, `${file.name} `, make('span', { className: 'muted', textContent: size(file.size) })), ' ', end);
  }

  function button(file) {
    const away = make('button', { type: 'button', className: 'mini' }, 'Take away', make('span', { className: 'vh', textContent: ` ${file.name}` }));
    away.addEventListener('click', () => {
      const at = chosen.indexOf(file);
      chosen.splice(at, 1);
      show();
      (list.querySelectorAll('button')[Math.min(at, chosen.length - 1)] ?? input).focus();
      status.textContent = `${file.name} does not go along.`;
    });
    return away;
  }

  // Those that wait with the form already, from an earlier page.
  const kept = field.querySelectorAll('[name=drop]').length;

  // Which reason keeps a file out, if one does.
  function reason(file) {
    if (file.size > each) return 'large';
    if (kept + arrived.length + chosen.length >= most) return 'many';
    if ([...chosen, file].reduce((bytes, one) => bytes + one.size, 0) > together) return 'heavy';
    return null;
  }

  const words = {
    large: files => files.length === 1 ? `${files[0].name} is ${size(files[0].size)}, and a file can have ${size(each)}.`
      : `${files.length} files are left out, since a file can have ${size(each)}: ${some(files)}.`,
    many: files => `${files.length} ${files.length === 1 ? 'file is' : 'files are'} left out, since ${most} are the most: ${some(files)}.`,
    heavy: files => `${files.length} ${files.length === 1 ? 'file is' : 'files are'} left out, since all together can have ${size(together)}: ${some(files)}.`,
  };

  function add(files) {
    const out = { large: [], many: [], heavy: [] };
    for (const file of files) {
      if (chosen.some(one => one.name === file.name && one.size === file.size && one.lastModified === file.lastModified)) continue;
      (out[reason(file)] ?? chosen).push(file);
    }
    show();
    const count = kept + arrived.length + chosen.length;
    status.textContent = [`${count} ${count === 1 ? 'file goes' : 'files go'} along.`,
      ...Object.keys(out).filter(why => out[why].length > 0).map(why => words[why](out[why]))].join(' ');
  }

  input.addEventListener('change', () => add([...input.files]));

  // What belongs to the confidential part is never one of these.
  const elsewhere = event => event.target.closest?.('#confidential');

  form.addEventListener('paste', event => {
    if (elsewhere(event)) return;
    const files = [...event.clipboardData?.files ?? []];
    // what has words as well is pasted as words
    if (files.length === 0 || event.clipboardData.types.includes('text/plain')) return;
    event.preventDefault();
    add(files.map(file => file.name === 'image.png' ? new File([file], `pasted-${++pasted}.png`, file) : file));
  });

  for (const name of ['dragenter', 'dragover'])
    form.addEventListener(name, event => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      field.classList.toggle('over', !elsewhere(event));
      if (elsewhere(event)) {
        // nobody there takes it, and the browser shall not open it
        if (event.defaultPrevented || event.target.type === 'file') return;
        event.dataTransfer.dropEffect = 'none';
      }
      event.preventDefault();
    });
  form.addEventListener('dragleave', event => {
    if (!form.contains(event.relatedTarget)) field.classList.remove('over');
  });
  form.addEventListener('drop', event => {
    field.classList.remove('over');
    const files = [...event.dataTransfer?.files ?? []];
    if (files.length === 0 || event.target.type === 'file' && elsewhere(event)) return;
    event.preventDefault();
    if (!elsewhere(event)) add(files);
  });

  function rest(words) {
    request = null;
    bar.hidden = stop.hidden = true;
    status.textContent = words;
  }

  // Files go ahead of their form, under its key; the form itself follows as
  // without this file, and whatever it has to say comes as a page.
  function ahead(press) {
    const data = new FormData(form);
    let told = 0;
    data.append('do', 'ahead');
    request = new XMLHttpRequest();
    request.open('POST', form.action);
    request.upload.onprogress = event => {
      bar.value = event.loaded / event.total;
      const quarter = Math.floor(4 * bar.value);
      if (quarter > told) status.textContent = `Sending files: ${25 * (told = quarter)} %`;
    };
    request.onload = () => {
      if (request.status === 204) {
        arrived.push(...chosen);
        chosen = [];
        show();
      }
      rest(request.status === 204 ? 'All files have arrived.' : '');
      through = true;
      form.requestSubmit(press);
      through = false;
    };
    request.onerror = () => rest('The network failed. Nothing is lost: your text and your files are still here. Please press the button again.');
    request.onabort = () => rest('Stopped. Nothing was sent.');
    bar.value = 0;
    bar.hidden = stop.hidden = false;
    status.textContent = 'Sending files.';
    request.send(data);
  }
  stop.addEventListener('click', () => request?.abort());

  // Before desk.js, which counts presses.
  document.addEventListener('submit', event => {
    if (event.target !== form || through || event.submitter?.dataset.swap) return;
    if (!request && chosen.length === 0) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!request) ahead(event.submitter);
  }, true);
}

for (const input of document.querySelectorAll('.drop input[type=file]')) tend(input);
