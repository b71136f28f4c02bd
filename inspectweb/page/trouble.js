import {$, el, put, attr, each, num, span, clock, plural, place, ask} from './dom.js';

// What each kind of trouble is called, what to do about it, and where docs/debugging.md says more.
const kinds = {
  stuck: {name: 'Stuck', section: 'a-shutdown-hangs',
    todo: 'The handler began here and has not returned. The stack says what it waits for: a lock, a channel, a call. Who fired waits with it, unless it is on a queue, and so would Destroy.'},
  teardown: {name: 'Hangs', section: 'a-shutdown-hangs',
    todo: 'The owner was cut off, and waits for what is listed here to return. A goroutine should look at its context. What it blocks in belongs to OwnBlocking. A lock held over Destroy belongs to Cancel.'},
  full: {name: 'Full', section: 'values-are-missing',
    todo: 'Values come faster than this handler takes them, or it is stuck. A full Block queue holds those who fire. Look whether it is stuck; else handle faster, on more queues, or drop.'},
  drops: {name: 'Drops', section: 'values-are-missing',
    todo: 'The queue has no room, and lets values go. That may be as it should be, where the last value counts alone. If each counts, use Block, or tell the subscriber that it missed some.'},
  lost: {name: 'Lost', section: 'an-owner-was-never-destroyed',
    todo: 'A root owner that was made here became garbage without Destroy. What it held goes on, and nobody can end it. Write defer owner.Destroy(), make a child in place of the root, or use Run.'},
  grows: {name: 'Grows', section: 'memory-grows',
    todo: 'There is more of this at one look after the other, and never less. It was given to an owner that outlives it. Give it to an owner of what it is about: a child for each client, session or job, destroyed when that goes.'},
};

export function headline(t) {
  const of = t.owner ? ' of ' + t.owner : '';
  const more = t.count > 1 ? ` and ${plural(t.count - 1, 'more')}`.replace('mores', 'more') : '';
  switch (t.kind) {
    case 'stuck': return 'A handler' + of + more + ' does not return';
    case 'teardown': return 'The teardown' + of + more + ' does not complete';
    case 'full': return 'The ' + t.what + of + more + ' is full';
    case 'drops': return 'The ' + t.what + of + more + ' drops values';
    case 'lost': return (t.count > 1 ? num(t.count) + ' owners ' : 'The owner ') + t.owner + (t.count > 1 ? ' were' : ' was') + ' never destroyed';
  }
  return num(t.count) + ' × ' + t.what + of + ', and more and more';
}

// since says for how long, or since when, in words that do not change the width of a line much.
function since(t, state) {
  const ms = Date.now() - state.skew - t.since;
  switch (t.kind) {
    case 'lost': return t.last && t.last !== t.since ? `last seen ${clock(t.last)}` : `seen ${clock(t.since)}`;
    case 'grows': return `+${num(t.grown)} in ${span(ms)}`;
    case 'drops': return `${num(t.grown)} in ${span(ms)}`;
  }
  return 'for ' + span(ms);
}

const badge = t => el('span', {class: 'badge', 'data-state': t.grave ? 'bad' : 'odd'}, kinds[t.kind].name);

export function line(t) {
  return el('a', {class: 'trouble', href: '#trouble', 'data-kind': t.kind}, badge(t), el('span', {class: 'text'}), place(t.where), el('span', {class: 'for dim'}));
}

export function updateLine(e, t, state) {
  put(e.querySelector('.text'), headline(t));
  put(e.querySelector('.for'), since(t, state));
  attr(e.querySelector('.badge'), 'data-state', t.grave ? 'bad' : 'odd');
}

function card(t) {
  const k = kinds[t.kind];
  const e = el('article', {class: 'card', 'data-kind': t.kind},
    el('h3', {}, badge(t), el('span', {class: 'text'})),
    el('p', {class: 'at'}, place(t.where && {...t.where, name: t.where.name}), el('span', {class: 'for dim'})),
    el('p', {class: 'more dim'}),
    el('p', {class: 'todo'}, k.todo, ' ', el('button', {type: 'button', class: 'link', on: {click: () => help(k.section)}}, 'docs/debugging.md')),
    el('div', {class: 'acts'}));
  if (!t.where) e.querySelector('.at').prepend(el('span', {class: 'place dim'}, 'The stacks are not clear about where.'));
  const acts = e.querySelector('.acts');
  const name = t.owner && t.kind !== 'lost' ? t.owner.split('/').at(-1).split('#')[0] : '';
  if (name && !name.includes('"') && !name.includes('…')) acts.append(el('a', {href: '#search=' + encodeURIComponent(name)}, 'Find the owner'));
  if (t.more) {
    const d = el('details', {}, el('summary', {}, t.kind === 'teardown' ? 'What it waits for' : 'Stack'), el('pre', {tabindex: '0'}, 'Asking…'));
    d.addEventListener('toggle', () => { if (d.open) stack(t, d.lastElementChild); });
    acts.append(d);
  }
  return e;
}

async function stack(t, pre) {
  try {
    const more = await ask('trouble?key=' + t.key);
    put(pre, [more.running.join('\n'), more.stack].filter(Boolean).join('\n\n') || 'The stacks are not clear about it.');
  } catch (e) {
    put(pre, e.status === 404 ? 'It is over.' : 'No answer.');
  }
}

export function show(state) {
  const list = state.look.trouble.length ? state.look.trouble : [null];
  each($('cards'), list, t => t ? t.key : '', t => t ? card(t) : el('div', {class: 'empty'}, el('p', {}, 'Nothing is wrong.'),
    el('p', {class: 'dim'}, `A handler or a teardown is stuck when it takes longer than ${span(state.hello.stuck)}. What grows shows after some looks. What is slow to grow, Compare shows: press m, and come back later.`)),
  (e, t) => {
    if (!t) return;
    updateLine(e, t, state);
    const more = e.querySelector('.more');
    put(more, t.text);
    more.hidden = !t.text;
  });
}

// The page docs/debugging.md, a section at a time. It is shown as text with little form.
let sections = null;

async function help(name) {
  try {
    sections ||= await ask('help');
  } catch {
    return;
  }
  const [title, ...rest] = sections[name].split('\n');
  put($('help-title'), title);
  $('help-text').replaceChildren(...blocks(rest.join('\n')));
  $('help').showModal();
  $('help').scrollTop = 0;
}

function blocks(text) {
  const out = [];
  for (const [i, part] of text.split(/^```.*\n?/m).entries()) {
    if (i % 2) {
      out.push(el('pre', {tabindex: '0'}, part.trimEnd()));
      continue;
    }
    for (const p of part.split(/\n\s*\n/)) {
      if (!p.trim() || p.trim().startsWith('<!--')) continue;
      if (p.trim().startsWith('- ')) out.push(el('ul', {}, ...p.trim().split(/^- /m).filter(Boolean).map(li => el('li', {}, ...inline(li)))));
      else out.push(el('p', {}, ...inline(p)));
    }
  }
  return out;
}

function inline(text) {
  return text.replace(/\n/g, ' ').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').split(/(`[^`]*`|\*\*[^*]*\*\*)/).map(s =>
    s.startsWith('`') ? el('code', {}, s.slice(1, -1)) : s.startsWith('**') ? el('b', {}, s.slice(2, -2)) : s);
}

export function start() {
  $('help-close').addEventListener('click', () => $('help').close());
  $('help').addEventListener('click', e => { if (e.target === $('help')) $('help').close(); });
}
